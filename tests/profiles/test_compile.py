"""A faulty profile is refused whole, each fault at its place with what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.profiles.compile import CompiledProfile, ProfileErrors, compile_profile
from bridge.profiles.grammar import ProfileDocument

GOOD = """\
profile: door
name: Door
kind: access
identity: {door: item.door}
messages:
  opened:
    when: item.what == "open"
    type: door.opened
    title: Door {door}[ by {who}]
    fields:
      door: item.door
      who: {from: [item.person.name, item.card], as: text}
    state: active
    condition: [identity.door]
"""


def faults(text: str) -> list[tuple[int, int, str]]:
    with pytest.raises(ProfileErrors) as caught:
        compile_profile(text, "door.yaml")
    return [tuple(error) for error in caught.value.errors]


def fault(old: str, new: str) -> tuple[int, int, str]:
    assert old in GOOD
    found = faults(GOOD.replace(old, new))
    assert len(found) == 1, found
    return found[0]


def test_a_good_profile_compiles() -> None:
    profile = compile_profile(GOOD, "door.yaml")
    assert (profile.id, profile.kind) == ("door", "access")


def test_the_digest_changes_with_the_text() -> None:
    assert compile_profile(GOOD, "a").digest == compile_profile(GOOD, "b").digest
    assert compile_profile(GOOD, "a").digest != compile_profile(GOOD + "\n", "a").digest


@pytest.mark.parametrize(
    ("old", "new", "place", "said"),
    [
        ("    type:", "    tipe:", (8, 5), "there is no key tipe here; did you mean type?"),
        ("    type: door.opened\n", "", (7, 5), "type is missing"),
        ("  opened:", "  Opened:", (7, 5), "a name here is of small letters"),
        ("type: door.opened", "type: opened", (8, 11), "written like vehicle.identified"),
        ("kind: access", "kind: acces", (3, 7), "access"),
        ("profile: door", "profile: Door lock", (1, 10), "profile"),
        ("item.what ==", "itm.what ==", (7, 11), "there is no variable itm; did you mean item?"),
        ('"open"', '"open" &&', (7, 11), "ends too early"),
        ("[ by {who}]", "[ by {whom}]", (9, 12), "there is no field whom; did you mean who?"),
        ("[ by {who}]", "[ by {who}", (9, 12), "[ is never closed"),
        ("[identity.door]", "[identity.dor]", (14, 17), "identity has no dor here; did you mean door?"),
        ("    condition: [identity.door]\n", "", (13, 12), "needs a condition"),
        ("state: active", "state: activ", (13, 12), "active"),
        ("as: text", "as: txt", (12, 54), "text"),
        ("door: item.door\n      who", "door: fields.who\n      who", (11, 13), "fields has no who here"),
        ("type: door.opened", "type: [{when: item.a == 1, is: door.opened}]", (8, 11), "end the list with"),
        ("type: door.opened", "type: [door.opened, door.closed]", (8, 12), "never reached"),
        ("identity: {door", "redact: [users.]\nidentity: {door", (4, 10), "write a path such as"),
        ("identity: {door: item.door}", "identity: {door: {from: {key: item.door}}}", (4, 26), "no key key"),
        ("identity: {door: item.door}", "identity: {door: {from: {}}}", (4, 25), "write an expression"),
    ],
)  # fmt: skip
def test_a_fault_is_told_at_its_place_with_what_to_write(old: str, new: str, place: tuple[int, int], said: str) -> None:
    assert old in GOOD
    found = faults(GOOD.replace(old, new))
    assert any((line, column) == place and said in message for line, column, message in found), found


def test_an_unknown_key_is_told_with_the_one_that_was_meant() -> None:
    line, column, message = fault("    state: active", "    stat: active\n    state: active")
    assert (line, column) == (13, 5)
    assert "there is no key stat here; did you mean state?" in message


def test_all_faults_are_told_at_once_in_the_order_of_the_file() -> None:
    found = faults(
        GOOD.replace("item.what", "itm.what").replace("{who}", "{whom}").replace("dentity.door]", "tem.x +]")
    )
    assert [line for line, _, _ in found] == [7, 9, 14]


def test_yaml_that_is_none_is_told_at_its_place() -> None:
    found = faults("profile: [door\nname: x\n")
    assert found[0][:2] == (2, 5) or found[0][0] in (1, 2, 3)


def test_the_error_text_names_the_file() -> None:
    with pytest.raises(ProfileErrors, match=r"door\.yaml:7:11: messages\.opened\.when: "):
        compile_profile(GOOD.replace("item.what", "itm.what"), "door.yaml")


def test_the_grammar_has_a_schema_in_which_every_key_is_described() -> None:
    schema = ProfileDocument.model_json_schema()
    assert schema["properties"]["messages"]["description"]
    for name, model in schema["$defs"].items():
        for key, about in model.get("properties", {}).items():
            assert "description" in about or "$ref" in about or "anyOf" in about, f"{name}.{key}"


def test_the_profiles_that_come_with_the_bridge_are_good(cammra: CompiledProfile, cammra_file: Path) -> None:
    assert cammra.id == cammra_file.stem
    assert cammra.kind == "lpr"
