"""The command ``vms-bridge``. Loads the code of the one command that is asked for, and nothing of the others."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from types import ModuleType

from bridge.cli.ending import Code, Failure
from bridge.cli.options import general, pass_on_examples, wants_json

# Name → module and what it is for. Each module has register(subparsers) and run(arguments) -> int.
COMMANDS = {
    "demo": ("demo", "the main job on this machine, with simulated readers and a simulated VMS"),
    "init": ("init", "write a first site file, with cameras found in the VMS"),
    "check": ("check", "find everything that is wrong in a site file"),
    "migrate": ("migrate", "bring a site file of an older version to this one"),
    "plan": ("plan", "what is missing until a site works as its files say"),
    "apply": ("apply", "do what plan says: declare event types, reload the service"),
    "cameras": ("cameras", "find the cameras of a VMS, and put them into the site"),
    "secret": ("secret", "put secrets into their stores, see which there are, take them out"),
    "schema": ("schema", "print the JSON Schema of a site file, for editors"),
    "ports": ("ports", "the firewall table of a site: who connects to whom"),
    "run": ("run", "run a site, or rehearse it with --dry-run"),
    "try": ("attempt", "show what one payload would become, and the exact requests"),
    "fire": ("fire", "raise a test event of a sensor on its cameras"),
    "selftest": ("selftest", "prove a site, with a test event found again on each camera"),
    "report": ("report", "a stored selftest as a page or a text, nothing tried again"),
    "test-mode": ("testing", "flag a sensor's events as tests for a while"),
    "inhibit": ("inhibit", "take a sensor out of service for a while"),
    "status": ("status", "how a running service is"),
    "tap": ("tap", "what passes through a running service, while it passes"),
    "events": ("events", "find events, show one, download its pictures and video"),
    "explain": ("explain", "why a message or event became what it became"),
    "dead": ("dead", "list, replay or drop what a VMS refused"),
    "quarantine": ("quarantine", "list, replay or drop what nobody could read or nobody listens for"),
    "learn": ("learn", "listen to devices nobody has set up yet, and suggest how"),
    "record": ("record", "what comes in by a connector, into a file"),
    "replay": ("replay", "a recording through a site again, on paper"),
    "backup": ("backup", "a journal as one file, while its service goes on"),
    "restore": ("restore", "a journal put back from its backup"),
    "profile": ("profile", "list, show, test and begin device profiles"),
    "simulate": ("simulate", "simulated readers and a simulated VMS, to try things with"),
}


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"vms-bridge {version('vms-bridge')}")
        parser.exit(0)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code (see ``Code``). Usage errors leave by SystemExit, as argparse does."""
    words = list(sys.argv[1:] if argv is None else argv)
    name = next((word for word in words if not word.startswith("-")), None)
    if name is not None and name not in COMMANDS:
        return _unknown(name)
    module, parser = _parser(name)
    arguments = parser.parse_args(words)
    if module is None:
        parser.print_help()
        return Code.USAGE
    return _run(module, arguments)


def _parser(name: str | None) -> tuple[ModuleType | None, argparse.ArgumentParser]:
    parser = argparse.ArgumentParser(
        prog="vms-bridge",
        description="Carries every sensor event of a site to the timeline of its cameras in the VMS.",
        epilog="vms-bridge COMMAND --help shows each with an example.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    general(parser)
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    asked = None
    for each, (module, summary) in COMMANDS.items():
        if each == name:
            asked = importlib.import_module(f"bridge.cli.{module}")
            asked.register(subparsers)
            pass_on_examples(subparsers.choices[each])
        else:
            subparsers.add_parser(each, help=summary, add_help=False)
    return asked, parser


def _run(module: ModuleType, arguments: argparse.Namespace) -> int:
    debug = getattr(arguments, "debug", False)
    try:
        code = int(module.run(arguments))
        sys.stdout.flush()
    except Failure as failure:
        return _told(failure.code, str(failure), wants_json(arguments))
    except KeyboardInterrupt:
        return Code.INTERRUPTED
    except BrokenPipeError:
        # Nobody reads on; what Python would still flush at its end goes nowhere instead of raising again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Code.BROKEN_PIPE
    except Exception as fault:  # the last place: people get a sentence, --debug the traceback
        if debug:
            raise
        why = f"internal fault: {type(fault).__name__}: {fault} (--debug shows where)"
        return _told(Code.INTERNAL, why, wants_json(arguments))
    return code


def _told(code: Code, why: str, as_json: bool) -> int:
    if as_json:
        import json

        print(json.dumps({"error": why, "code": int(code)}))
    else:
        print(why if "\n" in why else f"vms-bridge: {why}", file=sys.stderr)
    return code


def _unknown(name: str) -> int:
    from difflib import get_close_matches

    near = get_close_matches(name, COMMANDS, 1)
    hint = f"did you mean {near[0]}?" if near else f"the commands are {', '.join(COMMANDS)}"
    print(f"vms-bridge: there is no command {name!r}; {hint}", file=sys.stderr)
    return Code.USAGE


if __name__ == "__main__":
    sys.exit(main())
