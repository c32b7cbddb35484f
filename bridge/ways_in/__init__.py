"""The connectors of a running site: started, changed with a reload, and stopped. A change is whole, or none at all."""

from bridge.ways_in.gate import Gate
from bridge.ways_in.link import ConnectorStatus
from bridge.ways_in.ways import CannotChange, Change, WaysIn, port_of

__all__ = ["CannotChange", "Change", "ConnectorStatus", "Gate", "WaysIn", "port_of"]
