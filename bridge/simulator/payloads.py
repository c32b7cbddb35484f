"""The bytes a CAMMRA reader puts on the wire, quirks included (reference sections 3, 4, 6, 10, 13)."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, tzinfo

import msgspec

from bridge.simulator.vehicles import CarState, Sighting

BOUNDARY = b"----------d74496d66958873e"
_BOM = b"\xef\xbb\xbf"


class Quirks(msgspec.Struct, frozen=True, kw_only=True):
    """What real readers do that no manual says; all off unless switched on (reference section 13)."""

    no_plate: bool = False
    """A vehicle without a readable plate: empty texts, as the 2.x beta option sends."""
    null_text: bool = False
    """C's "(null)" in place of empty texts."""
    updated: bool = False
    """``updated`` instead of ``update``."""
    make: bool = False
    """``make`` instead of ``brand``."""
    percent: bool = False
    """Confidences of make and colour in 0..100 instead of 0..1."""
    no_mac: bool = False
    no_camera_info: bool = False
    """An old build: ``cameraId`` with the bare MAC."""
    seconds: bool = False
    """``capture_timestamp`` in seconds."""
    clock_offset: float = 0.0
    """Seconds the reader's clock is wrong by."""
    wrong_label: bool = False
    """The picture is called png and is JPEG."""
    second_picture: bool = False
    no_picture: bool = False
    picture_first: bool = False
    line_feeds: bool = False
    """Multipart lines end with LF alone."""
    no_last_boundary: bool = False
    as_field: bool = False
    """The JSON as a plain form field ``json`` instead of a file part."""
    byte_order_mark: bool = False
    profiles: int = 1
    """Push profiles that are set up: each message goes out so often, with other counters."""
    replay_out_of_order: bool = False
    """Buffered messages are sent newest first after an outage."""
    replay_twice: bool = False
    car_reset: int = 0
    """After so many vehicles carID begins at 1 again, as after a restart; 0: never."""
    separator: bytes = b""
    """Between objects on TCP."""
    split: int = 0
    """Bytes per write on TCP; 0: whole objects."""
    chunked: bool = False
    old_http: bool = False
    """HTTP/1.0 without Host."""
    expect_continue: bool = False


