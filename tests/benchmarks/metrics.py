"""What counting costs on the hot path: one decision with its event, and one settled delivery, without and with meters.

``python -m tests.benchmarks.metrics``
"""

from __future__ import annotations

import time

from bridge.metrics.meters import Meters
from bridge.model import Delivered, Fate
from tests.metrics.test_page import decision, head

ROUNDS = 100_000


class _Nobody:
    def decided(self, decision: object) -> None: ...

    def settled(self, head: object, outcome: object) -> None: ...


def main() -> None:
    made, claimed, outcome = decision(Fate.RAISED), head(), Delivered("1")
    for name, observer in (("nobody", _Nobody()), ("meters", Meters()), ("by sensor", Meters(("sensor", "camera")))):
        best = float("inf")
        for _ in range(5):
            began = time.process_time()
            for _ in range(ROUNDS):
                observer.decided(made)
                observer.settled(claimed, outcome)
            best = min(best, (time.process_time() - began) / ROUNDS)
        print(f"{name:10} {best * 1e6:.2f} us per event (decided and delivered)")


if __name__ == "__main__":
    main()
