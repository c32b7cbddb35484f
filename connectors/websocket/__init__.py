"""Platforms that say their events on a WebSocket which we open; we are the client.

    connectors:
      omni:
        type: websocket
        url: ws://omni.harbour.example/event-service/ws
        query: {endpoint_id: secret:omni-endpoint}
    sensors:
      lobby-faces:
        kind: ai
        profile: omni
        connector: omni
        address: {identity: {camera: 72aa3a70-0fc1-46f1-8a8e-eb50cd4f1001}}
        cameras: [lobby]

A WebSocket has no acknowledgement and no memory: what is said while the connection is away is not said again.
"""

from connectors.websocket.connector import WebSocketConnector
from connectors.websocket.settings import WebSocketAddress, WebSocketSettings

__all__ = ["WebSocketAddress", "WebSocketConnector", "WebSocketSettings"]
