"""The real ZoneMinder, in namespaces of its own: see ``real_inside.sh``."""

from __future__ import annotations

import json
import os
import select
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bridge.simulator.picture import JPEG
from tests.free_port import free_port

INSIDE = Path(__file__).with_name("real_inside.sh")
PROGRAMS = ("zmpkg.pl", "mariadbd", "apache2", "unshare", "setpriv")
STARTS_WITHIN = 60.0
PASSWORD = "first pass"
TRIGGER = 6802
"""zmtrigger's port cannot be chosen."""


def why_not() -> str:
    """What keeps it from running here; "" when nothing does."""
    missing = [each for each in PROGRAMS if shutil.which(each) is None]
    if missing:
        return f"not installed: {', '.join(missing)}; make zoneminder installs it"
    tried = subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True, timeout=10)
    if os.geteuid() != 0 or tried.returncode:
        return "needs root, for namespaces of its own"
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("0.0.0.0", TRIGGER))
        except OSError:
            return f"port {TRIGGER} is taken"
    return ""


class Camera(ThreadingHTTPServer):
    """Five pictures a second, as MJPEG: what is read to its end in a moment never makes a monitor ready."""

    daemon_threads = True

    def __init__(self, picture: bytes) -> None:
        self.picture = picture
        self.ending = threading.Event()
        super().__init__(("127.0.0.1", 0), Pictures)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who watches may leave."""


class Pictures(BaseHTTPRequestHandler):
    server: Camera

    def do_GET(self) -> None:
        picture = self.server.picture
        part = b"--pic\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n" % (len(picture), picture)
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=pic")
        self.end_headers()
        while not self.server.ending.wait(0.2):
            self.wfile.write(part)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class RealZoneMinder:
    """``with RealZoneMinder(folder) as zm: … zm.url``. Two monitors, 1 and 2; user admin."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._camera = Camera(_picture())
        self._process: subprocess.Popen[str] | None = None
        self._token = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/zm"

    def __enter__(self) -> RealZoneMinder:
        threading.Thread(target=self._camera.serve_forever, daemon=True).start()
        camera = f"http://127.0.0.1:{self._camera.server_address[1]}/"
        apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        with (self.folder / "inside.log").open("w") as log:
            self._process = subprocess.Popen(
                [*apart, "sh", str(INSIDE), str(self.folder), str(self.port), camera],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        try:
            assert self._answer(STARTS_WITHIN) == "ready", self.logs()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        process = self._process
        if process is not None:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
        self._camera.ending.set()
        self._camera.shutdown()
        self._camera.server_close()

    def ask(self, line: str, within: float = 60.0) -> str:
        """One line to the inside, and its answer."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._answer(within)

    def _answer(self, within: float) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        readable, _, _ = select.select([self._process.stdout], [], [], within)
        assert readable, f"nothing was said within {within} s: {self.logs()}"
        return self._process.stdout.readline().rstrip("\n")

    def logs(self) -> str:
        found = [f"{each.name}:\n{each.read_text(errors='replace')[-2000:]}" for each in self.folder.glob("*.log")]
        return "\n".join(found)

    # ------------------------------------------------------------------------------------------- its own API, by others

    def get(self, path: str) -> Any:
        """Asked with the standard library, not with our client."""
        if not self._token:
            told = urlencode({"user": "admin", "pass": PASSWORD}).encode()
            self._token = _read(f"{self.url}/api/host/login.json", told)["access_token"]
        return _read(f"{self.url}/api{path}{'&' if '?' in path else '?'}token={self._token}")

    def events(self) -> list[dict[str, Any]]:
        """All of them, oldest first."""
        found: list[dict[str, Any]] = []
        page = 1
        while True:
            told = self.get(f"/events.json?page={page}&limit=100&sort=Id&direction=asc")
            found += [each["Event"] for each in told["events"]]
            if not told["pagination"]["nextPage"]:
                return found
            page += 1

    def until_quiet(self, within: float = 20.0) -> None:
        """Until no monitor is alarmed and no event goes on."""
        ending = time.monotonic() + within
        while any(self.get(f"/monitors/alarm/id:{number}/command:status.json")["status"] for number in (1, 2)):
            assert time.monotonic() < ending, "a monitor stays alarmed"
            time.sleep(0.2)

    def fetch(self, query: str) -> tuple[str, bytes]:
        with urllib.request.urlopen(f"{self.url}/index.php?{query}&token={self._token}", timeout=20) as answer:
            return answer.headers["Content-Type"], answer.read()


def _read(url: str, data: bytes | None = None) -> Any:
    with urllib.request.urlopen(url, data, timeout=20) as answer:
        return json.loads(answer.read())


def _picture() -> bytes:
    """320 by 240, grey: the simulators' one pixel, enlarged. 1200 blocks of two bits, "no difference" and "end"."""
    size = JPEG.index(b"\xff\xc0") + 5
    head = JPEG[:size] + (240).to_bytes(2, "big") + (320).to_bytes(2, "big") + JPEG[size + 4 : -3]
    return head + bytes(1200 * 2 // 8) + b"\xff\xd9"
