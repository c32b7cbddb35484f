"""Why a message became these events on these cameras, or why it did not."""

from bridge.explanation.finding import NotFound, explain
from bridge.explanation.told import Explanation

__all__ = ["Explanation", "NotFound", "explain"]
