"""Devices and platforms that tell their events in an HTTP response which does not end; we ask, and listen.

    connectors:
      yard-camera:
        type: http-stream
        url: http://10.0.0.41/ISAPI/Event/notification/alertStream
        digest: secret:yard-camera
    sensors:
      yard:
        kind: camera
        profile: hikvision
        connector: yard-camera
        cameras: [yard]

A stream has no acknowledgement. Of server-sent events with ids the last one kept is in the journal, and the server is
asked to go on behind it; what others say while the connection is away is not said again.
"""

from connectors.http_stream.connector import HttpStreamConnector
from connectors.http_stream.settings import HttpStreamAddress, HttpStreamSettings

__all__ = ["HttpStreamAddress", "HttpStreamConnector", "HttpStreamSettings"]
