"""Lines, start and end, length, regex: the same messages however the stream was cut, and what is lost is counted."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.framing.framed import Framed, framed
from connectors.framing.marks import read as read_mark
from connectors.framing.marks import written
from connectors.tcp import TcpSettings
from tests.connectors.test_tcp_framing import pieces_of

LF = "lines"
STX: dict[str, object] = {"start": "\\x02", "end": "\\x03"}
RECEIPT: dict[str, object] = {"end": "\\x1dV\\0"}
TEXT: dict[str, object] = {"start": "BEGIN", "end": "\r\nEND\r\n", "restart": False}
FLAGS: dict[str, object] = {"start": "~", "end": "~"}
TWO: dict[str, object] = {"length": 2}
LITTLE: dict[str, object] = {"length": 4, "order": "little", "counts": "all"}
OCTETS: dict[str, object] = {"length": "decimal"}
DIGITS: dict[str, object] = {"length": "decimal", "digits": 4, "counts": "all"}
BLANK_LINE: dict[str, object] = {"regex": r"\r?\n\r?\n", "keep": False}
CUT: dict[str, object] = {"regex": r"\x1dV[\x00-\x02A-D]|TOTAL[^\n]{0,20}\n"}
ALL = [LF, STX, RECEIPT, TEXT, FLAGS, TWO, LITTLE, OCTETS, DIGITS, BLANK_LINE, CUT]
cuts = st.lists(st.integers(0, 100_000), max_size=12)


def framer(framing: object, most: int = 1000) -> Framed:
    return framed(TcpSettings.model_validate({"bind": "127.0.0.1:0", "framing": framing}).framing, most)


def read(framing: object, pieces: Sequence[bytes], most: int = 1000) -> tuple[list[bytes], Framed]:
    using = framer(framing, most)
    found = [message for piece in pieces for message in using.feed(piece)]
    return found + using.finish(), using


def messages(framing: object, *pieces: bytes, most: int = 1000) -> list[bytes]:
    return read(framing, pieces, most)[0]


def framed_as(framing: object, message: bytes) -> bytes:
    """One message as a sender of this framing writes it; by hand, with nothing of ours."""
    writers = [
        message + b"\r\n", b"\x02" + message + b"\x03", message + b"\x1dV\0", b"BEGIN" + message + b"\r\nEND\r\n",
        b"~" + message + b"~", len(message).to_bytes(2, "big") + message,
        (len(message) + 4).to_bytes(4, "little") + message, b"%d " % len(message) + message,
        b"%04d" % (len(message) + 4) + message, message + b"\r\n\r\n", message + b"\x1dVA",
    ]  # fmt: skip
    return writers[ALL.index(framing)]


def as_read(framing: object, message: bytes) -> bytes:
    return message + b"\x1dVA" if framing == CUT else message


bodies = st.binary(min_size=1, max_size=60).map(lambda data: data.hex().encode())


@pytest.mark.parametrize("framing", ALL, ids=str)
@given(sent=st.lists(bodies, max_size=8), cuts=cuts)
def test_any_split_of_a_good_stream_gives_its_messages(framing: object, sent: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(framed_as(framing, each) for each in sent)
    found, using = read(framing, pieces_of(stream, cuts))
    assert found == [as_read(framing, each) for each in sent]
    assert (using.dropped, using.oversize, using.broken, using.trouble) == (0, 0, False, "")


alphabet = st.sampled_from(
    [
        *(
            b"a",
            b"\r",
            b"\n",
            b"\x02",
            b"\x03",
            b"BEGIN",
            b"END",
            b"BEG",
            b"\r\nEND",
            b"~",
            b"\x1d",
            b"V",
            b"\0",
            b"\1",
        ),
        *(b"3 ", b"4", b"0", b"0007", b"TOTAL", b"T", b" ", b"\x00\x05", b"\xff", b"\x05\x00\x00\x00", b"xyz" * 9),
    ]
)


@pytest.mark.shows("connector:tcp-client", "fuzzed")
@pytest.mark.shows("connector:tcp", "fuzzed")
@pytest.mark.parametrize("framing", ALL, ids=str)
@given(stream=st.lists(alphabet, max_size=40), cuts=cuts, most=st.sampled_from([1, 7, 20, 1000]))
def test_any_split_of_any_stream_gives_the_same_messages(
    framing: object, stream: list[bytes], cuts: list[int], most: int
) -> None:
    whole = b"".join(stream)
    found, using = read(framing, pieces_of(whole, cuts), most)
    at_once, other = read(framing, [whole], most)
    assert found == at_once
    assert (using.dropped, using.oversize, using.broken) == (other.dropped, other.oversize, other.broken)
    one_by_one, _ = read(framing, [bytes([byte]) for byte in whole], most)
    assert one_by_one == at_once
    assert all(len(message) <= most for message in found)


@pytest.mark.parametrize("framing", ALL, ids=str)
@given(before=bodies, after=bodies, cuts=cuts, long=st.integers(200, 399))
def test_a_message_that_is_too_long_is_left_out_and_counted_and_the_next_is_read(
    framing: object, before: bytes, after: bytes, cuts: list[int], long: int
) -> None:
    stream = b"".join(framed_as(framing, each) for each in (before, b"x" * long, after, after))
    found, using = read(framing, pieces_of(stream, cuts), 150)
    assert found == [as_read(framing, each) for each in (before, after, after)]
    assert using.oversize == 1
    assert "longer than 150 bytes" in using.trouble
    assert not using.broken


@pytest.mark.parametrize("framing", ALL, ids=str)
def test_a_message_as_long_as_may_be_is_taken(framing: object) -> None:
    longest = b"x" * (996 if framing == BLANK_LINE else 1000 - len(as_read(framing, b"")))  # with what ends it
    assert messages(framing, framed_as(framing, longest)) == [as_read(framing, longest)]
    assert messages(framing, framed_as(framing, longest + b"x")) == []


@pytest.mark.parametrize("framing", ALL, ids=str)
@pytest.mark.parametrize("more", range(14))
def test_however_little_a_message_is_too_long_its_own_end_ends_it(framing: object, more: int) -> None:
    stream = framed_as(framing, b"x" * (95 + more)) + framed_as(framing, b"one")
    for pieces in ([stream], [bytes([byte]) for byte in stream]):
        found, using = read(framing, pieces, 100)
        assert found[-1:] == [as_read(framing, b"one")]
        assert len(found) + using.oversize == 2


@pytest.mark.parametrize("framing", ALL, ids=str)
def test_of_a_stream_without_end_no_more_is_held_than_the_longest_message(framing: object) -> None:
    using = framer(framing, 10_000)
    for start in (b"", framed_as(framing, b"y" * 30_000)[:100]):
        for _ in range(100):
            using.feed(start + b"7" * 1000)
            start = b""
            assert using.held <= 10_000 + 2_000


# --------------------------------------------------------------------------------------------------------------- lines


def test_lines_end_with_any_line_end_and_empty_ones_are_no_messages() -> None:
    assert messages(LF, b"one\ntwo\r\nthree\rfour\n\n\r\n \t\0\nfive") == [b"one", b"two", b"three", b"four", b"five"]


# ------------------------------------------------------------------------------------------------------- start and end


def test_what_stands_outside_of_start_and_end_is_left_out_and_counted_but_for_line_ends() -> None:
    found, using = read(STX, [b"HELLO\x02one\x03\r\n\0 \x02two\x03bye"])
    assert found == [b"one", b"two"]
    assert using.dropped == len(b"HELLObye")
    assert "outside of start and end" in using.trouble
    assert read(STX, [b"\r\n\x02one\x03\r\n"])[1].dropped == 0


def test_a_start_inside_of_a_message_begins_it_anew_unless_it_may_stand_there() -> None:
    found, using = read(STX, [b"\x02lost\x02one\x03"])
    assert (found, using.dropped) == ([b"one"], 4)
    assert "before the end of the one before" in using.trouble
    assert messages({**STX, "restart": False}, b"\x02lost\x02one\x03") == [b"lost\x02one"]


def test_after_a_message_that_is_too_long_the_next_start_is_enough() -> None:
    assert messages(STX, b"\x02" + b"x" * 2000 + b"\x02one\x03") == [b"one"]


def test_a_message_cut_off_by_the_end_of_the_stream_is_none_where_its_end_was_agreed() -> None:
    found, using = read(STX, [b"\x02one\x03\x02two"])
    assert (found, using.dropped, using.trouble) == ([b"one"], 3, "the stream ended inside of a message")
    assert messages(RECEIPT, b"one\x1dV\0two\r\n") == [b"one", b"two\r\n"]


def test_empty_messages_are_none() -> None:
    assert messages(STX, b"\x02\x03\x02\x03\x02 \x03") == [b" "]


# -------------------------------------------------------------------------------------------------------------- length


@pytest.mark.parametrize("size", [1, 2, 4, 8])
@pytest.mark.parametrize("order", ["big", "little"])
@pytest.mark.parametrize("counts", ["body", "all"])
def test_a_length_of_any_size_in_either_order(size: int, order: str, counts: str) -> None:
    said = 3 + size * (counts == "all")
    stream = said.to_bytes(size, "big" if order == "big" else "little") + b"one"
    assert messages({"length": size, "order": order, "counts": counts}, stream * 2) == [b"one", b"one"]


def test_octets_are_counted_as_rfc_6587_does() -> None:
    one = b"<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - failed"
    assert messages(OCTETS, b"%d %s%d %s\n3 xyz" % (len(one), one, len(one), one)) == [one, one, b"xyz"]


@pytest.mark.parametrize(
    ("framing", "stream"),
    [
        (OCTETS, b"3 onex7 two"),
        (OCTETS, b"12345678901 x"),
        (OCTETS, b" x"),
        (DIGITS, b"0007one-5"),
        (DIGITS, b"0007one0003"),
        (LITTLE, b"\x03\0\0\0"),
        ({"length": 4}, b"\0\0\x0f\xa1"),
        ({"length": 8}, b"GET / HT"),
    ],
    ids=str,
)
def test_where_the_place_is_lost_nothing_more_is_read_but_what_came_before_is_kept(
    framing: object, stream: bytes
) -> None:
    for pieces in ([stream], [bytes([byte]) for byte in stream]):
        found, using = read(framing, [*pieces, b"more"])
        assert found == ([b"one"] if b"one" in stream else [])
        assert using.broken
        assert "the place in the stream is lost" in using.trouble
        assert using.feed(framed_as(TWO, b"one")) == []
        assert using.held == 0


def test_a_length_of_nothing_is_a_sign_of_life_and_no_message() -> None:
    assert messages(TWO, b"\0\0\0\0\0\x01a") == [b"a"]


def test_a_message_cut_off_by_the_end_of_the_stream_is_none() -> None:
    found, using = read(TWO, [b"\0\x03one\0\x03tw"])
    assert (found, using.dropped, using.trouble) == ([b"one"], 4, "the stream ended inside of a message")


# --------------------------------------------------------------------------------------------------------------- regex


def test_a_message_ends_as_soon_as_the_expression_has_matched_and_what_matched_belongs_to_it() -> None:
    assert messages(CUT, b"milk\nTOTAL 3.50\nthanks\x1dVArest") == [b"milk\nTOTAL 3.50\n", b"thanks\x1dVA", b"rest"]
    assert messages({"regex": "a{1,9}"}, b"xaaaya") == [b"xa", b"a", b"a", b"ya"]
    assert messages({"regex": "abcd|bc"}, b"xabcdy") == [b"xabc", b"dy"]


def test_what_matched_can_be_left_out() -> None:
    assert messages(BLANK_LINE, b"one\r\ntwo\r\n\r\n\r\n\r\nthree\n\nfour") == [b"one\r\ntwo", b"three", b"four"]


def test_bytes_are_matched_whatever_they_mean() -> None:
    assert messages({"regex": r"[\x80-\xff]{2}"}, b"a\xc3b\xff\xfe\xc3\xb6c") == [b"a\xc3b\xff\xfe", b"\xc3\xb6", b"c"]
    assert messages({"regex": "ö"}, "aöb".encode()) == ["aö".encode(), b"b"]


@pytest.mark.parametrize(
    ("regex", "said"),
    [
        ("a*", "has no end"),
        (".+\n", "has no end"),
        ("a{2,}", "has no end"),
        ("^END", "looks at what stands around"),
        ("END$", "looks at what stands around"),
        (r"\bEND", "looks at what stands around"),
        ("(", "no RE2 pattern"),
        ("(?=a)", "no RE2 pattern"),
        (r"(a)\1", "no RE2 pattern"),
        ("a?", "matches nothing"),
        ("", "may match 0 bytes"),
        ("(a{40}){40}", "may match"),
    ],
)
def test_an_expression_that_cannot_be_bounded_is_refused_with_what_to_write_instead(regex: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        framer({"regex": regex})


@pytest.mark.parametrize("regex", [r"[*+^$]{2}", r"\*\+\$", r"[]*]x", r"\p{Lu}{2}", r"[^\]+]{4}", "{x}", r"\x{2a}"])
def test_signs_that_mean_themselves_are_no_repetitions(regex: str) -> None:
    assert framer({"regex": regex}).feed(b"abd]") == []


def test_without_its_package_a_regex_says_which_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "re2", None)
    with pytest.raises(ValidationError, match="google-re2"):
        framer(BLANK_LINE)
    assert messages(LF, b"one\n") == [b"one"]


def test_a_stream_made_to_hold_an_expression_costs_no_more_than_another() -> None:
    using = framer({"regex": r"(a{0,9}){9}b"}, 10_000)
    for _ in range(200):
        assert using.feed(b"a" * 4000) == []
    assert using.held <= 10_000 + 4000


# ------------------------------------------------------------------------------------------------------------ settings


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\\x02", b"\x02"),
        ("\x02", b"\x02"),
        ("\\r\\n\\t\\0\\\\", b"\r\n\t\0\\"),
        ("hex:1D5600", b"\x1dV\0"),
        ("hex: 1d 56 00", b"\x1dV\0"),
        ("END\\x0d", b"END\r"),
        ("ö", "ö".encode()),
        ("hex:", b"hex:"),
        ("hex:123", b"hex:123"),
    ],
)
def test_bytes_are_written_as_text_with_escapes_or_in_hexadecimal_digits(text: str, said: bytes) -> None:
    assert read_mark(text) == said
    assert read_mark(written(said)) == said


@given(st.binary(min_size=1, max_size=60) | st.binary(max_size=60).map(lambda more: b"hex:" + more))
def test_any_bytes_are_written_back_as_they_were_read(said: bytes) -> None:
    assert read_mark(written(said)) == said


@pytest.mark.parametrize("framing", ["json", *ALL], ids=str)
def test_a_framing_is_written_back_as_it_was_read(framing: object) -> None:
    settings = TcpSettings.model_validate({"bind": "127.0.0.1:0", "framing": framing})
    dumped = settings.model_dump(mode="json", exclude={"bind", "max_object", "idle_timeout"})
    assert TcpSettings.model_validate({"bind": "127.0.0.1:0", **dumped}) == settings


@pytest.mark.parametrize(
    ("framing", "said"),
    [
        ("xml", "'json' or 'lines'"),
        ({}, "end"),
        ({"start": "\\x02"}, "end"),
        ({"end": ""}, "with escapes"),
        ({"end": 0x02}, "as hex:02"),
        ({"end": "\\q"}, "no escape"),
        ({"end": "x" * 65}, "64 bytes"),
        ({"start": "\n", "end": "\r\n"}, "cannot be told apart"),
        ({"length": 3}, "1, 2, 4, 8"),
        ({"length": 2, "digits": 4}, "digits belong"),
        ({"length": 2, "end": "x"}, "Extra inputs"),
    ],
    ids=str,
)
def test_a_framing_that_cannot_be_is_refused_with_what_to_write_instead(framing: object, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        framer(framing)


def test_no_cut_of_two_messages_makes_another_of_them() -> None:
    for framing in ALL:
        stream = framed_as(framing, b"first") + framed_as(framing, b"second")
        whole = messages(framing, stream)
        for cut in itertools.combinations(range(len(stream)), 2):
            assert messages(framing, stream[: cut[0]], stream[cut[0] : cut[1]], stream[cut[1] :]) == whole
