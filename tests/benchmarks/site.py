"""The site that is measured: N readers on one HTTP port, each on one to four cameras of a simulated VXG VMS."""

from __future__ import annotations

import base64
import json
from pathlib import Path


def token(camera: int, port: int) -> str:
    """A camera access token of the shape in the VXG reference, section 1.2."""
    inner = "share.eyJzaSI6IDd9.6960a000tbc1fab00.abcdefghijklmnopqrstuvwxyz0"
    said = {"camid": camera, "cmngrid": camera, "access": "all", "token": inner, "api": "127.0.0.1", "api_p": port}
    return base64.b64encode(json.dumps(said).encode()).decode()


def write_site(folder: Path, vms_port: int, sensors: int, cameras: int) -> Path:
    """Write ``site.yaml`` and its secrets; every sensor is on the first ``cameras`` of four cameras."""
    secrets = folder / "secrets"
    secrets.mkdir(parents=True, mode=0o700)
    names = [f"cam-{number}" for number in range(1, 5)]
    for number, name in enumerate(names, 1):
        (secrets / name).write_text(token(4700 + number, vms_port))
        (secrets / name).chmod(0o600)
    lines = [
        "version: 1",
        "site: {name: Benchmark, timezone: Europe/Prague}",
        "vms:",
        f"  cloud: {{type: vxg, url: 'http://127.0.0.1:{vms_port}', allow_http: true, connections: 64}}",
        "cameras:",
        *(f"  {name}: {{vms: cloud, id: {4700 + n}, token: secret:{name}}}" for n, name in enumerate(names, 1)),
        "connectors:",
        "  lpr: {type: http, bind: '127.0.0.1:0'}",
        "sensors:",
    ]
    on = ", ".join(names[:cameras])
    lines += [
        f"  reader-{number}: {{name: Reader {number}, kind: lpr, profile: cammra, connector: lpr, "
        f"address: {{path: /s/{number}}}, cameras: [{on}]}}"
        for number in range(sensors)
    ]
    path = folder / "site.yaml"
    path.write_text("\n".join(lines) + "\n")
    return path
