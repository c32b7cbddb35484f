"""Why a broker refuses or ends something, and what to do about it (MQTT 5.0 section 2.4; paho gives those of 3.1.1,
section 3.2.2.3, by the same numbers)."""

from __future__ import annotations

TAKEN_OVER = 0x8E
"""Somebody connected with our client id."""

REFUSED = frozenset({0x84, 0x85, 0x86, 0x87, 0x8A, 0x8C})
"""Nobody is let in until somebody does something: asked again seldom, with the secrets read anew."""

_CONNECT = {
    0x84: "the broker does not speak this version of MQTT: set version to 3.1.1, or to 5",
    0x85: "the broker refuses the client id: set client_id to one that it allows",
    0x86: "the broker refuses user or password: see user and password, and the secret's value",
    0x87: "the broker lets this user or certificate not in: see its access list, user and password, or certificate",
    0x88: "the broker is unavailable",
    0x89: "the broker is busy",
    0x8A: "the broker has banned this client: unban it there",
    0x8C: "the broker wants another way of log-in than user and password",
    0x95: "the broker finds our packet too large",
    0x97: "the broker's quota is used up",
    0x9F: "the broker lets clients in more slowly than we come",
}

_DISCONNECT = {
    0x8B: "the broker is shutting down",
    0x8D: "the broker did not hear us for longer than the keep-alive time",
    TAKEN_OVER: "another client connected with the client id {id}: give this bridge a client_id of its own",
    0x93: "the broker sent more at once than in_flight, and noticed",
    0x98: "somebody disconnected us at the broker",
    0x9C: "the broker says to use another server",
    0x9D: "the broker has moved",
}

_SUBSCRIBE = {
    0x87: "not allowed for this user: see the broker's access list",
    0x8F: "the broker finds the topic invalid",
    0x97: "the broker's quota is used up",
    0x9E: "the broker has no shared subscriptions",
    0xA2: "the broker has no wildcards",
}


def of_connect(code: int, name: str) -> str:
    return _CONNECT.get(code, f"the broker refuses the connection: {name}")


def of_disconnect(code: int, name: str, client_id: str) -> str:
    return _DISCONNECT.get(code, f"the broker ended the connection: {name}").replace("{id}", client_id)


def of_subscribe(code: int) -> str:
    return _SUBSCRIBE.get(code, "the broker refuses the topic")
