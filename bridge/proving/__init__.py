"""Proving a site from the outside: names, ways, certificates, clocks, disk, ports, rights, tokens, and a round trip.

No part of the service. Every probe has a bound in time, changes nothing, and ends in lines: what is so, where, and what
to do. The one thing that is left behind is the test event of a round trip.
"""
