"""Clocks: this machine's against the world, the VMS's against ours, and the sensors' as they were measured."""

from __future__ import annotations

import ctypes
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from bridge.clock import Clock, SystemClock
from bridge.config.places import Places
from bridge.config.site import Site
from bridge.model import SensorId
from bridge.proving.destinations import Destination
from bridge.proving.lines import Line, Topic, ok, unknown, warn, wrong
from bridge.secret import Secrets
from bridge.vms.http import OutboundSettings, SendingError, sender_for

ASK = 5.0
"""Seconds for a VMS to answer."""
NOTICED, APART = 2.0, 5.0
"""Seconds between two clocks that are worth a word, and that put an event beside its video: VXG's player begins 5 s
before an event."""
SENSOR_LIMIT = 30.0
"""For a sensor whose ``supervise`` sets no limit: what is called late."""
LOOKED_AT = 5
"""Of a sensor's newest events, how many are looked at."""

_UNSYNCHRONISED = 0x40  # STA_UNSYNC, adjtimex(2)
_NEVER_SET = 5  # TIME_ERROR


class _Timex(ctypes.Structure):
    """As far as it is read; what follows is room for what the kernel writes (adjtimex(2))."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("frequency", ctypes.c_long),
        ("largest_error", ctypes.c_long),
        ("estimated_error", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 512),
    )


class Kernel(msgspec.Struct, frozen=True):
    """``synchronised``: whether something keeps this machine's clock right; None when the kernel does not tell.
    ``largest_error``: by how many seconds it may be wrong, in the kernel's own estimate."""

    synchronised: bool | None
    largest_error: float = 0.0


def kernel() -> Kernel:
    """What Linux knows, read and nothing set."""
    if sys.platform != "linux":
        return Kernel(None)
    told = _Timex()
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(told))
    except (OSError, AttributeError):
        return Kernel(None)
    if state < 0:
        return Kernel(None)
    synchronised = state != _NEVER_SET and not told.status & _UNSYNCHRONISED
    return Kernel(synchronised, told.largest_error / 1e6)


def of_host(told: Kernel) -> Line:
    where = "this machine"
    remedy = "run chrony or systemd-timesyncd with the site's time server (timedatectl set-ntp true)"
    if told.synchronised is None:
        what = "whether this machine's clock is kept right, the system does not tell"
        return unknown(Topic.CLOCKS, what, where, "ask whoever runs it; on Windows: w32tm /query /status")
    if not told.synchronised:
        return warn(
            Topic.CLOCKS, "nothing keeps this machine's clock right (the kernel says: unsynchronised)", where, remedy
        )
    if told.largest_error > NOTICED:
        what = f"this machine's clock is kept right, but was not set for long: it may be {told.largest_error:.0f} s off"
        return warn(Topic.CLOCKS, what, where, remedy)
    return ok(Topic.CLOCKS, f"this machine's clock is kept right, to {told.largest_error:.3f} s at the worst", where)


async def of_vms(
    destination: Destination, settings: object, secrets: Secrets, clock: Clock | None = None
) -> list[Line]:
    """Its ``Date`` header (RFC 9110, 6.6.1), which has whole seconds, against ours. Asks for ``/`` as the service
    would (trust, proxy) but without its credential; what it answers does not matter."""
    origin, where, clock = destination.origin, destination.where, clock or SystemClock()
    if origin is None or not isinstance(settings, OutboundSettings):
        return []
    sender = sender_for(settings, secrets)
    try:
        before = clock.now()
        answer = await sender.send("GET", origin, "/", timeout=ASK)
        after = clock.now()
    except SendingError as error:
        return [unknown(Topic.CLOCKS, f"the clock of {origin} could not be asked: {error.why}", where)]
    finally:
        await sender.close()
    date = _date(answer.header(b"date"))
    if date is None:
        return [unknown(Topic.CLOCKS, f"{origin} does not tell its time (no Date header)", where, "see its own pages")]
    took = after.monotonic - before.monotonic
    between = before.utc + timedelta(seconds=took / 2)
    offset = (date + timedelta(seconds=0.5) - between).total_seconds()
    return [vms_line(str(origin), offset, 0.5 + took / 2, where)]


def vms_line(name: str, offset: float, uncertain: float, where: str) -> Line:
    """``offset``: the VMS's clock minus ours, in seconds, known to ``uncertain``."""
    least = abs(offset) - uncertain
    said = f"the clock of {name} is {apart(offset)} ours, to {uncertain:.1f} s"
    remedy = "let both machines follow the same time server; else events stand beside their video"
    if least > APART:
        return wrong(Topic.CLOCKS, said, where, remedy)
    if least > NOTICED:
        return warn(Topic.CLOCKS, said, where, remedy)
    return ok(Topic.CLOCKS, f"the clock of {name} agrees with ours, to {uncertain + max(least, 0.0):.1f} s", where)


def apart(offset: float) -> str:
    size = abs(offset)
    spoken = f"{size:.1f} s" if size < 120 else str(timedelta(seconds=round(size)))
    return f"{spoken} {'ahead of' if offset > 0 else 'behind'}"


def _date(header: bytes | None) -> datetime | None:
    if header is None:
        return None
    from email.utils import parsedate_to_datetime

    try:
        found = parsedate_to_datetime(header.decode("latin-1"))
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def of_sensors(
    site: Site, places: Places, offsets: Mapping[str, Sequence[float]], wrong_ones: Iterable[str], source: str
) -> list[Line]:
    """``offsets``: sensor → device minus arrival of its newest events, in seconds; ``wrong_ones``: whose clock the
    running service calls wrong; ``source``: who measured it, in words."""
    lines = []
    silent = []
    named_wrong = set(wrong_ones)
    for id, sensor in site.sensors.items():
        limit = sensor.supervise.clock if sensor.supervise is not None and sensor.supervise.clock else SENSOR_LIMIT
        where = places.of("sensors", id)
        known = offsets.get(id)
        remedy = "let the device follow the site's time server"
        if not known:
            if id in named_wrong:
                lines.append(wrong(Topic.CLOCKS, f"the service calls the clock of {sensor.name} wrong", where, remedy))
            else:
                silent.append(id)
            continue
        offset = statistics.median(known)
        said = f"{sensor.name}'s clock is {apart(offset)} ours ({source})"
        if id in named_wrong or abs(offset) > limit:
            lines.append(wrong(Topic.CLOCKS, said, where, remedy))
        else:
            lines.append(ok(Topic.CLOCKS, said, where))
    if silent:
        lines.append(_unheard(site, silent, source))
    return lines


def _unheard(site: Site, silent: Sequence[SensorId], source: str) -> Line:
    names = ", ".join(silent[:10]) + (f" and {len(silent) - 10} more" if len(silent) > 10 else "")
    what = f"the clocks of {len(silent)} of {len(site.sensors)} sensors are not known: {names}"
    why = "no event of theirs with a time of the device" if source else "no service and no journal to ask"
    return unknown(Topic.CLOCKS, f"{what} ({why})", "", "let each of them send something once, then try again")
