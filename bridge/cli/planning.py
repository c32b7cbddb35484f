"""A plan as people and programs read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from bridge.cli import privilege
from bridge.cli.reloading import changes
from bridge.config.places import Places
from bridge.setup.missing import Asked, MissingType
from bridge.setup.plan import Plan

SHOWN = 20
"""Lines of a kind; JSON has all of them."""


def facts(plan: Plan) -> dict[str, object]:
    """For programs."""
    service = plan.service
    return {
        "site": plan.site.name,
        "digest": plan.site.digest,
        "to_do": plan.to_do,
        "wrong": plan.wrong,
        "vms": [
            {
                "vms": each.vms,
                "type": each.type,
                "note": each.note or None,
                "missing": [_missing(one) for one in each.missing],
                "troubles": [msgspec.to_builtins(one) for one in each.troubles],
            }
            for each in plan.asked
        ],
        "unforeseen": [msgspec.to_builtins(each) for each in plan.raising.unforeseen],
        "service": None
        if service is None
        else {
            "pid": service.pid,
            "site": service.site,
            "running": service.running,
            "other_file": plan.other_file,
            "reload": plan.reloads is not None,
            "difference": msgspec.to_builtins(service.difference),
        },
        "no_service": plan.no_service or None,
        "missing_secrets": list(plan.secrets.missing),
        **privilege.facts(plan.secrets),
    }


def _missing(one: MissingType) -> dict[str, object]:
    return {"camera": one.camera, "name": one.name, "types": list(one.types), "sensors": list(one.by)}


def lines(plan: Plan, path: Path) -> list[str]:
    """For people. ``path``: of the site's files, to say where something stands."""
    places = Places(path)
    said = [line for asked in plan.asked for line in _of_vms(plan, asked, places)]
    said += [
        f"{places.of('sensors', each.sensor)}: its event types are not known before they come: {each.why}"
        for each in plan.raising.unforeseen
    ]
    said += _of_service(plan, places)
    secrets = privilege.lines(plan.secrets)
    if secrets:
        said += ["secrets", *(f"  {line}" for line in secrets)]
    return [*said, _end(plan, path)]


def few(told: Sequence[str]) -> Iterator[str]:
    yield from told[:SHOWN]
    if len(told) > SHOWN:
        yield f"  … and {len(told) - SHOWN:,} more (--json names all)"


def _of_vms(plan: Plan, asked: Asked, places: Places) -> Iterator[str]:
    head = f"VMS {asked.vms} ({asked.type})"
    cameras = sum(camera.vms == asked.vms for camera in plan.site.cameras.values())
    if not asked.missing and not asked.troubles:
        has = asked.note or f"every event type the site can raise is declared on its {cameras} camera{_s(cameras)}"
        yield f"{head}: {has}"
        return
    yield f"{head}: {asked.note}" if asked.note else head
    for trouble in asked.troubles:
        remedy = f"; {trouble.remedy}" if trouble.remedy else ""
        if not trouble.cameras or (len(trouble.cameras) == cameras > 1):
            which = f", all {cameras} cameras" if trouble.cameras else ""
            yield f"  ! {places.of('vms', asked.vms)}{which}: {trouble.why}{remedy}"
            continue
        yield from few([f"  ! {places.of('cameras', camera)}: {trouble.why}{remedy}" for camera in trouble.cameras])
    yield from few([f"  + {places.of('cameras', camera)}: declare {what}" for camera, what in _by_camera(asked)])


def _by_camera(asked: Asked) -> Iterable[tuple[str, str]]:
    found: dict[str, dict[str, list[str]]] = {}
    for each in asked.missing:
        by = each.by if len(each.by) <= 3 else (*each.by[:3], f"{len(each.by) - 3} more")
        found.setdefault(each.camera, {}).setdefault(", ".join(by), []).append(each.name)
    return (
        (camera, "; ".join(f"{', '.join(names)} (of {by})" for by, names in alike.items()))
        for camera, alike in found.items()
    )


def _of_service(plan: Plan, places: Places) -> Iterator[str]:
    service = plan.service
    if service is None:
        yield f"{'! ' if plan.unanswered else ''}{plan.no_service}"
    elif plan.other_file:
        yield (
            f"! the running service (pid {service.pid}) reads {service.site}, which says something else than this "
            "site: a reload would take over that one; put what you want to run there"
        )
    elif service.difference.other_site:
        yield f"! the running service (pid {service.pid}): {'; '.join(service.difference.needs_restart)}"
    elif plan.reloads is None:
        yield f"the running service (pid {service.pid}) works by this site"
        yield from (f"  ! by hand: {each}" for each in plan.left_by_hand)
    else:
        yield f"the running service (pid {service.pid}): a reload"
        for told in changes(plan.reloads, places):
            yield from few([f"  {line}" for line in told])
        yield from (f"  ! by hand: {each}" for each in plan.left_by_hand)
        gone = plan.reloads.vms.removed or plan.reloads.cameras.removed
        but = " (but to those that go)" if gone else ""
        yield f"  nothing that was accepted is lost: what waits in the journal is delivered afterwards as before{but}"


def _end(plan: Plan, path: Path) -> str:
    todo = f"{plan.to_do} thing{_s(plan.to_do)} to do: vms-bridge apply {path}" if plan.to_do else "nothing to apply"
    if plan.wrong:
        return f"{todo}; {plan.wrong} thing{_s(plan.wrong)} wrong that apply does not mend (!, secrets)"
    if plan.left_by_hand:
        return f"{todo}; something is left to do by hand (!)"
    return todo if plan.to_do else "nothing to do"


def _s(count: int) -> str:
    return "" if count == 1 else "s"
