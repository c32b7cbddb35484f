"""An endless multipart body is cut into the parts its device meant, however it writes them and wherever it was cut."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.http_stream.joining import Joining
from connectors.http_stream.parts import MOST_WITHOUT, STILL, PartStream
from connectors.http_stream.whole import is_whole
from tests.connectors.stream_server import part

MIXED = "multipart/x-mixed-replace; boundary=myboundary"
MOST = 4096


def read(data: bytes, content_type: str = MIXED, clean: bool = True, most: int = MOST) -> list[bytes]:
    stream = PartStream(content_type, most)
    return [each.data for each in (*stream.feed(data), *stream.finish(clean))]


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/mixed; boundary=myboundary",
        'multipart/mixed; boundary="myboundary"',
        "multipart/x-mixed-replace;boundary=--myboundary",
        'multipart/mixed; charset=utf-8; Boundary = "--myboundary"',
        "multipart/mixed; boundary=another",
        "multipart/mixed",
    ],
)
def test_the_boundary_is_found_however_it_is_announced(content_type: str) -> None:
    assert read(part(b"one") + part(b"two"), content_type) == [b"one", b"two"]


def test_a_boundary_that_is_mostly_dashes() -> None:
    boundary = "---------------------------7e13971310878"
    stream = part(b"one", boundary=boundary) + part(b"two", boundary=boundary) + f"--{boundary}--\r\n".encode()
    assert read(stream, f"multipart/form-data; boundary={boundary}") == [b"one", b"two"]


TEXT = b"Content-Type: text/plain"
LENGTH = b"Content-Length: 3"


@pytest.mark.parametrize(
    "lines",
    [
        [b"--myboundary", TEXT, b"", b"one", b"--myboundary", b"", b"two", b"--myboundary--", b""],
        [b"", b"", b"--myboundary", b"", TEXT, LENGTH, b"", b"one", b"", b"", b"--myboundary", b"", b"two", b""],
        [b"noise", b"--myboundary  ", TEXT, b"", b"one", b"--myboundary", b"two", b""],
        [b"--myboundary", TEXT, b"  ; charset=utf-8", b"content-length : 3", b"", b"one--myboundary", b"", b"two"],
        [b"--myboundary", TEXT, b"", b"one", b"--myboundary", b"", b"two", b"--mybound"],
        [b"--myboundary--", b"--myboundary", LENGTH, b"", b"one", b"--myboundary", LENGTH, b"", b"two"],
    ],
)
@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_lines_blanks_and_boundaries_as_cameras_write_them(lines: list[bytes], end: bytes) -> None:
    assert [each.strip() for each in read(end.join(lines))] == [b"one", b"two"]


def test_the_length_decides_where_a_boundary_stands_inside_the_body() -> None:
    body = b"a\r\n--myboundary\r\nContent-Type: image/jpeg\r\nContent-Length: 1\r\n\r\nx\r\n--myboundary--\r\n"
    assert read(part(body) + part(b"two")) == [body, b"two"]


@pytest.mark.parametrize(
    "text", [b"--myboundary", b"\r\n--myboundaryx\r\n", b"\n --myboundary\n", b"x--myboundary\r\n"]
)
def test_what_only_looks_like_a_boundary_is_none(text: bytes) -> None:
    body = b"a" + text + b"b"
    head = b"--myboundary\r\nContent-Type: text/plain\r\n\r\n"
    assert read(head + body + b"\r\n" + part(b"two")) == [body, b"two"]


@pytest.mark.parametrize("length", [b"2", b"30", b"60", b"100000", b"-1", b"1e3", b"", b"99999999999999999999"])
def test_a_wrong_length_costs_nothing(length: bytes) -> None:
    xml = b"<Event><a>" + b"1" * 20 + b"</a></Event>"
    wrong = b"--myboundary\r\nContent-Type: application/xml\r\nContent-Length: " + length + b"\r\n\r\n" + xml + b"\r\n"
    assert read(wrong + part(b"two") + part(b"three")) == [xml, b"two", b"three"]


@pytest.mark.parametrize("length", [b"30", b"60", b"100000"])
def test_a_length_that_is_too_long_is_seen_when_nothing_more_comes(length: bytes) -> None:
    stream = PartStream(MIXED, 2**20)
    wrong = b"--myboundary\r\nContent-Type: text/plain\r\nContent-Length: " + length + b"\r\n\r\none\r\n"
    found = stream.feed(wrong + part(b"two"))
    if not found:
        found = stream.settle()
    assert [each.data for each in (*found, *stream.settle())] == [b"one", b"two"]


@pytest.mark.shows("connector:http-stream", "fuzzed")
@settings(max_examples=200, deadline=None)
@given(
    bodies=st.lists(st.binary(max_size=60), min_size=1, max_size=6),
    lengths=st.booleans(),
    lf=st.booleans(),
    cuts=st.lists(st.integers(0, 900), max_size=12),
)
def test_the_parts_do_not_depend_on_where_the_stream_was_cut(
    bodies: list[bytes], lengths: bool, lf: bool, cuts: list[int]
) -> None:
    end = b"\n" if lf else b"\r\n"
    stream = b"".join(part(body, end=end) for body in bodies)
    if not lengths:
        stream = b"".join(
            b"--myboundary" + end + b"Content-Type: application/octet-stream" + end * 2 + body + end for body in bodies
        )
    whole = PartStream(MIXED, MOST)
    expected = [each.data for each in (*whole.feed(stream), *whole.finish(False))]
    pieces = PartStream(MIXED, MOST)
    places = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
    found = [each.data for a, b in pairwise(places) for each in pieces.feed(stream[a:b])]
    found += [each.data for each in pieces.finish(False)]
    assert found == expected
    if lengths:
        assert found == bodies


@pytest.mark.shows("connector:http-stream", "fuzzed")
@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=3000), st.sampled_from([MIXED, "multipart/mixed"]), st.integers(1, 64))
def test_whatever_is_sent_work_and_memory_are_bounded(data: bytes, content_type: str, step: int) -> None:
    stream = PartStream(content_type, 256)
    data = data.replace(b"\x01", b"\r\n--myboundary\r\n").replace(b"\x02", b"Content-Length: 9\r\n")
    for at in range(0, len(data), step):
        stream.feed(data[at : at + step])
        stream.settle()
        assert stream.held <= max(MOST_WITHOUT + step, 256 + 4096 + 512 + step)
    stream.finish(False)
    assert stream.held == 0


def test_a_stream_without_any_boundary_is_given_up() -> None:
    stream = PartStream(MIXED, MOST)
    stream.feed(b"x" * (MOST_WITHOUT + 1))
    assert stream.broken
    assert "no boundary" in stream.trouble


def test_headers_without_an_end_are_taken_for_data() -> None:
    stream = PartStream(MIXED, MOST)
    assert stream.feed(b"--myboundary\r\n" + b"X-A: b\r\n" * 2000) == []
    assert stream.held < 20_000
    assert [each.data for each in stream.feed(b"\r\n" + part(b"two"))[-1:]] == []
    assert [each.data for each in stream.finish(True)] == [b"two"]


@pytest.mark.parametrize("clean", [True, False])
def test_the_end_of_a_stream_ends_only_what_nothing_is_missing_of(clean: bool) -> None:
    assert read(part(b"one")[:-3], clean=clean) == []
    without = b"--myboundary\r\nContent-Type: text/plain\r\n\r\nCode=VideoMotion;action=Start;index=1"
    assert read(without, clean=clean) == ([b"Code=VideoMotion;action=Start;index=1"] if clean else [])
    assert read(part(b"one")[:-2], clean=clean) == [b"one"]
    xml = b"--myboundary\r\nContent-Type: application/xml\r\n\r\n<a>1</a>"
    assert read(xml, clean=clean) == [b"<a>1</a>"]


@pytest.mark.parametrize(
    ("data", "whole"),
    [
        (b'<?xml version="1.0"?>\n<a x="1"><b/></a>\r\n', True),
        (b'\xef\xbb\xbf<!-- x --><ns:a xmlns:ns="u">1</ns:a>', True),
        (b"<a><b></b>", False),
        (b"<a><a></a>", True),  # nobody but a parser could tell, and no device nests its root
        (b'{"a": [1]}\n', True),
        (b'{"a": [1]', False),
        (b"Code=VideoMotion;action=Start;index=1", False),
        (b"", False),
    ],
)
def test_whether_a_document_is_whole_by_itself(data: bytes, whole: bool) -> None:
    assert is_whole(data) is whole


def test_pictures_beyond_the_longest_message_are_left_out_and_the_document_is_not() -> None:
    joining = Joining(MIXED, 100, 1.0, "")
    jpeg = b"\xff\xd8\xff" + b"x" * 57
    told = joining.feed(part(b"<a>1</a>") + part(jpeg, "image/jpeg") + part(jpeg, "image/jpeg") + part(b"two"))
    assert [each.data for each in told[0].parts] == [b"<a>1</a>", jpeg]
    assert joining.oversize == 1
    assert "one is left out" in joining.trouble


def test_a_picture_without_a_document_is_a_message_and_said() -> None:
    joining = Joining(MIXED, 1000, 1.0, "")
    (told,) = joining.feed(part(b"\xff\xd8\xff", "image/jpeg") + part(b"two")[:30])
    assert (told.body, told.content_type) == (b"\xff\xd8\xff", "image/jpeg")
    assert joining.trouble == "a picture came without a document before it"


@pytest.mark.shows("connector:http-stream", "isolation")
def test_a_large_part_that_comes_byte_by_byte_is_not_read_anew_with_each(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = Counter[str]()

    def looks(data: bytes) -> bool:
        looked["at it"] += 1
        return is_whole(data)

    monkeypatch.setattr("connectors.http_stream.parts.is_whole", looks)
    stream = PartStream("multipart/mixed; boundary=b", 2**20)
    stream.feed(b'--b\r\nContent-Type: application/json\r\n\r\n{"a":"' + b"A" * 300_000)
    for _ in range(500):
        stream.feed(b"A")
        assert stream.settle() == []
    assert looked["at it"] < 20
    stream.feed(b'"}')
    given = [part for _ in range(STILL + 1) for part in stream.settle()]  # what follows may be hours away
    assert [part.data for part in given] == [b'{"a":"' + b"A" * 300_500 + b'"}']
    assert looked["at it"] < 20
    assert stream.finish(clean=False) == []
    stream.feed(b'--b\r\nContent-Type: application/json\r\n\r\n{"a":1}')
    assert [each.data for each in stream.settle()] == [b'{"a":1}']
