"""Devices that wait to be connected to and then tell their messages over plain TCP; we are the client.

    connectors:
      scale:
        type: tcp-client
        host: 10.0.0.60
        port: 4001
        framing: lines
    sensors:
      weighbridge:
        kind: pos
        profile: scale
        connector: scale
        cameras: [yard-wide]

Nothing but the greeting is ever sent. There is no acknowledgement, and what the device says while the connection is
away is not said again.
"""

from connectors.tcp_client.connector import TcpClientConnector
from connectors.tcp_client.settings import TcpClientAddress, TcpClientSettings

__all__ = ["TcpClientAddress", "TcpClientConnector", "TcpClientSettings"]
