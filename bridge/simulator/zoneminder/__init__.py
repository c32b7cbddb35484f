"""A small ZoneMinder that behaves as the Debian package 1.36.33 was seen to, its weaknesses included."""

from bridge.simulator.zoneminder.server import SimulatedZoneMinder

__all__ = ["SimulatedZoneMinder"]
