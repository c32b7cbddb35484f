"""``vms-bridge run``: a site, from now until it is told to stop."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from bridge.cli.ending import Code, Failure
from bridge.cli.options import Subparsers, command, secrets, wants_json

if TYPE_CHECKING:
    from bridge.config.site import Site
    from bridge.secret import Secrets

T = TypeVar("T")


def register(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "run",
        "run a site, or rehearse it with --dry-run",
        """
        Run a site until SIGTERM or Ctrl-C: then nothing new is taken, what is being sent finishes, the rest waits in
        the journal. SIGHUP reads the site again and takes what differs; a site with errors changes nothing.
        Prints one line that begins with "ready" once everything has been started; the log goes to stderr.

        --dry-run is the same up to the last socket: it prints the exact requests, contacts no VMS, keeps its own
        journal, and takes no message from a sender that would miss it, unless --accept.
        """,
        "vms-bridge run site.yaml --secrets /etc/vms-bridge/secrets --journal /var/lib/vms-bridge",
        "vms-bridge run site.yaml --dry-run --accept --exit-after 5",
    )
    parser.add_argument("site", type=Path, metavar="SITE", help="the site's file, or its folder of files")
    secrets(parser)
    parser.add_argument("--journal", type=Path, metavar="DIR", help="the journal's folder, instead of the site's")
    parser.add_argument("--control", type=Path, metavar="SOCKET", help="the control socket, instead of the journal's")
    parser.add_argument(
        "--log-level", choices=["debug", "info", "warning", "error"], default="info", help="info unless given"
    )
    parser.add_argument(
        "--log-format", choices=["text", "json"], default="text", help="json: one object per line; text unless given"
    )
    parser.add_argument(
        "--stop-within",
        type=float,
        default=10.0,
        metavar="SECONDS",
        help="for what is being sent at the end; 10 unless given",
    )
    dry = parser.add_argument_group("dry run")
    dry.add_argument("--dry-run", action="store_true", help="show what would be sent, send nothing")
    dry.add_argument(
        "--accept", action="store_true", help="answer senders as if it were real: they will not send it again"
    )
    dry.add_argument("--exit-after", type=int, metavar="N", help="stop once N messages and all that follows were shown")


def run(arguments: argparse.Namespace) -> int:
    if not arguments.dry_run and (arguments.accept or arguments.exit_after is not None):
        raise Failure(Code.USAGE, "--accept and --exit-after belong to --dry-run")
    if arguments.exit_after is not None and arguments.exit_after < 1:
        raise Failure(Code.USAGE, "--exit-after takes a number from 1")
    from bridge.cli.loading import secrets_from, site_from
    from bridge.cli.logs import log_to_stderr
    from bridge.cli.open_files import allow_enough

    log_to_stderr(arguments.log_level, arguments.log_format)
    allow_enough()
    site = site_from(arguments.site)
    stores = secrets_from(arguments.secrets, arguments.site)
    if arguments.dry_run:
        from bridge.cli.rehearsal import rehearse

        return run_loop(lambda: rehearse(arguments, site, stores))
    return run_loop(lambda: _serve(arguments, site, stores))


def run_loop(main: Callable[[], Coroutine[object, object, T]]) -> T:
    """Run a coroutine to its end, on uvloop where there is one. Raises what failed first when several things did."""
    import asyncio

    try:
        import uvloop
    except ImportError:
        factory = None
    else:
        factory = uvloop.new_event_loop
    try:
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(main())
    except BaseExceptionGroup as group:
        raise _first(group) from group


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


async def _serve(arguments: argparse.Namespace, site: Site, stores: Secrets) -> int:
    import asyncio

    from bridge.cli.hosting import Hosted, open_control, started
    from bridge.cli.notify import Notifier
    from bridge.control.tap import Tap
    from bridge.service import Service

    journal: Path = arguments.journal or site.journal.path
    control_path: Path | None = arguments.control
    door = open_control(control_path, journal)
    try:
        tap = Tap()
        service = await started(Service.start(site, stores, journal_path=journal, observer=tap))
        hosted = Hosted(service, arguments.site, arguments.stop_within, Notifier())
        _tune_the_interpreter()
        async with asyncio.TaskGroup() as group:
            controlling = group.create_task(hosted.control(tap, door), name="control")
            following = group.create_task(hosted.follow_signals(), name="signals")
            running = group.create_task(service.run(), name="service")
            ready = group.create_task(hosted.tell_ready(door.path, wants_json(arguments)), name="ready")
            living = group.create_task(hosted.show_life(), name="watchdog")
            await running
            for task in (ready, living, following, controlling):
                task.cancel()
    finally:
        door.close()
    return Code.DONE


def _tune_the_interpreter() -> None:
    """What has been built by now stays for good: it need not be looked through again and again. Events make few
    cycles, so the collector may look less often (measured: 5 % of the time at full load went there).

    A thread that reads a large message gives way to the loop after 1 ms instead of 5. Measured beside bodies made to
    cost much (``make bench ARGS=hostile``): the others' p99 26 ms instead of 37, at the same throughput.
    """
    import gc
    import sys

    sys.setswitchinterval(0.001)
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
