"""A first site file: one VMS, its cameras, one way in, one sensor; its comments say what else there is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import msgspec

from bridge.config.document import scalar
from bridge.config.editing import Fields, entry_line
from bridge.config.versions import NEWEST

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./ -]*")


class Answers(msgspec.Struct, kw_only=True):
    """``url``: "" leaves it to the token. ``sender``: the address a sensor sends from, "" for any. ``camera``: the key
    of the camera its events are raised on. ``found``: whether the cameras are the VMS's, or one is made up."""

    name: str
    timezone: str
    url: str
    allow_http: bool
    cameras: Mapping[str, Fields]
    found: bool
    bind: str
    sensor: str
    sensor_name: str
    profile: str
    path: str
    sender: str
    camera: str


def first_site(said: Answers, vms: str = "cloud") -> str:
    """The text of the file."""
    settings: dict[str, str] = {"type": "vxg"}
    if said.url:
        settings["url"] = _text(said.url)
    if said.allow_http:
        settings["allow_http"] = "true"
    address = f"path: {_text(said.path)}" + (f", from: {_text(said.sender)}" if said.sender else "")
    lines = [
        f"# {' '.join(said.name.split())}: all that vms-bridge knows of it. After a change: vms-bridge check FILE",
        f"version: {NEWEST}",
        "site:",
        f"  name: {_text(said.name)}",
        f"  timezone: {_text(said.timezone)}  # of device times that carry none",
        f"  # faults: {{cameras: [{said.camera}]}}  # where the bridge shows its own faults",
        "",
        "vms:",
        f"  {vms}: {{{', '.join(f'{key}: {value}' for key, value in settings.items())}}}",
        *(["  # Without TLS, as above, every token can be read on the network."] if said.allow_http else []),
        "",
        "# Each by its number in the VMS. No token is written here: secret:NAME is looked for in the environment,",
        "# in systemd's credentials, in secrets/NAME beside this file, in the keyring and in secrets.vault.",
        *_about_cameras(said.found, vms),
        "cameras:",
        *(f"  {entry_line(key, fields)}" for key, fields in said.cameras.items()),
        "",
        "connectors:",
        "  # Devices send to this port. More ways in: tcp, websocket, http-poll (see docs/connectors).",
        f"  devices: {{type: http, bind: {json.dumps(said.bind)}}}",
        "",
        "sensors:",
        f"  {said.sensor}:",
        f"    name: {_text(said.sensor_name)}  # what a guard reads",
        f"    profile: {_text(said.profile)}  # what its messages mean; all there are: vms-bridge profile list",
        "    connector: devices",
        "    # How it is told from others on that port. from: 10.0.0.21 takes it from that address alone;",
        "    # basic: secret:NAME asks for user:password.",
        f"    address: {{{address}}}",
        f"    cameras: [{said.camera}]  # where its events are raised",
        "    # rules:  # what is done to them, in order (see docs/rules.md)",
        "    #   - suppress: 10 min",
        "    #     same: [plate]",
    ]
    return "\n".join(lines) + "\n"


def _about_cameras(found: bool, vms: str) -> list[str]:
    if found:
        return [f"# More of them, or new tokens: vms-bridge cameras import --vms {vms}"]
    return [
        "# This one is made up: put in your camera's number, and its token with: vms-bridge secret set NAME",
        f"# Or let them be found, and take this one out: vms-bridge cameras import --vms {vms}",
    ]


def _text(value: str) -> str:
    """As it stands in YAML: as it is where that reads as the same text."""
    plain = _PLAIN.fullmatch(value) is not None and isinstance(scalar(value), str) and value.strip() == value
    return value if plain else json.dumps(value, ensure_ascii=False)
