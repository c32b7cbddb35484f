"""A simulated OMNI Platform (3DiVi): WebSocket endpoint, webhooks, GraphQL."""

from bridge.simulator.omni.documents import Happening, Kind
from bridge.simulator.omni.platform import Frames, SimulatedOmni

__all__ = ["Frames", "Happening", "Kind", "SimulatedOmni"]
