"""The documentation page tells the whole grammar."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from bridge.config.document import parse
from bridge.profiles.grammar import Normaliser, ProfileDocument

PAGE = (Path(__file__).parents[2] / "docs" / "profiles.md").read_text("utf-8")


def test_every_key_of_the_grammar_is_on_the_page() -> None:
    schema = ProfileDocument.model_json_schema()
    keys = set(schema["properties"])
    for name, model in schema["$defs"].items():
        keys |= set(model.get("properties", {})) if name != "ProfileDocument" else set()
    untold = {key for key in keys - {"expression"} if not re.search(rf"\b{key}\b", PAGE)}
    assert untold == set()


def test_every_normaliser_is_on_the_page() -> None:
    assert [name for name in get_args(Normaliser) if f"`{name}`" not in PAGE] == []


def test_every_sample_on_the_page_is_yaml() -> None:
    samples = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert len(samples) > 5
    for sample in samples:
        parse(sample, "profiles.md")
