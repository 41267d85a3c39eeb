"""The transcripts brought up to date for `local`, `compare` and `forecast`, with complaints on stderr."""

from __future__ import annotations

import gc
import sqlite3
import sys
from contextlib import closing

from claude_meter_tui.domain.errors import StoreError
from claude_meter_tui.store.database_file import is_broken
from claude_meter_tui.store.migrations import migrate
from claude_meter_tui.store.store import Store
from claude_meter_tui.system import paths
from claude_meter_tui.turns.transcripts.index import Index, Refreshed
from claude_meter_tui.turns.transcripts.ledger import Ledger
from claude_meter_tui.turns.transcripts.roots import transcripts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    Result = TypeVar("Result")

_UNREAD_NAMED = 3


def with_ledger(env: Mapping[str, str], use: Callable[[Ledger], Result]) -> tuple[Result, int]:
    """What `use` makes of all that counts in this environment's transcripts, brought up to date; and their number.

    Complaints go to stderr: the sums are the same without a usable store, only nothing is kept then.
    """
    roots = paths.transcript_roots(env)
    gc.disable()  # hundreds of thousands of small objects and no cycles, in a process that ends after this

    def brought_up_to_date(connection: sqlite3.Connection) -> tuple[Result, Refreshed]:
        unreadable: list[str] = []
        done = Index(connection, roots).refresh(transcripts(roots, unreadable))
        done.unread += unreadable
        return use(Ledger(lambda: connection, roots)), done

    try:
        with Store.open(paths.store_file(paths.state_dir(env))) as store:
            result, done = brought_up_to_date(store.connection)
    except (StoreError, sqlite3.Error) as error:
        if isinstance(error, sqlite3.Error) and is_broken(error):
            raise  # it is set aside, and all is read once more
        reason = error.sentence if isinstance(error, StoreError) else f"The store cannot be written ({error})."
        print(f"claude-meter-tui: {reason} Every transcript is read anew.", file=sys.stderr)
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as memory:
            migrate(memory)
            result, done = brought_up_to_date(memory)
    unread = [paths.tilde(path, env) for path in done.unread]
    if unread:
        named = ", ".join(unread[:_UNREAD_NAMED]) + (" …" if len(unread) > _UNREAD_NAMED else "")
        what = "file or folder" if len(unread) == 1 else "files or folders"
        verb = "is" if len(unread) == 1 else "are"
        print(
            f"claude-meter-tui: {len(unread)} {what} of transcripts cannot be read and {verb} not counted: {named}",
            file=sys.stderr,
        )
    return result, done.files
