"""``vms-bridge try``: one payload through route, profile, rules and mapping; no journal, no network."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.cli.ending import Code, Failure
from bridge.cli.options import Subparsers, command, secrets, wants_json

if TYPE_CHECKING:
    from bridge.config.site import Site
    from bridge.model import SensorId


def register(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "try",
        "show what one payload would become, and the exact requests",
        """
        Take a payload from a file through a site: which sensor's it is, what each item in it means, what the rules say,
        and the exact requests that would be sent; the values of secrets are shown as {secret:NAME}. Nothing is sent
        and nothing is kept. Holds end at once. Ends with 1 when an item cannot be read or is nobody's.

        PAYLOAD is a whole HTTP request as recorded (.http), a stretch of a TCP stream (.tcp) or of an HTTP answer that
        does not end (.stream, with the head of the answer), a message of a broker with its topic in the first line and
        an empty line behind it (.mqtt), or just a body.
        """,
        "vms-bridge try site.yaml --sensor gate-lpr payload.json",
        "vms-bridge try site.yaml --connector lpr --from 10.0.0.21 recorded.http",
    )
    parser.add_argument("site", type=Path, metavar="SITE", help="the site's file, or its folder of files")
    parser.add_argument("payload", type=Path, metavar="PAYLOAD", help="the file with what the device sends")
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("--sensor", metavar="SENSOR", help="as if this sensor sent it, whatever its address says")
    way.add_argument(
        "--connector", metavar="CONNECTOR", help="as if it came in this way; the sensor is found as in real life"
    )
    parser.add_argument(
        "--from", dest="peer", default="127.0.0.1", metavar="ADDRESS", help="the sender's network address"
    )
    parser.add_argument("--path", metavar="PATH", help="the path it was sent to, unless the payload says it")
    parser.add_argument("--as", dest="authenticated", metavar="SECRET", help="the secret whose credentials it showed")
    parser.add_argument("--content-type", metavar="TYPE", help="what the body is, unless the payload says it")
    secrets(parser)


def run(arguments: argparse.Namespace) -> int:
    from bridge.cli.loading import secrets_from, site_from
    from bridge.cli.payload import Sent, messages
    from bridge.cli.run import run_loop
    from bridge.cli.telling import Teller
    from bridge.cli.trial import Trial
    from bridge.model import ConnectorId, SensorId

    if not arguments.payload.is_file():
        raise Failure(Code.USAGE, f"{arguments.payload} is not there")
    try:
        data = arguments.payload.read_bytes()
    except OSError as error:
        raise Failure(Code.USAGE, f"{arguments.payload}: {error.strerror}") from error
    whole = site_from(arguments.site)
    stores = secrets_from(arguments.secrets, arguments.site)
    if arguments.sensor is not None:
        site = _alone(whole, SensorId(arguments.sensor))
        connector = site.sensors[SensorId(arguments.sensor)].connector
        addresses = []
    else:
        site = whole
        connector = ConnectorId(arguments.connector)
        if connector not in site.connectors:
            raise Failure(Code.USAGE, _missing("connector", connector, list(site.connectors)))
        addresses = [
            address
            for sensor in site.sensors.values()
            for way, address in ((sensor.connector, sensor.address), *sensor.also.items())
            if way == connector
        ]
    sent = Sent(
        peer=arguments.peer, path=arguments.path, kind=arguments.content_type, authenticated=arguments.authenticated
    )

    async def attempt() -> bool:
        settings = site.connectors[connector].settings
        arrived = await messages(arguments.payload, data, sent, connector, settings, addresses, stores)
        if not arrived:
            raise Failure(Code.FOUND, f"{arguments.payload}: no message in it")
        return Trial(site, stores, Teller(wants_json(arguments))).run(arrived)

    return Code.DONE if run_loop(attempt) else Code.FOUND


def _alone(site: Site, sensor_id: SensorId) -> Site:
    """The site with this sensor alone, listening for anything its connector hears."""
    from msgspec.structs import replace

    from bridge.cli.trial import Anywhere

    sensor = site.sensors.get(sensor_id)
    if sensor is None:
        raise Failure(Code.USAGE, _missing("sensor", sensor_id, list(site.sensors)))
    return replace(site, sensors={sensor.id: replace(sensor, address=Anywhere(identity=sensor.address.identity))})


def _missing(what: str, name: str, known: list[str]) -> str:
    from bridge.config.errors import did_you_mean

    return f"the site has no {what} {name}" + (
        did_you_mean(name, known) or f"; it has {', '.join(known[:20]) or 'none'}"
    )
