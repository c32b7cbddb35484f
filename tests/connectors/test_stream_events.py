"""Server-sent events are read as the standard has them, wherever they were cut, and bounded."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.http_stream.events import LONGEST_PAUSE, Events
from connectors.http_stream.inflating import Inflating

MOST = 4096


def bodies(data: bytes, most: int = MOST) -> list[bytes]:
    return [told.body for told in Events(most).feed(data)]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data: YHOO\ndata: +2\ndata: 10\n\n", [b"YHOO\n+2\n10"]),
        (b"data\n\ndata\ndata\n\ndata:", [b"\n"]),
        (b"data:test\n\ndata: test\n\ndata:  test\n\n", [b"test", b"test", b" test"]),
        (b": comment\n\nevent: x\nid: 1\n\ndata: a\n\n", [b"a"]),
        (b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n", [b"a"]),
        (b"unknown: x\nDATA: y\ndata : z\ndata: a\n\n", [b"a"]),
        (b"data: cut off", []),
    ],
)
def test_data_as_the_standard_has_it(stream: bytes, expected: list[bytes]) -> None:
    assert bodies(stream) == expected


def test_ids_and_names_belong_to_their_event() -> None:
    events = Events(MOST)
    told = events.feed(
        b"id: 1\nevent: door\ndata: a\n\ndata: b\n\nid\nevent: message\ndata: c\n\nid: x\0y\ndata: d\n\n"
    )
    assert [(each.event, each.id) for each in told] == [("door", "1"), ("", None), ("", ""), ("", None)]
    assert events.last_id == ""


@pytest.mark.parametrize("id", [b"x" * 2000, b"a\x07b"])
def test_an_id_that_cannot_be_asked_with_is_none(id: bytes) -> None:
    (told,) = Events(MOST).feed(b"id: " + id + b"\ndata: a\n\n")
    assert told.id is None


def test_the_pause_a_server_wants_is_bounded() -> None:
    events = Events(MOST)
    events.feed(b"retry: 3000\n")
    assert events.retry == 3.0
    events.feed(b"retry: x\nretry: 99999999\n")
    assert events.retry == LONGEST_PAUSE


@pytest.mark.parametrize(
    "long", [b"data: " + b"x" * 5000 + b"\n\n", b"data: xxxxxxxxx\n" * 500 + b"\n", b"y" * 9000 + b"\ndata: z\n\n"]
)
@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_what_is_too_long_is_left_out_and_the_next_is_read(long: bytes, step: int) -> None:
    events = Events(MOST)
    stream = long + b"id: 5\ndata: next\n\n"
    found = []
    for at in range(0, len(stream), step):
        found += events.feed(stream[at : at + step])
        assert events.held <= MOST + max(step, 64) + 1
    assert [told.body for told in found] == [b"next"]
    assert events.oversize == 1
    assert "longer than 4096 bytes" in events.trouble


@pytest.mark.shows("connector:http-stream", "fuzzed")
@settings(max_examples=200, deadline=None)
@given(
    lines=st.lists(
        st.sampled_from([b"data: a", b"data", b"", b"", b"id: 1", b"event: x", b": hi", b"data: \xc3\xa9", b"junk"]),
        max_size=20,
    ),
    ends=st.lists(st.sampled_from([b"\n", b"\r\n", b"\r"]), min_size=20, max_size=20),
    cuts=st.lists(st.integers(0, 200), max_size=10),
)
def test_events_do_not_depend_on_where_the_stream_was_cut(
    lines: list[bytes], ends: list[bytes], cuts: list[int]
) -> None:
    stream = b"".join(line + end for line, end in zip(lines, ends, strict=False))
    whole, pieces = Events(MOST), Events(MOST)
    expected = whole.feed(stream)
    places = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
    assert [told for a, b in pairwise(places) for told in pieces.feed(stream[a:b])] == expected
    assert (pieces.last_id, pieces.alive) == (whole.last_id, whole.alive)


def test_what_is_compressed_is_unpacked_and_what_only_says_so_is_taken_as_it_is() -> None:
    import zlib

    packer = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    packed = packer.compress(b"data: a\n\n" * 1000) + packer.flush(zlib.Z_SYNC_FLUSH)
    reading = Inflating("gzip")
    assert b"".join(piece for at in range(0, len(packed), 3) for piece in reading.pieces(packed[at : at + 3])) == (
        b"data: a\n\n" * 1000
    )
    assert list(Inflating("deflate").pieces(b"--myboundary\r\n")) == [b"--myboundary\r\n"]
    assert list(Inflating("").pieces(b"x")) == [b"x"]
    bomb = zlib.compress(b"\0" * 50_000_000)
    assert max(map(len, Inflating("deflate").pieces(bomb))) <= 256 * 1024
    broken = Inflating("deflate")
    good = zlib.compressobj()
    list(broken.pieces(good.compress(b"a" * 10_000) + good.flush(zlib.Z_SYNC_FLUSH)))
    with pytest.raises(ValueError, match="Content-Encoding"):
        list(broken.pieces(b"\xff" * 100))
