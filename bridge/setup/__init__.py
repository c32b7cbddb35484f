"""What helps an installer to make a site: whose credentials open what, cameras found in a VMS, a first site file.

No part of the running service.
"""
