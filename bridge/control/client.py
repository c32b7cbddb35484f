"""Speaking to a running service from a command: small, synchronous, nothing but the standard library."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TypeAlias
from urllib.parse import urlencode

from bridge.control.door import DoorError, Nobody, call

Answer: TypeAlias = dict[str, object]


class CallFailed(Exception):
    """The service answered that it did not do it; the text is its own. ``status`` is the HTTP status."""

    def __init__(self, why: str, status: int) -> None:
        super().__init__(why)
        self.status = status


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

    def post(self, path: str, body: Mapping[str, object]) -> Answer:
        """Raises CallFailed, Nobody."""
        return _object(self._call("POST", path, json.dumps(body).encode()).read())

    def lines(self, path: str, **parameters: str | None) -> Iterator[Answer]:
        """JSON lines as they come. Raises CallFailed, Nobody."""
        return self._lines(self._call("GET", _with(path, parameters)))

    def listen(self, path: str) -> Iterator[Answer]:
        """JSON lines for as long as the service runs; the next may be long in coming. Raises CallFailed, Nobody."""
        answered = self._call("GET", path)
        if self._line.sock is not None:
            self._line.sock.settimeout(None)
        return self._lines(answered)

    def _lines(self, answered: http.client.HTTPResponse) -> Iterator[Answer]:
        try:
            while line := answered.readline():
                yield _object(line)
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
            str(answer.get("error") or answer.get("why") or said.decode("utf-8", "replace")), answered.status
        )


def _with(path: str, parameters: Mapping[str, str | None]) -> str:
    given = {name: value for name, value in parameters.items() if value is not None}
    return f"{path}?{urlencode(given)}" if given else path


def _object(text: bytes) -> Answer:
    read = json.loads(text)
    if not isinstance(read, dict):
        raise CallFailed("the service answered something else than an object", 502)
    return read
