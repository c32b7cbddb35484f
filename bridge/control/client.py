"""Speaking to a running service from a command: small, synchronous, nothing but the standard library."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TypeAlias
from urllib.parse import urlencode

from bridge.control.door import DoorError, Nobody, call

Answer: TypeAlias = dict[str, object]


class CallFailed(Exception):
    """The service answered that it did not do it; the text is its own. ``status`` is the HTTP status."""

    def __init__(self, why: str, status: int, answer: Answer | None = None) -> None:
        super().__init__(why)
        self.status = status
        self.answer = answer


class _Line(http.client.HTTPConnection):
    """HTTP over whatever the door is."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("vms-bridge", timeout=timeout)
        self._path = path
        self._seconds = timeout
        self.token: str | None = None

    def connect(self) -> None:
        self.sock, self.token = call(self._path, self._seconds)


class Client:
    """One connection to the service whose control socket is ``path``. ``timeout``: seconds per answer."""

    def __init__(self, path: Path, timeout: float = 30.0) -> None:
        """Raises Nobody when no service answers there, DoorError when it may not be asked."""
        self._line = _Line(path, timeout)
        self._line.connect()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._line.close()

    def get(self, path: str, **parameters: str | None) -> Answer:
        """One JSON object. Raises CallFailed, Nobody."""
        return _object(self._call("GET", _with(path, parameters)).read())

    def ask(self, path: str) -> Answer:
        """One JSON object, also of an answer that says no (503). Raises CallFailed for any other, Nobody."""
        try:
            return self.get(path)
        except CallFailed as failed:
            if failed.status != 503 or failed.answer is None:
                raise
            return failed.answer

    def post(self, path: str, body: Mapping[str, object]) -> Answer:
        """Raises CallFailed, Nobody."""
        return _object(self._call("POST", path, json.dumps(body).encode()).read())

    def lines(self, path: str, **parameters: str | None) -> Iterator[Answer]:
        """JSON lines as they come. Raises CallFailed, Nobody."""
        return self._lines(self._call("GET", _with(path, parameters)))

    def listen(self, path: str, until: float | None = None, **parameters: str | None) -> Iterator[Answer]:
        """JSON lines for as long as the service runs; the next may be long in coming. They end at ``until``
        (``time.monotonic``). Raises CallFailed, Nobody."""
        answered = self._call("GET", _with(path, parameters))
        return self._lines(answered, self._line.sock, until)

    def stream(self, path: str, **parameters: str | None) -> http.client.HTTPResponse:
        """An answer's bytes as they come, to be read by the caller. Raises CallFailed, Nobody."""
        return self._call("GET", _with(path, parameters))

    def _lines(
        self, answered: http.client.HTTPResponse, line: socket.socket | None = None, until: float | None = None
    ) -> Iterator[Answer]:
        """``line``: whose pauses have no bound but ``until``."""
        try:
            while True:
                if line is not None:
                    left = None if until is None else until - time.monotonic()
                    if left is not None and left <= 0:
                        return
                    line.settimeout(left)
                if not (text := answered.readline()):
                    return
                yield _object(text)
        except TimeoutError:
            if until is None:
                raise Nobody("the service does not answer in time") from None
        except (OSError, http.client.HTTPException) as error:
            raise Nobody("the service ended while it was answering") from error

    def _call(self, method: str, path: str, body: bytes | None = None) -> http.client.HTTPResponse:
        headers = {"Authorization": f"Bearer {self._line.token}"} if self._line.token else {}
        try:
            self._line.request(method, path, body, headers)
            answered = self._line.getresponse()
            if answered.status < 400:
                return answered
            said = answered.read()
        except TimeoutError as error:
            raise DoorError("the service does not answer in time") from error
        except (OSError, http.client.HTTPException) as error:
            raise Nobody("the service ended before it answered") from error
        try:
            answer = _object(said)
        except (ValueError, CallFailed):
            answer = {}
        # A receipt says "why", everything else "error".
        raise CallFailed(
            str(answer.get("error") or answer.get("why") or said.decode("utf-8", "replace")), answered.status, answer
        )


def _with(path: str, parameters: Mapping[str, str | None]) -> str:
    given = {name: value for name, value in parameters.items() if value is not None}
    return f"{path}?{urlencode(given)}" if given else path


def _object(text: bytes) -> Answer:
    read = json.loads(text)
    if not isinstance(read, dict):
        raise CallFailed("the service answered something else than an object", 502)
    return read
