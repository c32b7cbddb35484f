"""Every raw message of the references that stands beside a profile, sent as its device would send it: what the
connector hands in is what the profile was tested with."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import publish
from websockets.asyncio.server import ServerConnection, serve

import mappings
from bridge.model import Message
from bridge.profiles.examples import examples_of, read_message
from connectors.snmp import notification
from connectors.snmp.captured import datagram
from tests.connectors.conftest import Inbox, Vault, http, running, tcp
from tests.connectors.http_client import connected
from tests.connectors.mosquitto import mosquitto, mqtt
from tests.connectors.outgoing import at_work, http_poll, http_stream, tcp_client, until, websocket
from tests.connectors.snmp_peer import Box, hearing, snmp
from tests.connectors.stream_server import Viewer, playing
from tests.connectors.test_tcp_client import device
from tests.connectors.test_udp import hearing as hearing_datagrams
from tests.connectors.test_udp import udp


def raw(suffix: str) -> dict[str, list[Path]]:
    """The raw messages of this kind, by profile."""
    found = {
        file.stem: [each.file for each in examples_of(file) if each.file.suffix == suffix]
        for file in sorted(mappings.PROFILES.glob("*.yaml"))
    }
    return {profile: files for profile, files in found.items() if files}


def is_answer(file: Path) -> bool:
    return file.read_bytes().startswith(b"HTTP/")


HTTP = {profile: [file for file in files if not is_answer(file)] for profile, files in raw(".http").items()}
ANSWERS = {
    profile: [file for file in files if is_answer(file)]
    for profile, files in raw(".http").items()
    if any(map(is_answer, files))
}
LINES, FRAMES, STREAMS, PUBLISHED, DATAGRAMS = map(raw, (".tcp", ".ws", ".stream", ".mqtt", ".snmp"))


def same(message: Message, file: Path) -> None:
    wanted = read_message(file)
    assert message.body == wanted.body, file.name
    assert message.parts == wanted.parts, file.name


@pytest.mark.shows("connector:http", "samples")
@pytest.mark.parametrize("profile", HTTP)
async def test_requests_are_taken_as_their_profile_reads_them(profile: str) -> None:
    async with running(http({"from": "127.0.0.1"})) as way, connected(way.port) as sender:
        for number, file in enumerate(HTTP[profile]):
            await sender.write(file.read_bytes())
            assert (await sender.answer()).status == 200, file.name
            same(way.inbox.messages[number], file)


@pytest.mark.shows("connector:http-poll", "samples")
@pytest.mark.parametrize("profile", ANSWERS)
async def test_answers_are_taken_as_their_profile_reads_them(profile: str, inbox: Inbox) -> None:
    files = ANSWERS[profile]
    given: list[Path] = []

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        given.append(files[min(len(given), len(files) - 1)])
        writer.write(given[-1].read_bytes())
        await writer.drain()
        writer.close()

    async with device(play) as port, at_work(http_poll(f"http://127.0.0.1:{port}/x", every="1 ms"), inbox):
        await inbox.hold(len(files))
    for message, file in zip(inbox.messages, files, strict=False):
        same(message, file)


@pytest.mark.shows("connector:http-stream", "samples")
@pytest.mark.parametrize("profile", STREAMS)
async def test_streams_are_cut_into_messages_as_their_profile_reads_them(profile: str) -> None:
    async def taken(file: Path) -> None:
        async def play(viewer: Viewer) -> None:
            await viewer.say(file.read_bytes())
            await viewer.gone()

        inbox = Inbox()
        async with playing(play) as camera, at_work(http_stream(camera.url), inbox):
            await inbox.hold(1)
        same(inbox.messages[0], file)

    async with asyncio.TaskGroup() as group:
        for file in STREAMS[profile]:
            group.create_task(taken(file))


@pytest.mark.shows("connector:websocket", "samples")
@pytest.mark.parametrize("profile", FRAMES)
async def test_frames_are_taken_as_their_profile_reads_them(profile: str, inbox: Inbox) -> None:
    async def handler(connection: ServerConnection) -> None:
        for file in FRAMES[profile]:
            await connection.send(file.read_bytes(), text=True)
            await connection.send(file.read_bytes(), text=False)
        await connection.wait_closed()

    async with serve(handler, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with at_work(websocket(f"ws://127.0.0.1:{port}/ws"), inbox):
            await inbox.hold(2 * len(FRAMES[profile]))
    for number, message in enumerate(inbox.messages):
        same(message, FRAMES[profile][number // 2])


def framed(files: list[Path]) -> bytes:
    bodies = [file.read_bytes() for file in files]
    return b"".join(len(body).to_bytes(4, "big") + body for body in bodies)


@pytest.mark.shows("connector:tcp", "samples")
@pytest.mark.parametrize("profile", LINES)
async def test_what_is_pushed_over_tcp_is_taken_as_its_profile_reads_it(profile: str, inbox: Inbox) -> None:
    """By its length; and, what is JSON, by its braces alone."""
    objects = [file for file in LINES[profile] if _is_object(file)]
    async with running(tcp(framing={"length": 4}), inbox) as way, connected(way.port) as sender:
        await sender.write(framed(LINES[profile]))
        await inbox.hold(len(LINES[profile]))
    async with running(tcp(), inbox) as way, connected(way.port) as sender:
        await sender.write(b"".join(file.read_bytes() for file in objects))
        await inbox.hold(len(LINES[profile]) + len(objects))
    for message, file in zip(inbox.messages, LINES[profile] + objects, strict=True):
        if file in objects:
            assert json.loads(message.body) == json.loads(file.read_bytes()), file.name
        else:
            same(message, file)


def _is_object(file: Path) -> bool:
    try:
        return isinstance(json.loads(file.read_bytes()), dict)
    except ValueError:
        return False


@pytest.mark.shows("connector:tcp-client", "samples")
@pytest.mark.parametrize("profile", LINES)
async def test_what_a_device_says_over_tcp_is_taken_as_its_profile_reads_it(profile: str, inbox: Inbox) -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(framed(LINES[profile]))
        await reader.read()

    async with device(play) as port, at_work(tcp_client(port, framing={"length": 4}), inbox):
        await inbox.hold(len(LINES[profile]))
    for message, file in zip(inbox.messages, LINES[profile], strict=True):
        same(message, file)


@pytest.mark.shows("connector:udp", "samples")
@pytest.mark.parametrize("profile", LINES)
async def test_datagrams_are_taken_as_their_profile_reads_them(profile: str, inbox: Inbox) -> None:
    async with hearing_datagrams(udp(), inbox) as (_, _, sender):
        for number, file in enumerate(LINES[profile]):
            sender.send(file.read_bytes())
            await inbox.hold(number + 1)
            same(inbox.messages[number], file)


@pytest.mark.shows("connector:snmp", "samples")
@pytest.mark.parametrize("profile", DATAGRAMS)
async def test_traps_are_taken_as_their_profile_reads_them(profile: str, tmp_path: Path) -> None:
    known = {f"shown-{number}": data for number, data in enumerate(sorted(_communities(DATAGRAMS[profile])))}
    connector = snmp(Vault(**known), communities=[f"secret:{name}" for name in known], users=[])
    box = Box()
    async with hearing(tmp_path, connector, box) as port:
        host, _, number = port.bound.rpartition(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for count, file in enumerate(DATAGRAMS[profile]):
                sender.sendto(datagram(file.read_text()), (host, int(number)))
                await box.hold(count + 1)
    for document, file in zip(box.documents, DATAGRAMS[profile], strict=True):
        wanted = json.loads(read_message(file).body.replace(b"192.0.2.1", b"127.0.0.1"))
        assert [_without_names(each) for each in document.pop("varbinds")] == wanted.pop("varbinds"), file.name
        assert wanted.pop("values").items() <= document.pop("values").items(), file.name
        assert _without_names(document) == wanted, file.name


def _without_names(told: dict[str, object]) -> dict[str, object]:
    """The connector adds the names, of objects and of their values, that everybody knows."""
    return {key: value for key, value in told.items() if key not in ("name", "word")}


def _communities(files: list[Path]) -> set[str]:
    return {notification.read(datagram(file.read_text())).community.decode() for file in files}


@pytest.mark.needs("mosquitto")
@pytest.mark.shows("connector:mqtt", "samples", peer="mosquitto")
@pytest.mark.parametrize("profile", [profile for profile in PUBLISHED if profile != "sparkplug"])
async def test_what_is_published_is_taken_as_its_profile_reads_it(profile: str, tmp_path: Path, inbox: Inbox) -> None:
    """In its order. What Sparkplug's numbers are called depends on births: tests of its own."""
    wanted = [read_message(file) for file in PUBLISHED[profile]]
    async with mosquitto(tmp_path) as broker, at_work(mqtt(broker.url, "#"), inbox) as (link, _):
        await link.hear("up: connected")
        told: list[Any] = [(each.origin.place, each.body, 1, False) for each in wanted]
        await asyncio.to_thread(publish.multiple, told, "127.0.0.1", broker.port)
        await until(lambda: len(inbox.kept) == len(wanted))
    found = [(message.origin.place, message.body) for message in inbox.kept]
    assert found == [(each.origin.place, each.body) for each in wanted]
