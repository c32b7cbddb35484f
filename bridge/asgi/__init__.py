"""A lean HTTP/1.1 server for one ASGI application, for the listening connectors and the control API.

It runs inside the loop that is running, sets no signal handler, logs nothing a client does wrong, and bounds what a
client may take: connections, the length and time of a head, the time between requests, the bytes read ahead. Parsing is
httptools (llhttp, Node's parser). What it does not have is what nobody here needs: WebSocket, HTTP/2, lifespan,
trailers, proxies' headers (X-Forwarded-For would let a sender choose its source address).

Ours because this is the path the product exists for: see docs/connectors/http.md for the cost of a request beside
uvicorn's.
"""

from bridge.asgi.server import Limits, Server

__all__ = ["Limits", "Server"]
