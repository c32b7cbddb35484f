"""The request of a delivery: a global event triggered, with what there is to say as the operator's message [4]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from bridge.model import CameraId, Delivery
from bridge.vms.base import CameraSettings, HeaderSecret, Request
from bridge.vms.digifort.settings import DigifortCamera, DigifortSettings, Names
from bridge.vms.one_line import one_line
from bridge.vms.text import Place, percent_encoded

FORMAT = "ResponseFormat=JSON"
"""What is answered without it is not known [2]."""


class Trigger(Request, frozen=True, kw_only=True):
    """``path``: below the API's address, without what signs it in. ``event``: the global event's name."""

    path: str
    event: str


class Steps:
    def __init__(self, settings: DigifortSettings, cameras: Mapping[CameraId, CameraSettings]) -> None:
        self._settings = settings
        self._place = Place(most=settings.longest_message)
        self._names = {camera: Names(settings, cast(DigifortCamera, each)) for camera, each in cameras.items()}
        template = "Basic {secret}" if settings.sign_in == "basic" else "AuthData {secret}"
        self._credentials = (HeaderSecret("Authorization", template, settings.password),)

    def names(self, camera: CameraId) -> Names:
        """Raises KeyError."""
        return self._names[camera]

    def of(self, delivery: Delivery) -> tuple[Trigger, ...]:
        name = self._names[delivery.camera].of(delivery)
        if not name:
            return ()
        said = f"Event={percent_encoded(name)}"
        if self._settings.message:
            said += f"&OverrideOperatorMessage={percent_encoded(one_line(delivery, self._place))}"
        path = f"/Interface/GlobalEvents/TriggerGlobalEvent?{said}&{FORMAT}"
        return (
            Trigger(
                method="GET",
                url=f"{self._settings.url}{path}",
                credentials=self._credentials,
                camera=delivery.camera,
                purpose=f"trigger the global event {name}",
                raises=True,
                path=path,
                event=name,
            ),
        )
