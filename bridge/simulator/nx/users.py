"""Who may ask a simulated Nx: session tokens, digest, and what is answered to anybody else [2, 9]."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import time

import msgspec

from bridge.simulator.http_server import Answer, Asked

REALM = "VMS"
GUESSES = 10
"""Wrong passwords until nobody may guess any more."""
_PART = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')


class Users(msgspec.Struct):
    """One user. ``methods``: as ``/login/users/<name>`` tells them. ``lifetime``: of tokens, seconds.

    ``scoped``: tokens of the cloud that this site takes. ``old_token``: how a token that is over is answered.
    """

    name: str = "bridge"
    password: str = "first pass"  # noqa: S105 - of the simulator alone
    methods: str = "sessions|http"
    lifetime: float = 3600.0
    may_make: bool = True
    old_token: int = 401
    tokens: dict[str, float] = {}
    scoped: set[str] = set()
    nonces: dict[str, int] = {}
    wrong: int = 0
    log_ins: int = 0

    def forget(self) -> None:
        """Every token that was given, and every challenge, is refused from now on."""
        self.tokens.clear()
        self.nonces.clear()

    def log_in(self, asked: Asked) -> Answer:
        self.log_ins += 1
        told = msgspec.json.decode(asked.body, type=dict[str, object])
        if self.wrong >= GUESSES:
            return error(403, "forbidden", "Too many attempts, try again later")
        if str(told.get("username", "")).lower() != self.name.lower() or told.get("password") != self.password:
            self.wrong += 1
            return error(422, "invalidParameter", "Wrong password")
        self.wrong = 0
        token = f"vms-{secrets.token_hex(8)}-{secrets.token_urlsafe(9)}"
        self.tokens[token] = time.monotonic() + self.lifetime
        lives = round(self.lifetime)
        return said(
            {"id": token, "username": self.name, "token": token, "ageS": 0, "expiresInS": lives}
        )  # fmt: skip

    def refusal(self, asked: Asked) -> Answer | None:
        """None for whom we know."""
        scheme, _, rest = asked.headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        if scheme == "Bearer":
            if self.tokens.get(rest, 0.0) > time.monotonic() or rest in self.scoped:
                return None
            told = (("x-auth-result", "Auth_WrongSessionToken"),)
            return Answer(self.old_token, b'{"error":"4","errorString":"Session expired"}', headers=told)
        if scheme == "Digest" and "http" in self.methods and self._known(asked, rest):
            return None
        return self._challenge()

    def _challenge(self) -> Answer:
        if "http" not in self.methods:
            return error(401, "unauthorized", "Unauthorized")
        nonce = secrets.token_hex(8)
        self.nonces[nonce] = 0
        asks = f'Digest realm="{REALM}", nonce="{nonce}", algorithm=MD5, qop="auth"'
        return Answer(401, b'{"error":"4","errorString":"Unauthorized"}', headers=(("WWW-Authenticate", asks),))

    def _known(self, asked: Asked, text: str) -> bool:
        parts = {part[1]: part[2] or part[3] for part in _PART.finditer(text)}
        place = f"{asked.path}?{asked.query}" if asked.query else asked.path
        nonce, count = parts.get("nonce", ""), int(parts.get("nc", "0"), 16)
        if parts.get("uri") != place or nonce not in self.nonces or count <= self.nonces[nonce]:
            return False
        first = _md5(f"{self.name.lower()}:{REALM}:{self.password}")
        second = _md5(f"{asked.method}:{place}")
        right = _md5(f"{first}:{nonce}:{parts.get('nc')}:{parts.get('cnonce')}:{parts.get('qop')}:{second}")
        if parts.get("response") != right:
            self.wrong += 1
            return False
        self.nonces[nonce] = count
        return True


def said(value: object, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value).encode())


def error(status: int, name: str, text: str) -> Answer:
    return said({"error": "4" if status in (401, 403) else "3", "errorId": name, "errorString": text}, status)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
