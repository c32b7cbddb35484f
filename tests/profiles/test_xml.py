"""XML is read by local names whatever its sender got wrong, and never does anything but be read."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.model import Part
from bridge.profiles import xml

JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) + b"\xff\xd9"
ALERT = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<EventNotificationAlert version="2.0" xmlns="http://www.hikvision.com/ver20/XMLSchema">'
    "<ipAddress>10.20.0.41</ipAddress><eventType>ANPR</eventType><channelName>Gate &amp; yard</channelName>"
    "<ANPR><licensePlate>4AB1234</licensePlate><pictureInfoList><pictureInfo><fileName>1.jpg</fileName></pictureInfo>"
    "</pictureInfoList></ANPR></EventNotificationAlert>"
)
READ = {
    "@root": "EventNotificationAlert",
    "@version": "2.0",
    "ipAddress": "10.20.0.41",
    "eventType": "ANPR",
    "channelName": "Gate & yard",
    "ANPR": {"licensePlate": "4AB1234", "pictureInfoList": {"pictureInfo": {"fileName": "1.jpg"}}},
}


def test_elements_attributes_and_texts_become_maps_lists_and_texts() -> None:
    document = (
        b'<Alert version="2.0" xmlns="urn:any"><ip> 10.0.0.1\n</ip><door no="1">open</door><zone>1</zone><zone/>'
        b"<zone><id>3</id></zone><empty/><flag on='1'/></Alert>"
    )
    assert xml.read(document) == [
        {
            "@root": "Alert",
            "@version": "2.0",
            "ip": "10.0.0.1",
            "door": {"@no": "1", "#text": "open"},
            "zone": ["1", "", {"id": "3"}],
            "empty": "",
            "flag": {"@on": "1"},
        }
    ]
    assert xml.read(b"<ping>yes</ping>") == [{"@root": "ping", "#text": "yes"}]


@pytest.mark.parametrize(
    "data",
    [
        ALERT.encode(),
        ALERT.replace("&amp;", "&").encode(),
        ALERT.partition("\n")[2].encode(),
        b"\xef\xbb\xbf" + ALERT.encode(),
        b"\r\n\r\n" + ALERT.encode(),
        b"HTTP/1.1 200 OK\nContent-Type: application/xml\nContent-Length: 12\n\n" + ALERT.encode(),
        b"strange line\r\n" + ALERT.encode(),
        ALERT.encode("utf-16"),
        ALERT.partition("\n")[2].encode("utf-16-le"),
        ALERT.partition("\n")[2].encode("utf-16-be"),
        ALERT.replace("UTF-8", "GB2312").encode("gb2312"),
        ALERT.replace("UTF-8", "no-such-thing").encode(),
        ALERT.replace("UTF-8", "punycode").encode(),
        ALERT.replace("<ipAddress>", "<hik:ipAddress>").replace("</ipAddress>", "</hik:ipAddress>").encode(),
        ALERT.replace(' xmlns="http://www.hikvision.com/ver20/XMLSchema"', "").encode(),
        ALERT.replace("ANPR</eventType>", "\x01AN\x00PR</eventType>").encode(),
        ALERT.encode() + b"\x00\x00\x00",
        ALERT.encode() + b"\r\n--boundary--\r\n",
        ALERT.encode() + b"<broken",
    ],
)
def test_an_alert_is_read_for_what_it_says_whatever_its_sender_got_wrong(data: bytes, bench: Any) -> None:
    assert bench("decode: [xml]").documents(data) == [READ]


def test_bytes_that_are_not_in_the_declared_encoding_are_read_as_latin_1() -> None:
    assert xml.read(b'<?xml version="1.0" encoding="UTF-8"?><a>T\xf6lz</a>') == [{"@root": "a", "#text": "Tölz"}]
    gbk = '<?xml version="1.0" encoding="GBK"?><a>门</a>'.encode("gbk")
    assert xml.read(gbk) == [{"@root": "a", "#text": "门"}]


def test_an_ampersand_in_cdata_means_itself_also_where_another_has_to_be_mended() -> None:
    assert xml.read(b"<a><b>x & y</b><c><![CDATA[p & q &amp; <]]></c><d>&nbsp;&#65;&lt;</d></a>") == [
        {"@root": "a", "b": "x & y", "c": "p & q &amp; <", "d": "&nbsp;A<"}
    ]


def test_documents_one_after_the_other_are_items_each(bench: Any) -> None:
    assert bench("decode: [xml]").documents(b"<a><n>1</n></a>\n<?xml version='1.0'?><a><n>2</n></a>\x00") == [
        {"@root": "a", "n": "1"},
        {"@root": "a", "n": "2"},
    ]


@pytest.mark.parametrize(
    "data",
    [
        b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        b'<!DOCTYPE a SYSTEM "http://192.0.2.1/a.dtd"><a/>',
        b'<!DOCTYPE a [<!ENTITY % p SYSTEM "http://192.0.2.1/a"> %p;]><a/>',
        b'<!DOCTYPE a [<!ENTITY a "1"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><a>&b;</a>',
        b"<!DOCTYPE html><html>502 Bad Gateway</html>",
    ],
)
def test_a_document_with_a_doctype_is_refused(data: bytes, bench: Any) -> None:
    (why,) = bench("decode: [xml]").documents(data)
    assert "DOCTYPE" in why


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"<a>" * 65 + b"</a>" * 65, "more than 64 levels"),
        (b"<a>" + b"<b/>" * 10_000 + b"</a>", "more than 10000 elements"),
        (b"<a><b " + b"".join(b'x%d="" ' % n for n in range(10_001)) + b"/></a>", "more than 10000 elements"),
        (b"<a/>" * 10_001, None),
        (b"<a>" + b"x" * xml.LONGEST + b"</a>", "is the most that is read"),
        (b"<a>" + b"\n" * 50_001 + b"</a>", "line ends or ampersands"),
        (b"<a>" + b"&" * 50_001 + b"</a>", "line ends or ampersands"),
        (b"<a><b></a>", "no XML: mismatched tag"),
        (b"<a><b>", "no XML"),
        (b"<>", "no XML"),
        (b"<![CDATA[" * 1000, "no XML"),
    ],
)
def test_what_is_too_much_or_no_xml_is_refused_with_a_reason(data: bytes, why: str | None, bench: Any) -> None:
    found = bench("decode: [xml]").documents(data)
    if why is None:
        assert len(found) == xml.MOST_DOCUMENTS
    else:
        assert len(found) == 1
        assert why in found[0]


def test_parts_that_are_xml_are_found_by_their_content_and_pictures_go_with_them(bench: Any) -> None:
    parts = (Part("image/jpeg", JPEG, "p", "p.jpg"), Part("application/octet-stream", ALERT.encode(), "anpr.xml"))
    (item,) = bench("decode: [xml]").items(parts=parts)
    assert item.document == READ
    assert [part.filename for part in item.media] == ["p.jpg"]


def test_a_list_in_xml_is_split_also_when_it_holds_one_element_or_none(bench: Any) -> None:
    tried = bench("decode: [xml]\nsplit: [Plates.Plate]")
    one, two = b"<Plate><n>1</n></Plate>", b"<Plate><n>2</n></Plate>"
    assert tried.documents(b"<R><Plates>" + one + two + b"</Plates></R>") == [{"n": "1"}, {"n": "2"}]
    assert tried.documents(b"<R><Plates>" + one + b"</Plates></R>") == [{"n": "1"}]
    assert tried.documents(b"<R><Plates><Plate/></Plates></R>") == []
    assert tried.documents(b"<R><ok>1</ok></R>") == [{"@root": "R", "ok": "1"}]


def test_one_element_or_many_can_be_asked_alike(bench: Any) -> None:
    tried = bench(
        "decode: [xml]",
        """
messages:
  any:
    when: item.L.R.id == "2" || item.L.R.exists(r, r.id == "2")
    type: a.b
    title: x
    fields: {region: [item.L.R.id, "item.L.R[0].id"]}
""",
    )
    assert tried.drafts(b"<a><L><R><id>2</id></R></L></a>")[0].fields == {"region": "2"}
    assert tried.drafts(b"<a><L><R><id>1</id></R><R><id>2</id></R></L></a>")[0].fields == {"region": "1"}
