"""SNMP: devices that send traps and informs, versions 1, 2c and 3, and devices that are asked.

    connectors:
      traps:
        type: snmp
        bind: 0.0.0.0:162
        communities: [secret:snmp-traps]
    sensors:
      ups:
        kind: device
        profile: ups
        connector: traps
        address: {from: 10.0.0.50}
        cameras: [server-room]

An inform is answered when it is on disk. A trap has no acknowledgement: what was on its way when the bridge was killed
is gone. The package pysnmp (extra ``snmp``) is needed for version 3 and for asking, and imported only then.
"""

from connectors.snmp.connector import SnmpConnector
from connectors.snmp.poll_settings import SnmpPollAddress, SnmpPollSettings
from connectors.snmp.polling import SnmpPollConnector
from connectors.snmp.settings import SnmpAddress, SnmpSettings

__all__ = [
    "SnmpAddress",
    "SnmpConnector",
    "SnmpPollAddress",
    "SnmpPollConnector",
    "SnmpPollSettings",
    "SnmpSettings",
]
