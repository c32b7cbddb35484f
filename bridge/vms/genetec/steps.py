"""The requests of a delivery, one for each way, in the order that the settings say. Each makes something and none can
be repeated unseen; what is done of them is remembered while the rest is tried again (``doing``) [4, 6].

A camera that is known by its logical id is looked up before a custom event, whose path wants a GUID [4, 7]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, cast

from bridge.model import Action, CameraId, Delivery, State
from bridge.vms.base import CameraSettings, HeaderSecret, Request
from bridge.vms.genetec.settings import GenetecCamera, GenetecSettings, SendingSettings, Way
from bridge.vms.genetec.words import Words, milliseconds

ACCEPT = (("Accept", "text/json"),)
GUID = "{guid-of-the-camera}"
"""Stands where the GUID of a camera goes that was looked up."""
_NONE = "00000000-0000-0000-0000-000000000000"


class Step(Request, frozen=True, kw_only=True):
    """``of``: the delivery it belongs to. ``last``: nothing of that comes after it. ``entity``: the camera, as ``q``
    has it."""

    of: tuple[str, int, str, str]
    way: Way | Literal["look-up"]
    last: bool
    entity: str


class Steps:
    def __init__(self, settings: GenetecSettings, cameras: Mapping[CameraId, CameraSettings]) -> None:
        self._settings = settings
        self._words = Words(settings)
        self._cameras = {camera: cast(GenetecCamera, each) for camera, each in cameras.items()}
        self._credentials = (
            HeaderSecret("Authorization", "Basic, its password {secret}", settings.password),
            HeaderSecret("Authorization", "Basic, its application id {secret}", settings.application),
        )

    def entity(self, camera: CameraId) -> str:
        """The camera, as ``q`` has it. Raises KeyError."""
        return self._cameras[camera].reference

    def of(self, delivery: Delivery) -> tuple[Step, ...]:
        camera = self._cameras[delivery.camera]
        event = delivery.event
        sending = next((each for each in self._settings.sends if each.fits(event)), self._settings.otherwise)
        again = event.state is State.RESTORED or delivery.action is Action.AMEND
        ways = [each for each in sending.ways if each != "alarm" or not again]
        made: list[Step] = []
        if camera.id is None and "event" in ways:
            path = f"/entity?q=entity={camera.reference},Guid"
            made.append(self._step("look-up", "GET", path, "look up the GUID of the camera", delivery, last=False))
        for way in ways:
            method, path, purpose = self._request(way, sending, delivery, camera)
            made.append(self._step(way, method, path, purpose, delivery, last=way == ways[-1]))
        return tuple(made)

    def _step(
        self, way: Way | Literal["look-up"], method: str, path: str, purpose: str, delivery: Delivery, last: bool
    ) -> Step:
        event = delivery.event
        return Step(
            method=method,
            url=f"{self._settings.url}{path}",
            headers=ACCEPT,
            credentials=self._credentials,
            camera=delivery.camera,
            purpose=purpose,
            raises=way != "look-up",
            of=(event.id, event.revision, delivery.camera, delivery.action.value),
            way=way,
            last=last,
            entity=self._cameras[delivery.camera].reference,
        )

    def _request(
        self, way: Way, sending: SendingSettings, delivery: Delivery, camera: GenetecCamera
    ) -> tuple[str, str, str]:
        """(method, path below the base, what it is for)."""
        if way == "bookmark":
            time = milliseconds(delivery.event.occurred_at)
            before = f"/action?q=AddCameraBookmark({camera.reference},{time},"
            return "POST", f"{before}{self._words.bookmark(delivery, self._room(before) - 1)})", "add a bookmark"
        if way == "event":
            number = self._settings.custom_event if sending.custom_event is None else sending.custom_event
            before = f"/events/RaiseCustomEvent/{number}/{camera.id or GUID}"
            room = self._room(before) - len("?msg=") - (len(_NONE) - len(GUID) if camera.id is None else 0)
            message = self._words.message(delivery, room)
            plain = self._settings.message_in == "path" and "%2F" not in message
            return "POST", f"{before}{'/' if plain else '?msg='}{message}", f"raise custom event {number}"
        alarm = sending.alarm or self._settings.alarm or ""
        path = f"/alarm?q=TriggerAlarm({undashed(alarm)},{camera.reference})"
        return "GET", path, f"trigger alarm {alarm}"

    def _room(self, before: str) -> int:
        """Characters that are left in the URL."""
        return self._settings.longest_url - len(self._settings.url) - len(before)


def undashed(guid: str) -> str:
    """A GUID in ``q``, where a dash means to remove [5]."""
    return guid.replace("-", "")
