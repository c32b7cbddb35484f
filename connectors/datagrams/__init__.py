"""Messages that are one datagram each: a UDP port read so that a storm fits through, fair to every sender, and what was
lost counted and said. For ``udp`` and ``snmp``."""
