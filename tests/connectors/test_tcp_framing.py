"""Objects are found in a stream whatever pieces it comes in, and again after whatever is no JSON."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.framing.objects import GARBAGE_KEPT, Framer

NEW = (
    rb'{"packetCounter":"1","plateText":"\u0034\u0041","plateUTF8":"T\u00d6L {1}","carState":"new",'
    rb'"geotag":{"lat":50.08,"lon":-1e3},"ok":[true,false,null,{}],"carID":"902"}'
)
LOST = '{"carID":"902","plateUTF8":"TÖL \\"}\\\\","carState":"lost","x":{"y":[{"z":"\\\\"}]}}'.encode()
EMPTY = b"{}"
PICTURE = b'{"ImageArray":[{"BinaryImage":"' + b"/9j/4AAQ+" * 200 + b'"}]}'
BETWEEN = [b"", b"\r\n", b"\0", b",", b" , ", b"\xef\xbb\xbf", b"\n\xef\xbb\xbf", b"[", b"]", b"],["]
GARBAGE = [
    b"HELLO\r\n",
    b"}",
    b'"',
    b"\xff\xfe",
    b"\xef\xbb",
    b"plate {4AB}",
    b'{"carID":"9',
    b'{"a":1 "b"',
    b'{"a":tru',
    b"\\",
]


def read(pieces: Sequence[bytes], most: int = 64 * 1024) -> list[bytes]:
    framer = Framer(most)
    found = [message for piece in pieces for message in framer.feed(piece)]
    return found + framer.finish()


def pieces_of(stream: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    return [stream[start:end] for start, end in itertools.pairwise(edges)]


objects = st.sampled_from([NEW, LOST, EMPTY, PICTURE])
cuts = st.lists(st.integers(0, 100_000), max_size=12)


@given(st.lists(st.tuples(st.sampled_from(BETWEEN), objects), max_size=6), st.sampled_from(BETWEEN), cuts)
def test_any_split_of_a_good_stream_gives_its_objects(
    stream: list[tuple[bytes, bytes]], tail: bytes, cuts: list[int]
) -> None:
    whole = b"".join(between + each for between, each in stream) + tail
    assert read(pieces_of(whole, cuts)) == [each for _, each in stream]


@pytest.mark.parametrize("first", [NEW, LOST, PICTURE])
def test_a_cut_at_every_byte_changes_nothing(first: bytes) -> None:
    stream = first + b"\r\n" + NEW
    for cut in range(len(stream) + 1):
        assert read([stream[:cut], stream[cut:]]) == [first, NEW]


def test_byte_by_byte_is_the_same_as_at_once() -> None:
    stream = b"\xef\xbb\xbf" + b",\0\r\n".join([NEW, LOST, EMPTY, PICTURE])
    assert read([bytes([byte]) for byte in stream]) == read([stream]) == [NEW, LOST, EMPTY, PICTURE]


@pytest.mark.shows("connector:tcp-client", "fuzzed")
@pytest.mark.shows("connector:tcp", "fuzzed")
@given(
    st.lists(st.one_of(objects, st.sampled_from(BETWEEN + GARBAGE), st.binary(max_size=8)), max_size=10),
    cuts,
    st.integers(100, 3000),
)
def test_any_split_of_any_stream_gives_the_same_messages(stream: list[bytes], cuts: list[int], most: int) -> None:
    whole = b"".join(stream)
    assert read(pieces_of(whole, cuts), most) == read([whole], most)


@pytest.mark.shows("connector:tcp", "fuzzed")
@given(
    st.lists(
        st.sampled_from([b"{", b"}", b'"', b"\\", b":", b",", b"[", b"]", b" ", b"a", b"1", b'{"', b"\xef"]),
        max_size=60,
    ),
    cuts,
)
def test_any_split_of_mere_punctuation_gives_the_same_messages(stream: list[bytes], cuts: list[int]) -> None:
    whole = b"".join(stream)
    assert read(pieces_of(whole, cuts), 40) == read([whole], 40)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.lists(st.dictionaries(st.text(max_size=5), json_values, max_size=4), max_size=4),
    st.booleans(),
    st.sampled_from([None, 2]),
    cuts,
)
def test_whatever_json_writes_is_found(written: list[object], plain: bool, indent: int | None, cuts: list[int]) -> None:
    texts = [json.dumps(each, ensure_ascii=plain, indent=indent).encode() for each in written]
    assert read(pieces_of(b"".join(texts), cuts)) == texts


@pytest.mark.parametrize("garbage", GARBAGE)
def test_after_garbage_the_next_object_is_found_and_the_garbage_is_one_message_before_it(garbage: bytes) -> None:
    assert read([NEW + garbage + LOST + NEW]) == [NEW, garbage, LOST, NEW]


def test_an_object_cut_off_inside_a_string_does_not_swallow_the_next() -> None:
    for cut in range(1, len(NEW)):
        found = read([NEW[:cut] + LOST + NEW])
        assert NEW in found, cut
        assert LOST in found, cut


def test_an_object_cut_off_by_the_end_of_the_stream_is_a_message_of_its_own() -> None:
    assert read([NEW + LOST[:20]]) == [NEW, LOST[:20]]


def test_an_array_of_objects_gives_its_objects() -> None:
    assert read([b"[" + NEW + b", " + LOST + b"]\r\n[" + EMPTY + b"]"]) == [NEW, LOST, EMPTY]


def test_latin_letters_that_are_no_utf8_are_kept_as_they_are() -> None:
    assert read([b'{"plate":"T\xd6L"}']) == [b'{"plate":"T\xd6L"}']


def test_an_object_as_long_as_may_be_is_taken_and_one_byte_more_is_garbage() -> None:
    assert read([PICTURE + NEW], len(PICTURE)) == [PICTURE, NEW]
    garbage, *rest = read([PICTURE + NEW], len(PICTURE) - 1)
    assert (garbage, rest) == (PICTURE, [NEW])


def test_of_a_long_stretch_of_garbage_the_beginning_is_kept_and_the_rest_counted() -> None:
    framer = Framer(1000)
    found: list[bytes] = []
    for _ in range(100):
        found += framer.feed(b"x" * 1000 + b"\n" * 24)
        assert framer.held <= GARBAGE_KEPT + 1024
    found += framer.feed(NEW)
    assert [len(message) for message in found] == [GARBAGE_KEPT, len(NEW)]
    assert framer.dropped == 100 * 1024 - GARBAGE_KEPT
    assert framer.garbage == 1


def test_of_an_object_that_never_ends_no_more_is_held_than_the_longest() -> None:
    framer = Framer(100_000)
    most = 0
    framer.feed(b'{"a":"')
    for _ in range(100):
        framer.feed(b"A" * 10_000)
        most = max(most, framer.held)
    assert most <= 100_000 + GARBAGE_KEPT + 10_000
    assert NEW in framer.feed(NEW)


def test_deep_nesting_is_garbage_and_the_object_after_next_is_found() -> None:
    found = read([b'{"a":' * 200_000 + NEW + NEW + NEW], 16 * 2**20)
    assert found[-1] == NEW


def test_a_value_cut_off_costs_no_object_that_follows() -> None:
    assert read([b'{"carID":' + NEW + LOST]) == [b'{"carID":', NEW, LOST]
    assert read([b'{"carID":"1",' + NEW + LOST]) == [b'{"carID":"1",', NEW, LOST]
