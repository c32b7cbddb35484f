"""Every target: adding one is a file ``subject_NAME.py`` and a line here."""

from __future__ import annotations

from typing import Any

import pytest

from tests.vms.conformance.subject import Subject
from tests.vms.conformance.subject_digifort import Digifort, DigifortBasic
from tests.vms.conformance.subject_frigate import Frigate
from tests.vms.conformance.subject_genetec import Genetec, GenetecEveryWay
from tests.vms.conformance.subject_milestone import (
    AiBridge,
    Alarms,
    Analytics,
    AnalyticsFound,
    Bookmarks,
    Events,
    Generic,
    GenericDatagrams,
)
from tests.vms.conformance.subject_nx import NxBookmark, NxBoth, NxCloud, NxCreateEvent, NxDigest, NxGeneric
from tests.vms.conformance.subject_vxg import Vxg
from tests.vms.conformance.subject_webhook import Webhook
from tests.vms.conformance.subject_zoneminder import ZoneMinderRest, ZoneMinderSocket

SUBJECTS: tuple[Subject[Any], ...] = (
    Vxg(),
    Webhook(),
    ZoneMinderSocket(),
    ZoneMinderRest(),
    Frigate(),
    Genetec(),
    GenetecEveryWay(),
    Digifort(),
    DigifortBasic(),
    Analytics(),
    AnalyticsFound(),
    Alarms(),
    Bookmarks(),
    Events(),
    AiBridge(),
    Generic(),
    GenericDatagrams(),
    NxBookmark(),
    NxDigest(),
    NxCloud(),
    NxBoth(),
    NxGeneric(),
    NxCreateEvent(),
)


@pytest.fixture(params=SUBJECTS, ids=[each.name for each in SUBJECTS])
def subject(request: pytest.FixtureRequest) -> Subject[Any]:
    found: Subject[Any] = request.param
    return found


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what says nothing of a subject: HTTP where it speaks none, secrets where it has none, what its answers
    and silences mean where there are none, and what has come of an event where nothing of it comes."""
    left_out = [item for item in items if not _concerns(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _concerns(item: pytest.Item) -> bool:
    called = getattr(item, "callspec", None)
    subject = called.params.get("subject") if called is not None else None
    if not isinstance(subject, Subject):
        return True
    if item.get_closest_marker("http") is not None and not subject.speaks_http:
        return False
    if item.get_closest_marker("an_answer") is not None and not subject.answers:
        return False
    if item.get_closest_marker("content") is not None and not subject.carries:
        return False
    return bool(subject.secret) or item.get_closest_marker("a_secret") is None
