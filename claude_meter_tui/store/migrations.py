"""The store's schema as an ordered list of migrations, applied on open (the pattern of simonw/sqlite-utils).

`PRAGMA user_version` counts the ones applied. A migration, once released, is never edited: add another.
Times are integer microseconds since 1970 UTC: exact, and they sort.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

_READINGS = (
    """
    CREATE TABLE accounts (
        id INTEGER PRIMARY KEY,
        organization_uuid TEXT,
        email TEXT,
        plan TEXT
    ) STRICT
    """,
    # `fingerprint` is a keyed hash of a token, never the token: it only says whether the token changed.
    """
    CREATE TABLE credentials (
        fingerprint TEXT PRIMARY KEY,
        account_id INTEGER NOT NULL REFERENCES accounts (id),
        seen_at INTEGER NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE readings (
        id INTEGER PRIMARY KEY,
        account_id INTEGER NOT NULL REFERENCES accounts (id),
        observed_at INTEGER NOT NULL,
        source TEXT NOT NULL,
        extra_usage TEXT,
        damaged TEXT,
        UNIQUE (account_id, observed_at, source)
    ) STRICT
    """,
    "CREATE INDEX readings_by_time ON readings (observed_at)",
    """
    CREATE TABLE windows (
        reading_id INTEGER NOT NULL REFERENCES readings (id) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        key TEXT NOT NULL,
        label TEXT NOT NULL,
        window_group TEXT NOT NULL,
        utilization REAL NOT NULL,
        resets_at INTEGER,
        length_seconds INTEGER,
        model TEXT,
        surface TEXT,
        severity TEXT,
        is_active INTEGER,
        PRIMARY KEY (reading_id, key)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE gates (
        endpoint TEXT PRIMARY KEY,
        set_at INTEGER NOT NULL,
        wait_until INTEGER,
        retry_at INTEGER,
        failures INTEGER NOT NULL,
        unchanged INTEGER NOT NULL,
        asked_at INTEGER,
        trouble TEXT
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE TABLE asks (endpoint TEXT NOT NULL, asked_at INTEGER NOT NULL) STRICT",
    "CREATE INDEX asks_by_time ON asks (endpoint, asked_at)",
    "CREATE TABLE notes (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
)

# A first shape of the next, in no version that was cut: it stays since a migration is never edited.
_TRANSCRIPTS = (
    """
    CREATE TABLE transcripts (
        id INTEGER PRIMARY KEY,
        root TEXT NOT NULL,
        path TEXT UNIQUE,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        read_to INTEGER NOT NULL,
        tail BLOB NOT NULL,
        turns BLOB NOT NULL,
        loose BLOB NOT NULL
    ) STRICT
    """,
    "CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT",
    # What counts, summed by the hour, for one set of roots; `stamp` tells whether transcripts have changed since.
    "CREATE TABLE summed (scope TEXT PRIMARY KEY, stamp TEXT NOT NULL) STRICT, WITHOUT ROWID",
    """
    CREATE TABLE hours (
        scope TEXT NOT NULL,
        hour INTEGER NOT NULL,
        model TEXT NOT NULL,
        session TEXT NOT NULL,
        project TEXT NOT NULL,
        turns INTEGER NOT NULL,
        input_tokens INTEGER NOT NULL,
        output_tokens INTEGER NOT NULL,
        cache_write_tokens INTEGER NOT NULL,
        cache_read_tokens INTEGER NOT NULL,
        PRIMARY KEY (scope, hour, model, session, project)
    ) STRICT, WITHOUT ROWID
    """,
)

# One row a transcript, its turns packed beside it (transcripts/records.py says how): written whole or not at all with
# how far they were read. `path` is NULL for turns whose file was rewritten since; a deleted file keeps its row.
# `changed` grows with each write, so that what is derived from the rows knows whether it is current.
_COUNTED = (
    "DROP TABLE transcripts",
    "DROP TABLE names",
    "DROP TABLE summed",
    "DROP TABLE hours",
    """
    CREATE TABLE transcripts (
        id INTEGER PRIMARY KEY,
        root TEXT NOT NULL,
        path TEXT UNIQUE,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        read_to INTEGER NOT NULL,
        tail BLOB NOT NULL,
        changed INTEGER NOT NULL
    ) STRICT
    """,
    # Apart, so that a look at which files have changed need not pass over their turns.
    """
    CREATE TABLE packed (
        id INTEGER PRIMARY KEY REFERENCES transcripts (id) ON DELETE CASCADE,
        turns BLOB NOT NULL,
        loose BLOB NOT NULL
    ) STRICT
    """,
    "CREATE INDEX transcripts_by_change ON transcripts (root, changed)",
    # What a record's 64-bit `origin` stands for.
    """
    CREATE TABLE origins (
        id INTEGER PRIMARY KEY,
        model TEXT NOT NULL,
        session TEXT NOT NULL,
        project TEXT NOT NULL
    ) STRICT
    """,
    # A set of roots, and the newest change its counted turns and sums include; NULL: they are to be made anew.
    "CREATE TABLE scopes (id INTEGER PRIMARY KEY, roots TEXT NOT NULL UNIQUE, upto INTEGER) STRICT",
    """
    CREATE TABLE counted (
        scope INTEGER NOT NULL,
        hour INTEGER NOT NULL,
        changed INTEGER NOT NULL,
        turns BLOB NOT NULL,
        PRIMARY KEY (scope, hour)
    ) STRICT
    """,
    "CREATE INDEX counted_by_change ON counted (scope, changed, hour)",
    """
    CREATE TABLE hours (
        scope INTEGER NOT NULL,
        hour INTEGER NOT NULL,
        origin INTEGER NOT NULL,
        turns INTEGER NOT NULL,
        input_tokens INTEGER NOT NULL,
        output_tokens INTEGER NOT NULL,
        cache_write_tokens INTEGER NOT NULL,
        cache_read_tokens INTEGER NOT NULL,
        first_at INTEGER NOT NULL,
        last_at INTEGER NOT NULL,
        PRIMARY KEY (scope, hour, origin)
    ) STRICT, WITHOUT ROWID
    """,
)

_IDENTITY = (
    # What identifies an account of which neither organization nor email is known (identity.py).
    "ALTER TABLE accounts ADD COLUMN known_by TEXT",
    # The plan a credential named when it was seen last: only another word than that is news.
    "ALTER TABLE credentials ADD COLUMN plan TEXT",
    # A reading that knows some of the windows only (an import, row by row): it hides no other.
    "ALTER TABLE readings ADD COLUMN partial INTEGER NOT NULL DEFAULT 0",
    # By which clock `set_at` was: the start of the machine, and microseconds since then. `refused` is the fingerprint
    # of a credential the server has refused.
    "ALTER TABLE gates ADD COLUMN boot TEXT",
    "ALTER TABLE gates ADD COLUMN uptime INTEGER",
    "ALTER TABLE gates ADD COLUMN refused TEXT",
    # By which rules a transcript was read: one read by older rules is read again.
    "ALTER TABLE transcripts ADD COLUMN rules INTEGER NOT NULL DEFAULT 0",
    # Whether the plan's server saw these turns: not those of a cloud provider or of another maker's model.
    "ALTER TABLE origins ADD COLUMN on_plan INTEGER NOT NULL DEFAULT 1",
    # `/x` and `/x/` are one folder.
    "UPDATE OR IGNORE transcripts SET root = rtrim(root, '/') WHERE length(root) > 1 AND root LIKE '%/'",
    "UPDATE scopes SET upto = NULL",
)

_OUTLOOKS = (
    # What the analysis of an account came to last, as JSON (analysis/outlook.py): an estimate, never a reading.
    """
    CREATE TABLE outlooks (
        account_id INTEGER PRIMARY KEY REFERENCES accounts (id),
        made_at INTEGER NOT NULL,
        document TEXT NOT NULL
    )
    """,
)

_ASKERS = (
    # Which process sent the request whose answer is awaited (system/processes.py): where it is gone, nobody will.
    "ALTER TABLE gates ADD COLUMN asker TEXT",
)

_ALERTS = (
    # What was told of each window (alerts/rules.py): of the instance with this reset, at this percentage.
    """
    CREATE TABLE alerts (
        account_id INTEGER NOT NULL REFERENCES accounts (id),
        window TEXT NOT NULL,
        kind TEXT NOT NULL,
        instance INTEGER,
        level REAL NOT NULL,
        told_at INTEGER NOT NULL,
        PRIMARY KEY (account_id, window, kind)
    ) STRICT, WITHOUT ROWID
    """,
)

_PARTS = (
    # The turns of a long transcript are kept in parts, so that one more does not write all of them again.
    "ALTER TABLE transcripts ADD COLUMN part_of INTEGER REFERENCES transcripts (id) ON DELETE CASCADE",
    "CREATE INDEX transcripts_by_whole ON transcripts (part_of) WHERE part_of IS NOT NULL",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    _READINGS,
    _TRANSCRIPTS,
    _COUNTED,
    _IDENTITY,
    _OUTLOOKS,
    _ASKERS,
    _ALERTS,
    _PARTS,
)


class Transaction:
    """BEGIN IMMEDIATE … COMMIT, or ROLLBACK on any exception; other processes wait for it.

    A plain class, since contextlib's decorator would cost `status` an import.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                self._db.execute("COMMIT")
        finally:
            # A full disk may have rolled back already; asking again would hide what went wrong.
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")


def migrate(connection: sqlite3.Connection) -> None:
    """Bring an open store to the newest schema; two processes may do so at once.

    Raises:
        sqlite3.Error: the file is damaged or cannot be written.
    """
    if connection.execute("PRAGMA user_version").fetchone()[0] >= len(MIGRATIONS):
        return
    with Transaction(connection):
        done = connection.execute("PRAGMA user_version").fetchone()[0]
        for statements in MIGRATIONS[done:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {max(done, len(MIGRATIONS))}")
