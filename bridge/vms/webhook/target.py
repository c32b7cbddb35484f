"""The webhook target. An answer counts as it does among webhooks: 2xx is taken, any other status is not."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import ClassVar, cast
from urllib.parse import quote

import msgspec

from bridge.clock import SystemClock
from bridge.model import (
    Ambiguous,
    Blocked,
    CameraId,
    Delivered,
    Delivery,
    Finding,
    Findings,
    Outcome,
    Rejected,
    Retry,
    Search,
    Unanswered,
    VmsId,
)
from bridge.secret import SecretMissing, Secrets
from bridge.vms.base import CameraSettings, Capabilities, HeaderSecret, Request, Signature, VmsSettings
from bridge.vms.http import Answer, AnswerLost, NotSent, SendingError, sender_for, split_url
from bridge.vms.http.answer import retry_after
from bridge.vms.webhook.document import document
from bridge.vms.webhook.settings import WebhookCamera, WebhookSettings
from bridge.vms.webhook.template import Template


class WebhookTarget:
    Settings: ClassVar[type[VmsSettings]] = WebhookSettings
    Camera: ClassVar[type[CameraSettings]] = WebhookCamera

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
                body=_json(told) if self._template is None else self._template.fill(told),
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
        try:
            answer = await self._send(request, urgent)
        except SecretMissing as missing:
            return Blocked(str(missing), whole_vms=True)
        except NotSent as error:
            return Retry(error.why, away=not error.busy)
        except AnswerLost as error:
            return Ambiguous(error.why, away=error.silent)
        except SendingError as error:
            return Rejected(error.why)
        return _outcome(answer)

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

    async def _send(self, request: Request, urgent: bool) -> Answer:
        """A refused credential is read anew, once, and used if it changed. Raises SecretMissing, SendingError."""
        origin, path = split_url(request.url)
        timeout, sender = self._settings.timeout, self._sender
        headers, versions = self._credential_headers(request, fresh=False)
        answer = await sender.send(request.method, origin, path, headers, request.body, timeout, urgent)
        if answer.status in (401, 403) and request.credentials:
            headers, fresh = self._credential_headers(request, fresh=True)
            if fresh != versions:
                return await sender.send(request.method, origin, path, headers, request.body, timeout, urgent)
        return answer

    def _credential_headers(self, request: Request, fresh: bool) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
        """(all headers, versions of the secrets in them)."""
        made, versions = [], []
        for each in request.credentials:
            secret = self._secrets.get(each.secret, fresh)
            versions.append(secret.version)
            if isinstance(each, HeaderSecret) and not secret.reveal().isprintable():
                raise SecretMissing(f"the secret {each.secret} has a line break in it, which no header can hold")
            if isinstance(each, Signature):
                digest = hmac.new(secret.reveal().encode(), request.body, getattr(hashlib, each.algorithm)).hexdigest()
                made.append((each.header, each.template.replace("{hex}", digest)))
            else:
                made.append((each.header, each.template.replace("{secret}", secret.reveal())))
        return (*request.headers, *made), tuple(versions)


def _outcome(answer: Answer) -> Outcome:
    """By custom a receiver that answers anything but 2xx has not taken it, so that it may be sent again."""
    status = answer.status
    if 200 <= status < 300:
        return Delivered()
    if status in (401, 403, 407):
        return Blocked(f"the receiver refuses our credentials ({status})", whole_vms=True)
    if status in (408, 425, 429) or status >= 500:
        wait = retry_after(answer, SystemClock().now().utc)
        return Retry(f"the receiver says later ({status})", wait, away=status in (502, 503, 504))
    if 300 <= status < 400:
        return Blocked(f"the receiver answers {status}, a redirection: set url to where it really is", whole_vms=True)
    return Rejected(f"the receiver refused it ({status})")


def _camera(camera: CameraId, settings: WebhookCamera) -> dict[str, str]:
    return {"key": camera, "name": settings.name or camera, "id": settings.id or camera}


def _url(url: str, camera: dict[str, str]) -> str:
    return url.replace("{camera.id}", quote(camera["id"], safe="")).replace("{camera}", quote(camera["key"], safe=""))


def _json(told: dict[str, object]) -> bytes:
    try:
        return msgspec.json.encode(told)
    except UnicodeEncodeError:  # half a surrogate pair in some text
        import json

        return json.dumps(told, default=_plain, ensure_ascii=False).encode("utf-8", "replace")


def _plain(value: object) -> object:
    return msgspec.json.decode(value) if isinstance(value, msgspec.Raw) else str(value)
