"""What a device that is dead, mute, slow or mad costs the others: the same load with it and without, in turn."""

from __future__ import annotations
