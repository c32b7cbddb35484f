"""``vms-bridge simulate webhook``: a receiver of webhooks."""

from __future__ import annotations

import argparse
import json

from bridge.cli.ending import Code
from bridge.cli.options import Subparsers, command, wants_json
from bridge.cli.simulate.serving import listening, ready


def register(subparsers: Subparsers) -> None:
    parser = command(
        subparsers,
        "webhook",
        "a receiver of webhooks",
        "Prints each request it gets and answers it with 200.",
        "vms-bridge simulate webhook --port 8084",
    )
    listening(parser)
    parser.add_argument("--status", type=int, default=200, help="answer with this status; 200 unless given")


async def run(arguments: argparse.Namespace) -> int:
    from bridge.simulator.webhook import Hook, SimulatedWebhook

    as_json = wants_json(arguments)

    def show(hook: Hook) -> None:
        text = hook.body.decode("utf-8", "replace")
        if as_json:
            print(json.dumps({"what": "hook", "method": hook.method, "path": hook.path, "body": text}), flush=True)
        else:
            print(f"{hook.method} {hook.path} {text[:2000]}", flush=True)

    async with SimulatedWebhook(host=arguments.host, port=arguments.port, status=arguments.status) as hooks:
        hooks.on_hook = show
        await ready(arguments, {"url": hooks.base_url}, f"ready: webhooks at {hooks.base_url}")
    return Code.DONE
