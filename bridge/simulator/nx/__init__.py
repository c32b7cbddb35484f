"""A small Nx site, and the cloud that stands before one, as the reference ``vms-nxwitness.md`` describes them [12]."""

from bridge.simulator.nx.cloud import SimulatedNxCloud
from bridge.simulator.nx.server import SimulatedNx

__all__ = ["SimulatedNx", "SimulatedNxCloud"]
