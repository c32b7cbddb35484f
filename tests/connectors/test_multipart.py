"""Any variant of a reader's multipart body gives the same parts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.model import Part
from connectors.multipart import MOST_PARTS, _Boundaries, looks_multipart, split

BOUNDARY = b"----------d74496d66958873e"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY.decode()}"

EVENT = Part("application/json", b'{"carID":"902","plateUTF8":"4AB1234","x":"\\u0034"}', "event", "4711.json")
JPEG = Part("image/jpeg", b"\xff\xd8\xff\xe0\0\x10JFIF\r\n\r\n--\n\0\xff\xd9", "image", "4711.jpg")
PNG = Part("image/png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image2", "4711lp.jpg")
BMP = Part("image/bmp", b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0", "image3", "roi.bmp")


@dataclass(frozen=True)
class Variant:
    """How a sender writes its body."""

    line_end: bytes = b"\r\n"
    last_boundary: bool = True
    preamble: bytes = b""
    disposition: bool = True
    lengths: bool = False
    wrong_label: bool = False
    label: bool = True
    content_type: str = CONTENT_TYPE


def write(parts: tuple[Part, ...], variant: Variant) -> bytes:
    end = variant.line_end
    body = variant.preamble
    for part in parts:
        head = []
        if variant.disposition:
            head.append(
                b'Content-Disposition: form-data; name="%s"; filename="%s"'
                % (part.name.encode(), part.filename.encode())
            )
        if variant.label:
            head.append(b"Content-Type: " + (b"image/gif" if variant.wrong_label else part.content_type.encode()))
        if variant.lengths:
            head.append(b"Content-Length: %d" % len(part.data))
        body += b"--" + BOUNDARY + end + end.join([*head, b"", part.data]) + end
    return body + b"--" + BOUNDARY + b"--" + end if variant.last_boundary else body


variants = st.builds(
    Variant,
    line_end=st.sampled_from([b"\r\n", b"\n"]),
    last_boundary=st.booleans(),
    preamble=st.sampled_from([b"", b"\r\n", b"\n", b"\r\n\r\n", b"This is a form.\r\n", b"a\n\nb\n"]),
    lengths=st.booleans(),
    wrong_label=st.booleans(),
    label=st.booleans(),
    content_type=st.sampled_from(
        [
            CONTENT_TYPE,
            f'Multipart/Form-Data; charset=utf-8; Boundary="{BOUNDARY.decode()}"',
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=quite-another",
            f"multipart/form-data; boundary=--{BOUNDARY.decode()}",
            "",
        ]
    ),
)
bodies = st.lists(st.sampled_from([EVENT, JPEG, PNG, BMP]), min_size=1, max_size=5, unique=True).map(tuple)


@pytest.mark.shows("connector:http", "samples", "fuzzed")
@given(bodies, variants)
def test_any_variant_gives_the_same_parts_in_the_senders_order(parts: tuple[Part, ...], variant: Variant) -> None:
    assert split(write(parts, variant), variant.content_type) == parts


@given(bodies, variants)
def test_a_part_without_disposition_is_told_by_its_content(parts: tuple[Part, ...], variant: Variant) -> None:
    variant = replace(variant, disposition=False, content_type=CONTENT_TYPE)
    assert split(write(parts, variant), CONTENT_TYPE) == tuple(Part(part.content_type, part.data) for part in parts)


@given(st.binary(max_size=200), st.sampled_from([b"\r\n", b"\n"]), st.booleans())
def test_a_parts_own_length_decides_even_over_a_boundary_in_its_data(around: bytes, end: bytes, last: bool) -> None:
    data = b"\xff\xd8\xff" + around + end + b"--" + BOUNDARY + end + around
    parts = (replace_data(JPEG, data), EVENT)
    assert split(write(parts, Variant(line_end=end, lengths=True, last_boundary=last)), CONTENT_TYPE) == parts


def replace_data(part: Part, data: bytes) -> Part:
    return Part(part.content_type, data, part.name, part.filename)


@pytest.mark.parametrize("length", [b"0", b"3", b"99999", b"-1", b"x", b"9" * 500])
def test_a_wrong_length_of_a_part_is_not_believed(length: bytes) -> None:
    body = write((EVENT, JPEG), Variant()).replace(b"\r\n\r\n{", b"\r\nContent-Length: %s\r\n\r\n{" % length)
    assert split(body, CONTENT_TYPE) == (EVENT, JPEG)


@given(st.integers(0, len(BOUNDARY) + 6))
def test_a_last_boundary_that_was_cut_off_is_not_taken_for_data(cut: int) -> None:
    body = write((EVENT, JPEG), Variant())
    assert split(body[: len(body) - cut], CONTENT_TYPE) == (EVENT, JPEG)


@pytest.mark.shows("connector:http", "fuzzed")
@given(st.binary(max_size=400), st.text(max_size=60))
def test_nothing_is_lost_of_a_body_that_cannot_be_split(body: bytes, content_type: str) -> None:
    parts = split(body, content_type)
    assert parts
    if b"--" not in body:
        assert [part.data for part in parts] == [body]


@pytest.mark.shows("connector:http", "fuzzed")
@given(
    st.lists(
        st.sampled_from([b"--", BOUNDARY, b"\r\n", b"\n", b":", b"Content-Length: 3", b" ", b"a", b"--" + BOUNDARY])
    )
)
def test_no_arrangement_of_its_pieces_is_an_error(pieces: list[bytes]) -> None:
    assert split(b"".join(pieces), CONTENT_TYPE)


def test_json_sent_under_a_multipart_label_is_one_part_of_json() -> None:
    assert split(EVENT.data, CONTENT_TYPE) == (Part("application/json", EVENT.data),)


def test_a_byte_order_mark_does_not_hide_json() -> None:
    assert split(b"\xef\xbb\xbf {}", CONTENT_TYPE)[0].content_type == "application/json"


def test_a_plain_field_keeps_its_name_and_is_text() -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="make"\r\n\r\nBMW\r\n--b--\r\n'
    assert split(body, "multipart/form-data; boundary=b") == (Part("text/plain", b"BMW", "make"),)


def test_as_many_parts_as_may_be_are_split_and_one_more_leaves_the_body_whole() -> None:
    for end in (b"\r\n", b"\n"):
        most = (EVENT,) * MOST_PARTS
        assert split(write(most, Variant(line_end=end)), CONTENT_TYPE) == most
        too_many = write((*most, EVENT), Variant(line_end=end))
        assert split(too_many, CONTENT_TYPE) == (Part("application/octet-stream", too_many),)


def test_a_boundarys_text_everywhere_is_given_up_instead_of_tried_for_ever() -> None:
    body = b"--b\nA: b\n\n" + b"\n--bx" * 100_000
    looked = _Boundaries(body, b"b")
    assert looked.after(3) is None
    assert looked.tries == -1
    assert split(body, "multipart/form-data; boundary=b") == (Part("application/octet-stream", body),)


def test_a_name_in_latin_letters_is_read() -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="T\xf6r"\r\n\r\n{}\r\n--b--\r\n'
    assert split(body, "multipart/form-data; boundary=b") == (Part("application/json", b"{}", "Tör"),)


def test_what_begins_like_multipart_is_recognised_without_its_label() -> None:
    assert looks_multipart(write((EVENT,), Variant()))
    assert looks_multipart(b"\r\n" + write((EVENT,), Variant(line_end=b"\n")))
    assert not looks_multipart(EVENT.data)
    assert not looks_multipart(b"-- a comment\nand more\n")
