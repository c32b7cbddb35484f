"""The common names are written down once, and the page says the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

from bridge.profiles import vocabulary
from bridge.profiles.compile import CompiledProfile
from bridge.profiles.grammar import Kind

PAGE = (Path(__file__).parents[2] / "docs" / "vocabulary.md").read_text("utf-8")


def test_the_page_is_what_the_module_prints() -> None:
    assert vocabulary.page() == PAGE


def test_every_kind_of_sensor_has_its_names_and_no_name_stands_twice_in_one() -> None:
    assert tuple(vocabulary.KINDS) == get_args(Kind)
    for terms in vocabulary.KINDS.values():
        names = [term.name for term in (*vocabulary.EVERY, *terms)]
        assert len(set(names)) == len(names)


def test_a_name_of_several_kinds_is_written_alike_in_all() -> None:
    for name in vocabulary.common():
        terms = [term for each in vocabulary.KINDS.values() for term in each if term.name == name]
        assert len({term.type for term in terms}) <= 1, name


def test_the_names_of_a_plate_are_those_of_cammra(cammra: CompiledProfile) -> None:
    read = [name for name in cammra.fields if name in {term.name for term in vocabulary.KINDS["lpr"]}]
    assert {"plate", "plate_text", "country", "direction", "list_mode", "make", "colour", "lane", "carstate"} <= set(
        read
    )


def test_names_of_a_profiles_own_are_told_in_its_order(bench: Any) -> None:
    kinds = "messages: {any: {type: a.b, title: x, fields: {odd: item.a, plate: item.b, own: item.c}}}"
    assert vocabulary.uncommon(bench("", kinds).profile) == ("odd", "own")
