"""``python -m tests.cli.typed.server``: runs commands of ours in forks of one warm process, as many as it is asked for.

A command line costs a few milliseconds then instead of the imports of each. A request is a line of JSON, ``{"words",
"folder", "environment", "stdin", "stdout", "stderr"}``, the last three being files, or ``"terminal"`` in their place;
the answer is the child's process id. ``{"wait": pid}`` is answered with its exit code, null while it runs.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from typing import Any

import bridge.cli.init
import bridge.cli.main
import bridge.cli.run
import bridge.config.load
import bridge.service
import bridge.simulator.vxg


def main() -> None:
    ended: dict[int, int] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        if "wait" in asked:
            pid = asked["wait"]
            if pid not in ended:
                found, status = os.waitpid(pid, os.WNOHANG)
                if found:
                    ended[pid] = os.waitstatus_to_exitcode(status)
            print(json.dumps(ended.get(pid)), flush=True)
            continue
        # Opened before anybody is told, or whoever watches the terminal could see it without a user.
        terminal = os.open(asked["terminal"], os.O_RDWR | os.O_NOCTTY) if "terminal" in asked else None
        pid = os.fork()
        if pid == 0:
            _child(asked, terminal)
        if terminal is not None:
            os.close(terminal)
        print(json.dumps(pid), flush=True)


def _child(asked: dict[str, Any], terminal: int | None) -> None:
    code = 99
    try:
        os.chdir(asked["folder"])
        os.environ.clear()
        os.environ.update(asked["environment"])
        if terminal is not None:
            os.login_tty(terminal)  # type: ignore[attr-defined,unused-ignore]
        else:
            os.setsid()
            for number, name, flags in (
                (0, "stdin", os.O_RDONLY),
                (1, "stdout", os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
                (2, "stderr", os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
            ):
                os.dup2(os.open(asked[name], flags, 0o600), number)
        sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.argv = ["vms-bridge", *asked["words"]]
        code = bridge.cli.main.main(asked["words"])
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else 2
    except BaseException:  # noqa: BLE001 - told, and ended with
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(code))


if __name__ == "__main__":
    main()
