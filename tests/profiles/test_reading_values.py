"""Links, the best of several, pieces of a text, lists and further names: what fields and media are read from."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bridge.model import Link
from bridge.profiles.compile import ProfileErrors


def kind(rest: str) -> str:
    return f"messages:\n  any:\n    type: a.b\n    title: x\n{rest}"


# ------------------------------------------------------------------------------------------------------------ links


def test_links_are_told_with_what_they_show_and_what_is_absent_is_left_out(bench: Any) -> None:
    tried = bench("media: {links: {face: item.face, frame: [item.a, item.frame], person: item.none}}")
    body = b'{"face":" http://omni.local/get-image/1 ","a":null,"frame":"HTTPS://h:8443/x?y=1#z"}'
    assert tried.drafts(body)[0].links == (
        Link("http://omni.local/get-image/1", "face"),
        Link("HTTPS://h:8443/x?y=1#z", "frame"),
    )
    assert tried.drafts(b'{"face":""}')[0].links == ()


@pytest.mark.parametrize(
    "text",
    ["ftp://h/x", "file:///etc/passwd", "//h/x", "/local/1.jpg", "javascript:alert(1)", "http://", "http:///x",
     "http://a b", "http://h/\r\nHost: x", "http://h/\x00", 'http://h/">', "x http://h/", "http://" + "h" * 3000],
)  # fmt: skip
def test_what_is_no_http_address_is_no_link(text: str, bench: Any) -> None:
    assert bench("media: {links: {face: item.face}}").drafts(json.dumps({"face": text}).encode())[0].links == ()


def test_a_list_gives_several_links_and_eight_is_the_most(bench: Any) -> None:
    tried = bench("media: {links: {face: item.l, frame: item.l}}")
    assert len(tried.drafts(b'{"l":["http://h/1","http://h/1",7,"http://h/2"]}')[0].links) == 4
    assert len(tried.drafts(json.dumps({"l": [f"http://h/{n}" for n in range(50)]}).encode())[0].links) == 8


# ------------------------------------------------------------------------------------------------------------ the best


def test_the_best_of_several_is_the_one_with_the_highest_number_and_the_first_of_equals(bench: Any) -> None:
    tried = bench(
        "media: {links: {face: best.candidate.link}}",
        kind(
            "    best: {candidate: {of: [item.candidates, item.data], by: [confidence, plate.score]}}\n"
            "    fields: {id: best.candidate.id}\n"
            "    dedup: {key: [best.candidate.id]}\n"
        ),
    )

    def best(candidates: object) -> object:
        return tried.drafts(json.dumps({"candidates": candidates}).encode())[0].fields.get("id")

    assert best([{"id": "a", "confidence": 0.81}, {"id": "b", "confidence": 0.83}]) == "b"
    assert best([{"id": "a", "confidence": "0.9"}, {"id": "b", "confidence": 0.9}]) == "a"
    assert best([{"id": "a"}, 7, {"id": "b", "plate": {"score": 0}}]) == "b"
    assert best([{"id": "a", "confidence": "x"}]) == "a"
    assert best({"id": "a"}) == "a"
    assert best([]) is None
    assert best(None) is None
    (draft,) = tried.drafts(b'{"candidates":[],"data":[{"id":"d","link":"http://h/1"}]}')
    assert draft.links == (Link("http://h/1", "face"),)
    assert draft.dedup == "any|d|"


def test_a_best_that_is_not_named_is_told(bench: Any) -> None:
    with pytest.raises(ProfileErrors, match="best has no candidat here; did you mean candidate"):
        bench("", kind("    best: {candidate: {of: item.c, by: x}}\n    fields: {id: best.candidat.id}\n"))


# ------------------------------------------------------------------------------------------------------ pieces of texts


@pytest.mark.parametrize(
    ("form", "value", "found"),
    [
        ('after: "#", before: "#"', "#default#app/dock3", "default"),
        ('after: ["#", "#"], before: "/"', "#default#app/dock3", "app"),
        ('after: "/"', "#default#app/dock3/x", "dock3/x"),
        ('after: "://", before: [":", "/", "?"]', "rtsp://10.0.0.1:554/s", "10.0.0.1"),
        ('after: "://", before: [":", "/", "?"]', "10.0.0.1", None),
        ('before: "-"', "72aa3a70-0fc1", "72aa3a70"),
        ('before: "-"', "none", "none"),
        ('before: "-"', "-x", None),
        ('as: url, after: "://", before: "/"', "rtsp://u:p@10.0.0.1/s", "10.0.0.1"),
        ("as: url", "http://10.0.0.1/a@b", "http://10.0.0.1/a@b"),
        ("as: list", ["a", 1, None, {}, " b "], "a, 1, b"),
        ("as: list", "a", "a"),
        ("as: list", [], None),
        ("as: milliseconds", 1767603724, 1767603724000),
        ("as: milliseconds", "1767603724104", 1767603724104),
        ("as: milliseconds", 1767603724104999, 1767603724104),
        ("as: milliseconds", "1767603724104000000", 1767603724104),
        ("as: milliseconds", -1, None),
    ],
)  # fmt: skip
def test_a_value_is_cut_out_of_a_text(form: str, value: object, found: object, bench: Any) -> None:
    tried = bench("", kind(f"    fields: {{v: {{from: item.v, {form}}}}}\n"))
    assert tried.drafts(json.dumps({"v": value}).encode())[0].fields.get("v") == found


def test_a_url_is_read_without_user_and_password() -> None:
    from bridge.profiles.values import url

    assert url("rtsp://admin:p@ss@10.0.0.1/x") == "rtsp://10.0.0.1/x"


# ------------------------------------------------------------------------------------------------------- further names


def test_texts_and_numbers_of_a_map_become_fields_but_never_over_a_named_one(bench: Any) -> None:
    tried = bench("", kind("    fields: {label: item.d.label}\n    more: [item.none, item.d]\n"))
    body = {
        "d": {"label": "car", "Speed kmh": 47.3, "LABEL": "x", "list": [1], "map": {}, "": 1, "1st": True, "n": None}
    }
    assert tried.drafts(json.dumps(body).encode())[0].fields == {"label": "car", "speed_kmh": 47.3, "x_1st": True}
    many = {"d": {f"k{n}": n for n in range(500)}}
    assert len(tried.drafts(json.dumps(many).encode())[0].fields) == 32
    assert tried.drafts(b'{"d":[1]}')[0].fields == {}


def test_two_forms_of_one_thing_have_one_dedup_key(bench: Any) -> None:
    tried = bench(
        "",
        """
messages:
  polled: {when: has(item.p), type: a.b, title: x, dedup: {of: pushed, key: [item.p]}}
  pushed: {type: a.b, title: x, dedup: {key: [item.n]}}
""",
    )
    assert tried.drafts(b'{"p":1}')[0].dedup == tried.drafts(b'{"n":1}')[0].dedup == "pushed|1|"
    with pytest.raises(ProfileErrors, match="there is no kind pushd"):
        bench("", kind("    dedup: {of: pushd, key: [item.p]}\n"))


def test_a_key_with_a_name_of_megabytes_is_not_compared_by_its_spelling(bench: Any) -> None:
    tried = bench("", kind("    fields: {v: {from: {key_like: device id}}}\n"))
    long = "device" + "-" * 1_000_000 + "id"
    assert tried.drafts(json.dumps({long: 1, "Device ID": 2}).encode())[0].fields == {"v": 2}
