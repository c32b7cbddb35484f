"""Devices and software that post their events over HTTP: JSON, multipart with pictures, or anything else.

Many sensors share one port and are told apart by path, source address, headers or Basic credentials:

    connectors:
      lpr:
        type: http
        bind: 0.0.0.0:8080
        max_body: 8 MiB
    sensors:
      gate-lpr:
        kind: lpr
        profile: cammra
        connector: lpr
        address: {path: /gate, from: 10.0.0.21, basic: secret:gate-lpr}
        cameras: [gate-in]

A request is answered 2xx only after its message and all that follows from it is durable.
"""

from connectors.http.address import HttpAddress
from connectors.http.connector import HttpConnector
from connectors.http.settings import HttpSettings

__all__ = ["HttpAddress", "HttpConnector", "HttpSettings"]
