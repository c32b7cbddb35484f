"""Secrets from a person or a pipe: never from the command line, which every user of the machine can read."""

from __future__ import annotations

import sys

from bridge.cli.ending import Code, Failure

LARGEST = 2**20


def hidden(prompt: str, lines: bool = False) -> str:
    """One value, asked for without echo, or all that is piped in. ``lines``: go on asking until an empty line.

    Raises Failure when there is nothing.
    """
    if not sys.stdin.isatty():
        value = sys.stdin.read(LARGEST + 1)
        if len(value) > LARGEST:
            raise Failure(Code.USAGE, f"more than {LARGEST} characters came in on stdin")
        value = value.rstrip("\r\n")
    else:
        from getpass import getpass

        found = [getpass(f"{prompt}: ")]
        while lines and found[-1].strip():
            found.append(getpass("another, or Enter: "))
        value = "\n".join(found).rstrip("\r\n")
    if not value.strip():
        raise Failure(Code.USAGE, "nothing was given; write it on stdin, or type it when asked")
    return value
