"""What ``check`` says of a site's credentials."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.setup.privilege import Judgement

_NAMED = 10


def facts(found: Judgement) -> dict[str, object]:
    """For programs."""
    return {
        "credentials": [
            {"secret": each.secret, "where": each.where or None, "used_by": list(each.used_by), "opens": each.opens}
            for each in found.credentials
        ],
        "warnings": [
            *({"secret": name, "path": "", "message": "it is in no store of this machine"} for name in found.missing),
            *({"secret": each.secret, "path": each.path, "message": each.message} for each in found.warnings),
            *(
                {"secret": each.secret, "path": each.path, "message": f"nothing is raised on camera {each.camera}"}
                for each in found.idle
            ),
        ],
    }


def lines(found: Judgement) -> list[str]:
    """For people: what is as it should be in one line, each warning in one of its own."""
    said = []
    narrow = [each for each in found.credentials if each.narrowest]
    if narrow:
        what = "1 camera token opens" if len(narrow) == 1 else f"{len(narrow)} camera tokens open"
        said.append(
            f"{what} events, live and recorded video and settings of one camera each: VXG documents no narrower one "
            "that raises events"
        )
    if found.missing:
        said.append(f"warning: in no store of this machine: secret {_some(found.missing)} (vms-bridge secret set NAME)")
    for each in found.warnings:
        where = f" ({each.path})" if each.path else ""
        said.append(f"warning: secret {each.secret}{where}: {each.message}")
    if found.idle:
        said.append(
            f"warning: no sensor raises anything on camera {_some([each.camera for each in found.idle])}, so the "
            f"credential in secret {_some([each.secret for each in found.idle])} is not needed: take the camera out of "
            "the site, and run vms-bridge secret delete NAME"
        )
    return said


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
