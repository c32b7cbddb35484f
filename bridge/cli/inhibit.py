"""``vms-bridge inhibit``: a sensor is out of service for a while."""

from __future__ import annotations

import argparse

from bridge.cli.ending import Code, Failure
from bridge.cli.standing import ask, register_inhibit

register = register_inhibit


def run(arguments: argparse.Namespace) -> int:
    if not arguments.end and not arguments.why.strip():
        raise Failure(Code.USAGE, "say why: --why TEXT; it stands wherever something of the sensor is withheld")
    return ask(arguments, "/inhibit", "out of service")
