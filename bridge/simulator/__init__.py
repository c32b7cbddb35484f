"""Simulated VMS and simulated sensors: for the demo, for tests, for installers without a device at hand."""
