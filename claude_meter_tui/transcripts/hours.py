"""What counts, summed by the hour and kept: so that sums of nothing new cost no look at a single turn.

The sums are of one set of roots, since a message may stand under several of them and counts once. They carry a stamp of
what was read when they were made; where it no longer fits they are made anew, whole, in one transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from claude_meter_tui.schema import Transaction
from claude_meter_tui.transcripts.counting import Counting
from claude_meter_tui.transcripts.sums import TokenSum

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from claude_meter_tui.transcripts.index import Index

HOUR_MS = 3_600_000
_KEYS = {
    "model": "model",
    "session": "session",
    "project": "project",
    "day": "strftime('%Y-%m-%d', hour * 3600, 'unixepoch')",
}
_SUMS = "sum(turns), sum(input_tokens), sum(output_tokens), sum(cache_write_tokens), sum(cache_read_tokens)"


class Hours:
    """The hourly sums of one set of roots.

    Args:
        connection: an open store's.
        index: the turns they are made of.
        roots: whose turns.
    """

    def __init__(self, connection: sqlite3.Connection, index: Index, roots: Sequence[str]) -> None:
        self._db, self._index, self._roots = connection, index, tuple(dict.fromkeys(roots))
        self._scope = "\n".join(self._roots)

    def bring_up_to_date(self) -> bool:
        """Make the sums anew if the transcripts have changed; whether that was needed."""
        if self._kept_stamp() == self._stamp():
            return False
        with Transaction(self._db):
            stamp = self._stamp()
            counting = Counting()
            counting.add(self._index.turns(self._roots))
            sums: dict[tuple[int, str, str, str], TokenSum] = {}
            for turn in counting.turns():
                key = (turn.at // HOUR_MS, turn.model, turn.session, turn.project)
                sums.setdefault(key, TokenSum()).add(turn)
            self._db.execute("DELETE FROM hours WHERE scope = ?", (self._scope,))
            self._db.executemany(
                "INSERT INTO hours VALUES (?,?,?,?,?,?,?,?,?,?)",
                ((self._scope, *key, *list(part.as_dict().values())[:5]) for key, part in sums.items()),
            )
            self._db.execute("INSERT OR REPLACE INTO summed VALUES (?,?)", (self._scope, stamp))
        return True

    def sum_by(self, grouping: str, *, since: int | None, until: int | None) -> tuple[TokenSum, dict[str, TokenSum]]:
        """As `sums.sum_by` with days in UTC; `since` and `until` are in milliseconds and on full hours."""
        bounds = (
            self._scope,
            -(2**60) if since is None else since // HOUR_MS,
            2**60 if until is None else until // HOUR_MS,
        )
        where = "FROM hours WHERE scope = ? AND hour >= ? AND hour < ?"
        whole = self._db.execute(f"SELECT {_SUMS} {where}", bounds).fetchone()
        parts: dict[str, TokenSum] = {}
        if grouping in _KEYS:
            rows = self._db.execute(
                f"SELECT {_KEYS[grouping]}, {_SUMS} {where} GROUP BY 1",
                bounds,
            )
            parts = {key: TokenSum(*figures) for key, *figures in rows}
        return TokenSum(*(figure or 0 for figure in whole)), parts

    def _stamp(self) -> str:
        marks = ",".join("?" * len(self._roots))
        row = self._db.execute(
            "SELECT count(*), total(read_to), total(length(turns)), total(length(loose)), max(id)"  # noqa: S608
            f" FROM transcripts WHERE root IN ({marks})",
            self._roots,
        ).fetchone()
        return repr(row)

    def _kept_stamp(self) -> str | None:
        row = self._db.execute("SELECT stamp FROM summed WHERE scope = ?", (self._scope,)).fetchone()
        return None if row is None else str(row[0])
