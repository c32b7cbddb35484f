"""The webhook target: renders an event as one request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, cast
from urllib.parse import quote

from bridge.model import (
    CameraId,
    Delivery,
    Finding,
    Findings,
    Outcome,
    Reach,
    Rejected,
    Search,
    Unanswered,
    VmsId,
)
from bridge.secret import SecretMissing, Secrets
from bridge.vms.base import CameraSettings, Capabilities, HeaderSecret, Request, Signature, VmsSettings
from bridge.vms.http import NotSent, sender_for, split_url
from bridge.vms.http.reaching import reaches
from bridge.vms.webhook.document import as_json, document
from bridge.vms.webhook.sending import send
from bridge.vms.webhook.settings import WebhookCamera, WebhookSettings
from bridge.vms.webhook.template import Template


class WebhookTarget:
    Settings: ClassVar[type[VmsSettings]] = WebhookSettings
    Camera: ClassVar[type[CameraSettings]] = WebhookCamera

    @classmethod
    def reaches(cls, settings: VmsSettings, cameras: Mapping[CameraId, CameraSettings]) -> Sequence[Reach]:
        """For the firewall's table."""
        ours = cast(WebhookSettings, settings)
        plain = ours.url.replace("{camera.id}", "x").replace("{camera}", "x")
        how_often = f"for each event; {ours.connections} connections at most"
        why = f"events of {len(cameras)} cameras"
        return reaches(plain, ours.proxy, how_often=how_often, how_large="some KiB an event", why=why)

    def __init__(
        self, name: VmsId, settings: VmsSettings, cameras: Mapping[CameraId, CameraSettings], secrets: Secrets
    ) -> None:
        self.name = name
        self.cameras = cameras
        ours = self._settings = cast(WebhookSettings, settings)
        self._can = Capabilities(search=False, backdate=True, amend=True, picture=False)
        self._secrets = secrets
        self._template = Template(ours.body) if ours.body else None
        self._headers = (("Content-Type", ours.content_type), *ours.plain_headers())
        self._credentials: tuple[HeaderSecret | Signature, ...] = ours.secret_headers()
        if ours.signature is not None:
            signed = ours.signature
            signature = Signature(signed.header, signed.template, signed.secret, signed.algorithm)
            self._credentials = (*self._credentials, signature)
        self._cameras = {camera: _camera(camera, cast(WebhookCamera, each)) for camera, each in cameras.items()}
        self._urls = {camera: _url(ours.url, told) for camera, told in self._cameras.items()}
        self._sender = sender_for(ours, secrets)

    @property
    def can(self) -> Capabilities:
        return self._can

    def render(self, delivery: Delivery) -> tuple[Request, ...]:
        told = document(delivery, self._cameras[delivery.camera])
        return (
            Request(
                method=self._settings.method,
                url=self._urls[delivery.camera],
                headers=self._headers,
                body=as_json(told) if self._template is None else self._template.fill(told),
                credentials=self._credentials,
                camera=delivery.camera,
                purpose=f"{delivery.action.value} the event",
                raises=True,
            ),
        )

    async def send(self, request: Request, urgent: bool = False) -> Outcome:
        """Send one of the requests that ``render`` made, once."""
        if not isinstance(request, Request):
            return Rejected("this is no request of this VMS")
        return await send(self._sender, self._secrets, request, self._settings.timeout, urgent)

    def shown(self, request: Request) -> bytes:
        """The bytes ``send`` writes for a request of ``render``, with ``{secret:NAME}`` where secrets go.

        Makes no connection and reads no secret: a signature shows as ``{hmac of secret:NAME}``.
        """
        origin, path = split_url(request.url)
        masked = []
        for each in request.credentials:
            if isinstance(each, Signature):
                masked.append((each.header, each.template.replace("{hex}", f"{{hmac of secret:{each.secret}}}")))
            else:
                masked.append((each.header, each.template.replace("{secret}", f"{{secret:{each.secret}}}")))
        return self._sender.written(request.method, origin, path, (*request.headers, *masked), request.body)

    async def find(self, delivery: Delivery) -> Search:
        return Unanswered("a webhook cannot be searched")

    async def check(self, cameras: Sequence[CameraId]) -> Findings:
        """Secrets and the way there; sends no request, for it would be an event."""
        found = []
        for credential in self._credentials:
            try:
                self._secrets.get(credential.secret, fresh=True)
            except SecretMissing as missing:
                found.append(Finding(False, str(missing), f"header {credential.header}", "put the secret there"))
        for origin in {split_url(self._urls[camera])[0] for camera in cameras if camera in self._urls}:
            try:
                await self._sender.reach(origin, self._settings.timeout)
            except NotSent as error:
                found.append(Finding(False, error.why, str(origin), "see whether url is right and the way is open"))
            else:
                found.append(Finding(True, "it can be reached; whether it takes events is not asked", str(origin)))
        return tuple(found)

    async def close(self) -> None:
        await self._sender.close()


def _camera(camera: CameraId, settings: WebhookCamera) -> dict[str, str]:
    return {"key": camera, "name": settings.name or camera, "id": settings.id or camera}


def _url(url: str, camera: dict[str, str]) -> str:
    return url.replace("{camera.id}", quote(camera["id"], safe="")).replace("{camera}", quote(camera["key"], safe=""))
