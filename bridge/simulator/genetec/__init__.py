"""A small Security Center behind its Web SDK role, shaped by reference ``vms-genetec.md``, 10."""

from bridge.simulator.genetec.server import SimulatedGenetec

__all__ = ["SimulatedGenetec"]
