"""A small XProtect that behaves as the reference says: Event Server, API Gateway, a generic data source, AI Bridge."""

from bridge.simulator.milestone.server import SimulatedMilestone

__all__ = ["SimulatedMilestone"]
