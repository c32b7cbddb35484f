"""``try`` shows the pictures too that a VMS takes with their event."""

from __future__ import annotations

import re
from base64 import b64decode

import pytest

import mappings
from bridge.cli.ending import Code
from bridge.cli.main import main


def test_pictures_are_shown_in_the_request_that_has_them(capfd: pytest.CaptureFixture[str]) -> None:
    payload = mappings.PROFILES / "cammra" / "s1-new-multipart.http"
    site = mappings.SITE_SCHEMA.parent / "sites" / "milestone.yaml"
    assert main(["try", str(site), "--sensor", "gate-lpr", str(payload)]) == Code.DONE
    shown = capfd.readouterr().out
    (picture, *_) = re.findall("<Image>(.+?)</Image>", shown)
    assert b64decode(picture) in payload.read_bytes()
