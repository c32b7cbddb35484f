"""A small Digifort, shaped by reference ``vms-digifort.md``, 11."""

from bridge.simulator.digifort.server import SimulatedDigifort

__all__ = ["SimulatedDigifort"]
