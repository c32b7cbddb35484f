"""The HTTP stream connector against a server that is not ours: Node.js, its own HTTP with its own chunks."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.connectors.conftest import BOUND, Inbox
from tests.connectors.outgoing import at_work, http_stream, until

pytestmark = pytest.mark.needs("node")

SERVER = r"""
const http = require('http');
const server = http.createServer((request, response) => {
  if (request.url.startsWith('/events')) {
    let number = Number(request.headers['last-event-id'] || 0);
    response.writeHead(200, {'Content-Type': 'text/event-stream; charset=utf-8'});
    const last = number + 50;
    const timer = setInterval(() => {
      number += 1;
      response.write(`id: ${number}\nevent: tick\ndata: {"number": ${number}}\n\n`);
      if (number === last) { clearInterval(timer); response.destroy(); }
    }, 1);
  } else if (request.url.startsWith('/parts')) {
    response.writeHead(200, {'Content-Type': 'multipart/mixed; boundary="frame"'});
    let number = 0;
    const timer = setInterval(() => {
      number += 1;
      const xml = `<Event><number>${number}</number></Event>`;
      const head = `--frame\r\nContent-Type: application/xml\r\nContent-Length: ${xml.length}\r\n\r\n`;
      const pieces = [head.slice(0, 11), head.slice(11), xml.slice(0, 5), xml.slice(5), '\r\n'];
      for (const piece of pieces) response.write(piece);
      if (number === 30) clearInterval(timer);
    }, 2);
  } else {
    response.writeHead(200, {'Content-Type': 'application/x-ndjson'});
    const text = 'Ä€'.repeat(20);
    for (let number = 0; number < 2000; number++) response.write(JSON.stringify({number, text}) + '\n');
  }
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
"""


@asynccontextmanager
async def node() -> AsyncIterator[str]:
    program = await asyncio.create_subprocess_exec(
        "node", "-e", SERVER, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    )
    try:
        assert program.stdout is not None
        async with asyncio.timeout(BOUND):
            port = int(await program.stdout.readline())
        yield f"http://127.0.0.1:{port}"
    finally:
        program.kill()
        await program.wait()


@pytest.mark.shows("connector:http-stream", "peer", peer="Node.js")
async def test_events_go_on_where_a_connection_was_broken_off(inbox: Inbox) -> None:
    async with node() as url:
        connector = http_stream(f"{url}/events")
        async with at_work(connector, inbox):
            await inbox.hold(200)
        numbers = [int(message.position.value) for message in inbox.messages if message.position is not None]
        assert numbers == list(range(1, len(numbers) + 1))
        assert connector.counts["connections"] >= 4
        assert inbox.messages[0].origin.attributes == {"event": "tick"}


@pytest.mark.shows("connector:http-stream", "peer", peer="Node.js")
async def test_parts_are_found_in_chunks_of_any_kind(inbox: Inbox) -> None:
    async with node() as url, at_work(http_stream(f"{url}/parts"), inbox):
        await until(lambda: len(inbox.messages) == 30)
        assert inbox.bodies == [b"<Event><number>%d</number></Event>" % number for number in range(1, 31)]


@pytest.mark.shows("connector:http-stream", "peer", peer="Node.js")
async def test_lines_come_whole_and_in_order(inbox: Inbox) -> None:
    async with node() as url, at_work(http_stream(f"{url}/lines"), inbox):
        await inbox.hold(2000)
        assert [int(body.partition(b",")[0].removeprefix(b'{"number":')) for body in inbox.bodies] == list(range(2000))
