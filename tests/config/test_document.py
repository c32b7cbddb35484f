"""YAML text becomes a tree whose scalars are judged by YAML 1.2 and whose every key and value knows its place."""

from __future__ import annotations

import json
import textwrap

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bridge.config import document
from bridge.config.document import locate, locate_key, parse, plain, read
from bridge.config.errors import SiteErrors


@pytest.fixture(params=["C", "pure"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both of PyYAML's parsers: machines without libyaml read the same."""
    if request.param == "pure":
        monkeypatch.setattr(document, "_Parser", yaml.SafeLoader)
    return str(request.param)


def value(text: str) -> object:
    return plain(parse(f"key: {text}\n", "site.yaml"))["key"]  # type: ignore[index,call-overload]


def faults(text: str) -> list[str]:
    return [str(error) for error in read(textwrap.dedent(text), "site.yaml").errors]


@pytest.mark.parametrize(
    "text", ["NO", "no", "on", "off", "yes", "Y", "12:30:00", "1_000", "2024-01-01", "0b101", "017x", ".", "10.0.0.21"]
)
def test_what_only_yaml_1_1_took_for_something_else_stays_text(text: str, parser: str) -> None:
    assert value(text) == text


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("0o17", 15), ("0x1F", 31), ("017", 17), ("+1", 1), ("-12", -12), ("1.5", 1.5), ("1e3", 1000.0), ("-.5", -0.5),
        ("true", True), ("FALSE", False), ("null", None), ("~", None), ("", None), ("-.inf", float("-inf")),
        ('"1"', "1"), ("'true'", "true"), ('""', ""), ("!!str 1", "1"),
    ],
)  # fmt: skip
def test_scalars_mean_what_yaml_1_2_says(text: str, meant: object, parser: str) -> None:
    got = value(text)
    assert (got, type(got)) == (meant, type(meant))


def test_keys_stay_as_they_are_written(parser: str) -> None:
    assert plain(parse("on: 1\n4711: 2\nNO: 3\nnull: 4\n", "f")) == {"on": 1, "4711": 2, "NO": 3, "null": 4}


def test_every_key_and_value_knows_its_place(parser: str) -> None:
    root = parse("a: 1\nsensors:\n  gate: {path: /gate, cameras: [x, y]}\n", "site.yaml")
    path = ("sensors", "gate", "cameras", 1)
    node = locate(root, path)
    assert (node.value, node.line, node.column) == ("y", 3, 36)
    assert locate_key(root, ("sensors", "gate", "cameras")) == (3, 23)
    assert locate_key(root, ("sensors",)) == (2, 1)


def test_what_is_not_there_is_located_at_the_nearest_that_is(parser: str) -> None:
    root = parse("sensors:\n  gate: {path: /gate}\n", "site.yaml")
    assert locate(root, ("sensors", "gate", "[branch]", "missing")) is locate(root, ("sensors", "gate"))


def test_a_duplicate_key_is_an_error_that_names_both_places(parser: str) -> None:
    assert faults("a: 1\nb: {x: 1, x: 2}\na: 3\n") == [
        "site.yaml:2:11: x is written twice; the first is at line 2, column 5: keep one",
        "site.yaml:3:1: a is written twice; the first is at line 1, column 1: keep one",
    ]


def test_aliases_mean_what_they_name_and_stand_where_they_are(parser: str) -> None:
    root = parse("base: &base {list: [1, 2]}\nother: *base\n", "site.yaml")
    assert plain(root) == {"base": {"list": [1, 2]}, "other": {"list": [1, 2]}}
    assert (locate(root, ("other",)).line, locate(root, ("other",)).column) == (2, 8)


def test_a_billion_laughs_are_refused_before_they_are_laughed(parser: str) -> None:
    laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    laughs += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10))
    assert faults(laughs) == [
        "site.yaml:5:45: aliases make this document more than 100,000 values longer; write fewer of them"
    ]


def test_an_alias_inside_what_it_names_is_refused(parser: str) -> None:
    assert faults("a: &a [1, *a]") == [
        "site.yaml:1:11: this alias stands inside what it names and would never end; write it out"
    ]


def test_merge_keys_are_refused_with_what_to_write_instead(parser: str) -> None:
    assert faults("a: &a {x: 1}\nb: {<<: *a, y: 2}\n") == [
        "site.yaml:2:5: merge keys (<<) are not part of YAML 1.2; write the keys out here"
    ]
    assert plain(parse('"<<": 1\n', "f")) == {"<<": 1}


@pytest.mark.parametrize("text", ["[" * 5000, "a: " + "[" * 200 + "]" * 200, "- " * 3000 + "x"])
def test_nesting_is_bounded_and_never_a_crash(text: str) -> None:
    assert "nested more than 100 levels deep" in faults(text)[0]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: !vault x", "1:4: tags mean nothing here; put quotes around a text that begins with !"),
        ("a: *x", "1:4: this alias names nothing above it; put quotes around a text that begins with *"),
        ("[a]: 1", "1:1: a key has to be a name, not a list or a mapping; put quotes around a text that begins so"),
        ("a: 1\n---\nb: 2", "2:1: a second document begins here; write one document per file, without ---"),
        ("a:\n\t- b", "2:1: indent with spaces, never with tabs"),
        ("a: b: c", "1:5: a colon is too many here: indent this line like its neighbours, or put quotes around a text "
         "that holds a colon and a space"),
        ("a: @b", "1:4: a value cannot begin like this; put quotes around a text that begins with @, ` or %"),
        ("a: x\x07y", "1:5: a control character that YAML does not allow; delete it and type the line again"),
    ],
)  # fmt: skip
def test_what_is_no_yaml_is_said_in_a_sentence_that_helps(text: str, sentence: str) -> None:
    assert faults(text) == [f"site.yaml:{sentence}"]


@pytest.mark.parametrize(
    "text",
    [
        "token: *hunter2", "token: !hunter2 x", "token: @hunter2", "token: 'hunter2\nx: 1", "token: hunter2: x",
        "token: hunter2\ntoken: hunter2", "  hunter2\n a: 1", "%hunter2\n",
    ],
)  # fmt: skip
def test_no_fault_of_the_yaml_repeats_a_value(text: str, parser: str) -> None:
    with pytest.raises(SiteErrors) as caught:
        parse(text, "site.yaml")
    assert "hunter2" not in caught.value.render()


def test_an_empty_document_is_nothing(parser: str) -> None:
    assert parse("# only a comment\n", "site.yaml").value is None


# Beyond the basic plane JSON escapes in pairs, which YAML does not read.
_text = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=20)
_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | _text
    | st.floats(allow_nan=False, allow_infinity=False)
)
_trees = st.recursive(_scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_text, inner))


@given(_trees)
def test_whatever_json_can_say_is_read_as_json_says_it(tree: object) -> None:
    text = json.dumps({"tree": tree}, ensure_ascii=True)
    assert plain(parse(text, "f")) == json.loads(text)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    read_document = read(text, "f")
    assert read_document.root is not None or read_document.errors
    assert all(error.line >= 1 and error.column >= 1 for error in read_document.errors)
