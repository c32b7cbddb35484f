"""``vms-bridge test-mode``: a sensor's events are tests for a while."""

from __future__ import annotations

import argparse

from bridge.cli.standing import ask, register_test_mode

register = register_test_mode


def run(arguments: argparse.Namespace) -> int:
    return ask(arguments, "/test-mode", "in test mode")
