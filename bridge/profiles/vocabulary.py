"""The common names of fields, kind by kind: a plate is ``plate``, whoever read it.

Rules, titles and VMS targets rely on them. A profile uses these names for what they mean here and may have others for
what only its device says. ``python -m bridge.profiles.vocabulary`` prints the page docs/vocabulary.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Literal, NamedTuple, Protocol

Type = Literal["text", "number", "flag", "words"]


class Term(NamedTuple):
    """``type``: "words" is a text that is one of ``words``. ``unit`` of a number, or the form of a text."""

    name: str
    meaning: str
    type: Type = "text"
    unit: str = ""
    words: tuple[str, ...] = ()


EVERY: tuple[Term, ...] = (
    Term("serial", "serial number of the device that speaks", unit="upper case, a MAC address without signs"),
    Term("device", "name of the device, as its installer typed it"),
    Term("address", "network address of the device"),
    Term("channel", "number or name of its channel, where it has several"),
    Term("camera", "what the device calls the camera, mostly an id"),
    Term("camera_name", "name of that camera"),
    Term("site_name", "name of the place, as the device has it"),
    Term("code", "the device's own word or number for what happened"),
    Term("description", "the device's own sentence about it"),
    Term("zone", "the area, line of detectors or region it is about"),
    Term("confidence", "how sure the device is", "number", "0 to 1"),
    Term("count", "how many", "number"),
    Term("duration", "how long it lasted", "number", "s"),
    Term("resent", "the device sends it again, or late", "flag"),
    Term("latitude", "where", "number", "degrees, WGS 84"),
    Term("longitude", "where", "number", "degrees, WGS 84"),
    Term("user", "who did it at the device"),
)

KINDS: Mapping[str, tuple[Term, ...]] = {
    "lpr": (
        Term("plate", "the plate to compare", unit="upper case, no spaces and hyphens"),
        Term("plate_text", "the plate as it is shown"),
        Term("plate_type", "sort of plate"),
        Term("plate_colour", "colour of the plate"),
        Term("country", "country of the plate", unit="upper case, as the device abbreviates"),
        Term("region", "region of the plate"),
        Term("region_code", "region of the plate as a code"),
        Term("direction", "which way it moved; absent when unknown", "words", words=("in", "out")),
        Term("heading", "which way it moved in the picture", "number", "degrees"),
        Term("list", "name of the list that the plate is on"),
        Term("list_mode", "what that list is for", "words", words=("allow", "block", "none")),
        Term("list_description", "what the list says about this plate"),
        Term("make", "maker of the vehicle"),
        Term("model", "its model"),
        Term("colour", "its colour", unit="lower case"),
        Term("vehicle_type", "what it is: car, truck, bus", unit="lower case"),
        Term("view", "which side was seen", "words", words=("front", "rear")),
        Term("make_confidence", "how sure of make and model", "number", "0 to 1"),
        Term("colour_confidence", "how sure of the colour", "number", "0 to 1"),
        Term("speed", "its speed", "number", "km/h"),
        Term("lane", "number or name of the lane"),
        Term(
            "carstate",
            "what the message is in the vehicle's life",
            "words",
            words=("new", "update", "reliable", "lost"),
        ),
        Term("provisional", "a better reading may follow", "flag"),
        Term("vehicle", "the device's number for this vehicle"),
        Term("occupants", "people seen in it", "number"),
    ),
    "access": (
        Term("door", "number or name of the door"),
        Term("reader", "number or name of the reader"),
        Term("card", "number of the card"),
        Term("person", "id of the person at the device"),
        Term("person_name", "name of the person"),
        Term("granted", "whether the door was opened for them", "flag"),
        Term("reason", "why it was not"),
        Term("method", "how they were known: card, pin, face, finger"),
        Term("direction", "which way", "words", words=("in", "out")),
    ),
    "fire": (
        Term("panel", "number or name of the panel"),
        Term("loop", "number of the loop"),
        Term("detector", "number or name of the detector"),
        Term("detector_type", "smoke, heat, gas, call point"),
        Term("stage", "pre-alarm, alarm, fault, test, disabled"),
        Term("temperature", "at the detector", "number", "°C"),
    ),
    "intrusion": (
        Term("account", "number of the panel at the receiver"),
        Term("partition", "number or name of the partition"),
        Term("zone_name", "name of the zone"),
        Term("armed", "whether it is armed", "flag"),
        Term("qualifier", "what the event code stands before", "words", words=("new", "restore", "status")),
    ),
    "leak": (
        Term("sensor", "number or name of the rope or probe"),
        Term("wet", "whether there is water", "flag"),
        Term("distance", "where along the rope", "number", "m"),
        Term("level", "how high the water stands", "number", "mm"),
    ),
    "motion": (
        Term("target", "what moves: person, vehicle, animal", unit="lower case"),
        Term("rule", "name of the detection rule"),
        Term("line", "number or name of the line that was crossed"),
        Term("direction", "which way", "words", words=("in", "out", "forward", "backward")),
        Term("region", "number of the region in the picture"),
    ),
    "pos": (
        Term("till", "number or name of the till"),
        Term("transaction", "number of the receipt"),
        Term("cashier", "number or name of the cashier"),
        Term("item", "what was sold"),
        Term("quantity", "how many of it", "number"),
        Term("amount", "what it costs", "number"),
        Term("total", "what the receipt comes to", "number"),
        Term("currency", "of the amounts", unit="ISO 4217"),
        Term("payment", "how it was paid"),
        Term("void", "whether it was taken back", "flag"),
        Term("line", "the line of the receipt as it was printed"),
    ),
    "ai": (
        Term("label", "what was seen: person, car, bag", unit="lower case"),
        Term("object", "the device's id for the object it follows"),
        Term("activity", "what groups the events of one presence"),
        Term("action", "what somebody does: falls, fights", unit="lower case"),
        Term("line", "number or name of the line that was crossed"),
        Term("direction", "which way", "words", words=("in", "out", "forward", "backward")),
        Term("dwell_seconds", "how long it stayed", "number", "s"),
        Term("definition", "id of the rule that made the event"),
        Term("person", "id of the person who was recognised"),
        Term("person_name", "name of that person"),
        Term("watchlists", "lists that the person is on", unit="with , between"),
        Term("age", "estimated", "number", "years"),
        Term("gender", "estimated", "words", words=("male", "female")),
        Term("speed", "its speed", "number", "km/h"),
        Term("sent_at", "when the system sent it", unit="as it wrote it"),
    ),
    "environment": (
        Term("temperature", "of the air", "number", "°C"),
        Term("humidity", "relative", "number", "0 to 100"),
        Term("pressure", "of the air", "number", "hPa"),
        Term("co2", "carbon dioxide", "number", "ppm"),
        Term("pm25", "fine dust", "number", "µg/m³"),
        Term("light", "brightness", "number", "lx"),
        Term("sound", "loudness", "number", "dB(A)"),
        Term("value", "what was measured, where it is none of these", "number"),
        Term("unit", "of that value"),
        Term("limit", "what it was compared with", "number"),
        Term("battery", "charge", "number", "0 to 100"),
        Term("signal", "strength of the radio signal", "number", "dBm"),
    ),
    "device": (
        Term("model", "model of the device"),
        Term("version", "of its software"),
        Term("system_version", "of its operating system"),
        Term("uptime", "since its last start", "number", "s"),
        Term("input", "number or name of the contact"),
        Term("output", "number or name of the relay"),
        Term("stream", "name of the video stream"),
        Term("codec", "of the video"),
        Term("video_bitrate", "measured", "number", "bit/s"),
        Term("audio_bitrate", "measured", "number", "bit/s"),
        Term("framerate", "measured", "number", "1/s"),
        Term("width", "of the picture", "number", "px"),
        Term("height", "of the picture", "number", "px"),
        Term("storage", "name of the disk or card"),
        Term("errors", "errors since it last told", "number"),
    ),
}


class Fielded(Protocol):
    """A compiled profile."""

    @property
    def fields(self) -> Collection[str]: ...


def common() -> frozenset[str]:
    """Every name there is: a device of one kind may tell what is common for another."""
    return frozenset(term.name for terms in (EVERY, *KINDS.values()) for term in terms)


def uncommon(profile: Fielded) -> tuple[str, ...]:
    """The names of its fields that stand in no vocabulary, in the order of the profile."""
    known = common()
    return tuple(name for name in profile.fields if name not in known)


def page() -> str:
    """docs/vocabulary.md."""
    parts = [
        "# Common names of fields\n\nA profile calls the same thing by the same name, whichever device says it: rules, "
        "titles and VMS targets rely on it.\nIt may have further names for what only its device says; "
        "`vms-bridge profile test` lists them. A device of one kind may use\nnames of another. "
        "This page is printed by `python -m bridge.profiles.vocabulary`.\n",
        _section("Every kind", EVERY),
        *(_section(f"`{kind}`", terms) for kind, terms in KINDS.items()),
    ]
    return "\n".join(parts)


def _section(title: str, terms: Iterable[Term]) -> str:
    rows = [f"| `{term.name}` | {term.meaning} | {_type(term)} |" for term in terms]
    return "\n".join((f"## {title}\n", "| name | what it is | written as |", "|---|---|---|", *rows, ""))


def _type(term: Term) -> str:
    if term.words:
        return ", ".join(f"`{word}`" for word in term.words)
    named = {"number": "number", "flag": "true or false"}.get(term.type, "text")
    return f"{named}, {term.unit}" if term.unit else named


if __name__ == "__main__":
    print(page(), end="")
