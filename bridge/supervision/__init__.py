"""What is wrong right now: said in ``status`` and the log at once, and shown on the site's fault cameras.

Whoever finds something wrong tells ``Conditions`` and knows no more. The supervisor finds what nobody else would
(silence, clocks, disk, what waits too long) and makes events of what lasts; see ``supervisor``.
"""

from bridge.supervision.conditions import Condition, Conditions

__all__ = ["Condition", "Conditions"]
