"""A simulated VXG cloud: the endpoints, credentials and errors of section 12 of the reference, bad days on demand."""

from bridge.simulator.vxg.server import SimulatedVxg
from bridge.simulator.vxg.store import Raised

__all__ = ["Raised", "SimulatedVxg"]
