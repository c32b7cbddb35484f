"""Every example beside a profile means what its expectation, written by hand, says."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

import mappings
from bridge.config.document import parse, plain
from bridge.model import Item
from bridge.profiles.compile import CompiledProfile, compile_profile
from bridge.profiles.examples import Example, examples_of, read_message, run_examples
from bridge.profiles.grammar import ProfileDocument

EVERY = [(file, example) for file in sorted(mappings.PROFILES.glob("*.yaml")) for example in examples_of(file)]


@pytest.mark.shows("profile:{file.stem}", "samples")
@pytest.mark.parametrize(("file", "example"), EVERY, ids=[f"{file.stem}/{example.name}" for file, example in EVERY])
def test_an_example_means_what_was_written_about_it_by_hand(file: Path, example: Example) -> None:
    profile = compile_profile(file.read_text("utf-8"), str(file))
    (result,) = run_examples(profile, [example])
    assert result.faults == ()


def test_there_are_examples_and_every_expectation_has_its_message(cammra_file: Path) -> None:
    raw = {example.name for example in examples_of(cammra_file)}
    written = {file.name.removesuffix(".expect.yaml") for file in cammra_file.with_suffix("").glob("*.expect.yaml")}
    assert raw == written
    assert len(raw) >= 15


def test_a_wrong_expectation_is_told_in_words(cammra: CompiledProfile, tmp_path: Path) -> None:
    raw = tmp_path / "one.tcp"
    raw.write_bytes(b'{"plateUTF8": "4AB1284", "carState": "lost", "carID": "1"}')
    expectation = tmp_path / "one.expect.yaml"
    expectation.write_text('items: [{title: other, some_fields: {plate: X, nope: 1}, colour: red}, {malformed: ""}]')
    (result,) = run_examples(cammra, [Example("one", raw, expectation)])
    assert result.faults[0] == "1 items were read, 2 are expected"
    assert "item 0: title is '4AB1284'; expected 'other'" in result.faults
    assert "item 0: some_fields.plate is '4AB1284'; expected 'X'" in result.faults
    assert "item 0: some_fields.nope is absent; expected 1" in result.faults
    assert any("an expectation cannot name colour" in fault for fault in result.faults)


def test_an_example_without_expectation_fails(cammra: CompiledProfile, tmp_path: Path) -> None:
    raw = tmp_path / "one.tcp"
    raw.write_bytes(b"{}")
    (result,) = run_examples(cammra, [Example("one", raw, tmp_path / "one.expect.yaml")])
    assert "is missing" in result.faults[0]


@pytest.mark.parametrize("file", sorted(mappings.PROFILES.glob("*.yaml")), ids=lambda file: file.stem)
def test_each_kind_of_message_has_at_least_three_examples(file: Path) -> None:
    profile = compile_profile(file.read_text("utf-8"), str(file))
    shown: Counter[str] = Counter()
    for example in examples_of(file):
        items = profile.items(profile.redact(read_message(example.file)))
        shown.update({profile.kind_of(item) for item in items if isinstance(item, Item)})
    kinds = ProfileDocument.model_validate(plain(parse(file.read_text("utf-8"), str(file)))).messages
    assert {kind: shown[kind] for kind in kinds if shown[kind] < 3} == {}
