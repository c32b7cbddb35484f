"""Devices that connect and push messages, one after the other, over plain TCP: JSON objects, lines, frames of any kind.

    connectors:
      yard:
        type: tcp
        bind: 0.0.0.0:9000
    sensors:
      yard-lpr:
        kind: lpr
        profile: cammra
        connector: yard
        address: {from: 10.0.0.22}
        cameras: [yard-wide]

Nothing is ever sent to the device. There is no acknowledgement: what was on its way when the bridge was killed is gone.
"""

from connectors.tcp.connector import TcpConnector
from connectors.tcp.settings import TcpAddress, TcpSettings

__all__ = ["TcpAddress", "TcpConnector", "TcpSettings"]
