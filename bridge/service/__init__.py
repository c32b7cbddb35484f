"""A running site: builds every room from the configuration, runs, reloads and stops it in order.

- ``rooms``: all of them, and how they go on with another site;
- ``targets``: the VMS of the site, built and closed;
- ``service``: starts and stops; what others ask of it;
- ``reloading``: another site, whole or not at all;
- ``housekeeping``, ``firing``, ``status``: what is done once a minute, test events, what it says of itself.
"""

from bridge.service.reloading import ReloadRefused
from bridge.service.service import Service
from bridge.service.status import SensorStatus, Status

__all__ = ["ReloadRefused", "SensorStatus", "Service", "Status"]