_PLAIN = Quirks()


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who the reader says it is. ``serial`` is the MAC without colons; ``device`` what the installer typed."""

    serial: str
    device: str = "defaultID"
    model: str = "AXIS Q1805-LE"
    address: str = "10.20.0.11"
    zone: tzinfo = UTC


def document(
    sighting: Sighting, who: Identity, at: int, counter: int, profile: int = 1, quirks: Quirks | None = None
) -> dict[str, object]:
    """The event's JSON object; ``at``: when it was captured, milliseconds UTC. Key order as sample S1."""
    quirks = quirks or Quirks()
    vehicle = sighting.vehicle
    at += round(quirks.clock_offset * 1000)
    nothing = "(null)" if quirks.null_text else ""
    text = nothing if quirks.no_plate else sighting.plate
    local = datetime.fromtimestamp(at / 1000, who.zone)
    known = sighting.state is not CarState.NEW
    hundred = 100.0 if quirks.percent else 1.0
    brand, model = vehicle.make
    info: dict[str, object] = {"view": "front", "type": vehicle.type, "color": vehicle.color}
    if known:
        info["make" if quirks.make else "brand"] = brand
        info |= {
            "model": model,
            "confidenceMMR": f"{0.998 * hundred:.6f}",
            "confidenceColor": f"{0.91 * hundred:.6f}",
        }
    found: dict[str, object] = {
        "packetCounter": str(counter),
        "capture_timestamp": str(at // 1000 if quirks.seconds else at),
        "frame_timestamp": "0" if sighting.state is CarState.LOST else f"{at}044",
        "capture_ts": f"{at}000000",
        "datetime": local.strftime("%Y%m%d %H%M%S") + f"{at % 1000:03d}",
        "plateText": msgspec.Raw(_escaped(text)),
        "plateUnicode": text,
        "plateUTF8": text,
        "plateASCII": text,
        "plateCountry": "XX" if quirks.no_plate else "CZE",
        "plateISO3166-2": "",
        "plateRegion": nothing if quirks.null_text else "Praha",
        "plateRegionCode": "A",
        "plateList": {"allow": "Allow list", "block": "Block list"}.get(vehicle.listed, ""),
        "plateListMode": vehicle.listed,
        "plateListDescription": f"entry {vehicle.number}" if vehicle.listed else "",
        "plateConfidence": f"{sighting.confidence:.6f}",
        "carState": "updated" if quirks.updated and sighting.state is CarState.UPDATE else sighting.state.value,
        "roiID": "1",
        "geotag": {"lat": 50.08, "lon": 14.42},
        "imageType": "vehicle",
        "plateImageType": "png" if quirks.wrong_label else "jpeg",
        "plateImageSize": "0",
        "carMoveDirection": sighting.direction,
        "timeProcessing": "0",
        "plateCoordinates": [612, 540, 148, 40],
        "plateCoordinatesRelative": [212, 180, 148, 40],
        "carID": str(vehicle.car),
        "GEOtarget": "Camera",
        "imagesURI": [f"/local/fflprapp/tools.cgi?action=getImage&name=3/{local:%Y%m%d%H%M%S}lp_{text}_{counter}.jpg"],
        "profileID": str(profile),
        "vehicle_info": info,
    }
    if quirks.no_camera_info:
        found["cameraId"] = who.serial
    else:
        found["camera_info"] = {
            "SerialNumber": who.serial,
            "ProdShortName": who.model,
            "IPAddress": who.address,
            "MACAddress": "" if quirks.no_mac else who.serial,
        }
    found["sensorProviderID"] = who.device
    return found


def _escaped(text: str) -> bytes:
    return ('"' + "".join([f"\\u{ord(letter):04x}" for letter in text]) + '"').encode()


def encode(found: dict[str, object], quirks: Quirks, pictures: tuple[bytes, ...] = ()) -> bytes:
    """The object as JSON text; ``pictures`` go into it as base64."""
    if pictures and not quirks.no_picture:
        label = "png" if quirks.wrong_label else "jpg"
        found = {
            **found,
            "ImageArray": [
                {"ImageType": kind, "ImageFormat": label, "BinaryImage": base64.b64encode(data).decode()}
                for kind, data in zip(("vehicle", "plate"), pictures, strict=False)
            ],
        }
    text = msgspec.json.encode(found)
    return _BOM + text if quirks.byte_order_mark else text


def multipart(text: bytes, counter: int, pictures: tuple[bytes, ...], quirks: Quirks) -> bytes:
    """A form as sample S1 has it: file parts ``event`` and ``image``, and a second picture when there are two."""
    end = b"\n" if quirks.line_feeds else b"\r\n"
    name = str(counter).encode()
    if quirks.as_field:
        event = [b'Content-Disposition: form-data; name="json"', b"", text]
    else:
        file = b'Content-Disposition: form-data; name="event"; filename="%s.json"' % name
        event = [file, b"Content-Type: application/json", b"", text]
    label = b"image/png" if quirks.wrong_label else b"image/jpeg"
    parts = [event]
    for field, suffix, picture in zip((b"image", b"image2"), (b"", b"lp"), pictures, strict=False):
        if not quirks.no_picture:
            file = b'Content-Disposition: form-data; name="%s"; filename="%s%s.jpg"' % (field, name, suffix)
            parts.append([file, b"Content-Type: " + label, b"", picture])
    if quirks.picture_first:
        parts.reverse()
    body = b"".join([b"--" + BOUNDARY + end + end.join(part) + end for part in parts])
    return body if quirks.no_last_boundary else body + b"--" + BOUNDARY + b"--" + end


def post(
    path: str,
    host: str,
    content_type: str,
    body: bytes,
    authorization: str = "",
    quirks: Quirks = _PLAIN,
    *headers: str,
) -> bytes:
    """The whole HTTP request; ``headers``: more lines for its head."""
    head = [f"POST {path} HTTP/{'1.0' if quirks.old_http else '1.1'}"]
    if not quirks.old_http:
        head.append(f"Host: {host}")
    head.append(f"Content-Type: {content_type}")
    if authorization:
        head.append(f"Authorization: {authorization}")
    if quirks.expect_continue:
        head.append("Expect: 100-continue")
    if quirks.chunked:
        head.append("Transfer-Encoding: chunked")
        chunks = [body[at : at + 1000] for at in range(0, len(body), 1000)]
        body = b"".join([b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks]) + b"0\r\n\r\n"
    else:
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*head, *headers, "", ""]).encode("latin-1") + body


FORM = f"multipart/form-data; boundary={BOUNDARY.decode()}"
JSON = "application/json"


def heartbeat(who: Identity, reads: int, now: datetime) -> bytes:
    """Sample S4."""
    colons = ":".join(who.serial[at : at + 2] for at in range(0, len(who.serial), 2))
    return msgspec.json.encode(
        {
            "system": {"timestamp": now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}Z"},
            "identify": {
                "platform": who.model,
                "ipAddress": who.address,
                "macAddress": colons,
                "anprVersion": "2.9.19",
            },
            "ALPV": {"device_ID": who.device, "version": "2.9.19", "numFramesAvg": "24", "numberOfReads": str(reads)},
        }
    )
