"""A small Frigate that behaves as the reference tells of 0.16 to 0.18, its delays included."""

from bridge.simulator.frigate.server import SimulatedFrigate

__all__ = ["SimulatedFrigate"]
