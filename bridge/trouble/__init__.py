"""The second way: what is wrong is said to people by other means than the VMS that may be what is wrong."""
