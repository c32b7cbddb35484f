from __future__ import annotations

from pathlib import Path

import pytest

import mappings
from bridge.profiles.compile import CompiledProfile, compile_profile

CAMMRA = mappings.PROFILES / "cammra.yaml"


@pytest.fixture(scope="session")
def cammra_file() -> Path:
    return CAMMRA


@pytest.fixture(scope="session")
def cammra() -> CompiledProfile:
    return compile_profile(CAMMRA.read_text("utf-8"), str(CAMMRA))
