"""Some cases alone: ``python -m tests.benchmarks.isolation [--quick] [mute] [http-stream] ["vms: answers garbage"]``"""

from __future__ import annotations

import argparse
import os

import uvloop

from tests.benchmarks.isolation.running import bench_isolation


class Printed:
    def say(self, name: str, value: float, unit: str, goal: str = "") -> None:
        print(f"  {name:<78}{value:>9,.2f} {unit:<8}{goal}", flush=True)


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("words", nargs="*", help="what is bad, by which way, or both as the table has it")
parser.add_argument("--quick", action="store_true", help="a tenth of the work: does it run at all?")
parser.add_argument("--scale", type=float, default=1.0, help="of the rounds")
arguments = parser.parse_args()
os.sched_setaffinity(0, {1})
uvloop.run(bench_isolation(Printed(), 0.1 if arguments.quick else arguments.scale, arguments.words))
