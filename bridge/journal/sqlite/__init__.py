"""The journal embedded in the bridge's own process, on SQLite."""

from bridge.journal.sqlite.journal import SqliteJournal
from bridge.journal.sqlite.offline import OfflineJournal

__all__ = ["OfflineJournal", "SqliteJournal"]
