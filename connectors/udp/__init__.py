"""Devices that send datagrams, each of them one message.

    connectors:
      panels:
        type: udp
        bind: 0.0.0.0:5140
        from: 10.0.0.0/24
    sensors:
      boiler:
        kind: sensor
        profile: boiler
        connector: panels
        address: {from: 10.0.0.71}
        cameras: [boiler-room]

Nothing is ever sent. UDP has no acknowledgement, and a sender is who it says it is: what was lost is counted and said,
and an address is no proof of anything.
"""

from connectors.udp.connector import UdpConnector
from connectors.udp.settings import UdpAddress, UdpSettings

__all__ = ["UdpAddress", "UdpConnector", "UdpSettings"]
