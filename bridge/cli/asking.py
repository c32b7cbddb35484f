"""Which service a command speaks to, and the journal of one that is not running."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.cli.ending import Code, Failure
from bridge.cli.loading import site_from
from bridge.control.client import CallFailed, Client
from bridge.control.door import NAME, DoorError, Nobody

if TYPE_CHECKING:
    from bridge.config.site import Site


class Place:
    """Where a service is spoken to, and where its journal is when that is known."""

    def __init__(self, control: Path, journal: Path | None = None, site: Site | None = None) -> None:
        self.control = control
        self.journal = journal
        self.site = site


def place(arguments: argparse.Namespace) -> Place:
    """What ``--site``, ``--journal`` or ``--control`` say, else the ``site.yaml`` of this folder. Raises Failure."""
    if arguments.control is not None:
        return Place(arguments.control)
    if arguments.journal is not None:
        return Place(arguments.journal / NAME, arguments.journal)
    named = arguments.site or (os.environ.get("VMS_BRIDGE_SITE") and Path(os.environ["VMS_BRIDGE_SITE"]))
    if not named and Path("site.yaml").is_file():
        named = Path("site.yaml")
    if not named:
        raise Failure(Code.USAGE, "say which service: --site SITE, --journal DIR or --control SOCKET")
    site = site_from(named)
    return Place(site.journal.path / NAME, site.journal.path, site)


@contextmanager
def service(where: Place, timeout: float = 30.0) -> Iterator[Client]:
    """The running service. What goes wrong while it is spoken to ends the command with the fitting code."""
    try:
        with Client(where.control, timeout) as client:
            yield client
    except Nobody as nobody:
        raise Failure(Code.NO_SERVICE, str(nobody)) from nobody
    except DoorError as error:
        raise Failure(Code.REFUSED, str(error)) from error
    except CallFailed as failed:
        code = Code.USAGE if failed.status in (400, 404) else Code.REFUSED
        raise Failure(code, str(failed)) from failed


def running(where: Place) -> bool:
    """Whether a service answers there. Raises Failure when it may not be asked."""
    try:
        Client(where.control, 5.0).close()
    except Nobody:
        return False
    except DoorError as error:
        raise Failure(Code.REFUSED, str(error)) from error
    return True
