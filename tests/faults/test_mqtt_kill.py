"""The bridge behind a broker is killed at random under load: what the broker has is lost, doubled or mixed up by none.

``KILLS`` as in ``test_kill``, a quarter of them here.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.end_to_end.test_mqtt import killed

KILLS = max(int(os.environ.get("KILLS", "20")) // 4, 1)
ROUND = 25
ROUNDS = [min(ROUND, KILLS - begun) for begun in range(0, KILLS, ROUND)]
SEED = int(os.environ.get("SEED", "1"))


@pytest.mark.needs("mosquitto", "mosquitto_pub")
@pytest.mark.parametrize(("turn", "kills"), list(enumerate(ROUNDS)))
async def test_killed_at_random_behind_a_broker_every_message_arrives_once_and_in_order(
    tmp_path: Path, turn: int, kills: int
) -> None:
    await killed(tmp_path, kills, 50, SEED * 1000 + turn)
