"""The rule for whose a reading is (`domain/identity.py`) as SQL on the store's accounts: rows found, completed, merged.

It must not know where a reading came from. Light: no class, nothing imported but the standard library.
"""

from __future__ import annotations

from claude_meter_tui.domain.identity import MOST_HEARD_OF, is_named, token_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

    from claude_meter_tui.domain.plain_reading import AccountDocument


def row_of(db: sqlite3.Connection, account: AccountDocument, known_by: str | None = None) -> int:
    """The row of an account, made, completed or merged as the rule has it; inside a transaction.

    Args:
        db: the store's.
        account: as far as it is known.
        known_by: what sets it apart where it has no name.
    """
    organization, email = account["organization_uuid"], account["email"]
    if organization is not None:
        found = _of_organization(db, organization, email)
    elif email is not None:
        found = _of_email(db, email)
    else:
        found = _first(db, "organization_uuid IS NULL AND email IS NULL AND known_by IS ?", known_by)
    if found is None:
        kept_by = None if is_named(account) else known_by
        cursor = db.execute(
            "INSERT INTO accounts (organization_uuid, email, plan, known_by) VALUES (?,?,?,?)",
            (organization, email, account["plan"], kept_by),
        )
        return int(cursor.lastrowid or 0)
    _complete(db, found, account)
    return found


def _of_organization(db: sqlite3.Connection, organization: str, email: str | None) -> int | None:
    found = _first(db, "organization_uuid = ?", organization)
    if email is None:
        return found
    others = db.execute(
        "SELECT count(*) FROM accounts WHERE email = ? AND organization_uuid IS NOT NULL AND organization_uuid != ?",
        (email, organization),
    ).fetchone()[0]
    alone = None if others else _first(db, "email = ? AND organization_uuid IS NULL", email)
    if alone is None:
        return found
    if found is None:
        return alone
    absorb(db, alone, found)
    return found


def _of_email(db: sqlite3.Connection, email: str) -> int | None:
    """The one account of this email; of several organizations none: it cannot be told which."""
    rows = db.execute("SELECT id, organization_uuid FROM accounts WHERE email = ? ORDER BY id", (email,)).fetchall()
    if len(rows) == 1:
        return int(rows[0][0])
    return next((int(row) for row, organization in rows if organization is None), None)


def _first(db: sqlite3.Connection, condition: str, *values: object) -> int | None:
    row = db.execute(f"SELECT id FROM accounts WHERE {condition} ORDER BY id LIMIT 1", values).fetchone()  # noqa: S608
    return None if row is None else int(row[0])


def _complete(db: sqlite3.Connection, row: int, account: AccountDocument) -> None:
    values = (account["organization_uuid"], account["email"], account["plan"])
    db.execute(
        "UPDATE accounts SET organization_uuid = COALESCE(?, organization_uuid), email = COALESCE(?, email),"
        " plan = COALESCE(?, plan) WHERE id = ? AND (organization_uuid IS NOT COALESCE(?, organization_uuid)"
        " OR email IS NOT COALESCE(?, email) OR plan IS NOT COALESCE(?, plan))",
        (*values, row, *values),
    )


def absorb(db: sqlite3.Connection, gone: int, kept: int) -> None:
    """Two rows turned out to be one account: everything of the one becomes the other's; inside a transaction."""
    if gone == kept:
        return
    db.execute("UPDATE OR IGNORE readings SET account_id = ? WHERE account_id = ?", (kept, gone))
    db.execute("DELETE FROM readings WHERE account_id = ?", (gone,))  # the very same ones were there already
    db.execute("UPDATE credentials SET account_id = ? WHERE account_id = ?", (kept, gone))
    db.execute("DELETE FROM outlooks WHERE account_id IN (?, ?)", (gone, kept))  # made of one's readings only
    noted = "(name = 'account' OR name = 'shown' OR name LIKE 'account %')"
    db.execute(f"UPDATE notes SET value = ? WHERE {noted} AND value = ?", (str(kept), str(gone)))  # noqa: S608
    db.execute("DELETE FROM notes WHERE name LIKE 'whose %'")
    db.execute("DELETE FROM accounts WHERE id = ?", (gone,))


def account_of(db: sqlite3.Connection, fingerprint: str) -> int | None:
    """The account a credential was last said to be of; None where the server was never asked."""
    row = db.execute("SELECT account_id FROM credentials WHERE fingerprint = ?", (fingerprint,)).fetchone()
    return None if row is None else int(row[0])


def asked_lately(db: sqlite3.Connection, fingerprint: str, since_micros: int) -> bool:
    """Whether the server was asked since a time whose this credential is."""
    row = db.execute("SELECT seen_at FROM credentials WHERE fingerprint = ?", (fingerprint,)).fetchone()
    return row is not None and int(row[0]) >= since_micros


def remember(db: sqlite3.Connection, fingerprint: str, account: AccountDocument, micros: int, plan: str | None) -> int:
    """Note whose a credential is, so that it need not be asked each time; inside a transaction.

    Args:
        db: the store's.
        fingerprint: the credential's.
        account: whose, as far as it is known; nameless where nobody may know.
        micros: when that was.
        plan: what the credential itself says of the plan.
    """
    key = token_key(fingerprint)
    owner = row_of(db, account, key)
    nameless = _first(db, "known_by = ? AND organization_uuid IS NULL AND email IS NULL", key)
    if nameless is not None:
        absorb(db, nameless, owner)
    db.execute(
        "INSERT INTO credentials (fingerprint, account_id, seen_at, plan) VALUES (?,?,?,?) ON CONFLICT (fingerprint)"
        " DO UPDATE SET account_id = excluded.account_id, seen_at = excluded.seen_at, plan = excluded.plan",
        (fingerprint, owner, micros, plan),
    )
    return owner


def notice_plan(db: sqlite3.Connection, fingerprint: str, plan: str | None) -> None:
    """A credential names another plan than when it was seen last: the account has changed its plan."""
    row = db.execute("SELECT account_id, plan FROM credentials WHERE fingerprint = ?", (fingerprint,)).fetchone()
    if row is None or plan is None or plan == row[1]:
        return
    db.execute("UPDATE credentials SET plan = ? WHERE fingerprint = ?", (plan, fingerprint))
    if row[1] is not None:
        db.execute("UPDATE accounts SET plan = ? WHERE id = ?", (plan, row[0]))


def is_anothers(db: sqlite3.Connection, account_id: int, source: str, micros: int) -> bool:
    """Whether this very observation is known to be another account's: what a former login left behind."""
    row = db.execute(
        "SELECT 1 FROM readings WHERE source = ? AND observed_at = ? AND account_id != ? LIMIT 1",
        (source, micros, account_id),
    ).fetchone()
    return row is not None


def too_many_heard_of(db: sqlite3.Connection, account: AccountDocument, source: str, since_micros: int) -> bool:
    """Whether this would be one more account than anybody can have, of those only this source told of lately."""
    known = _first(db, "(? IS NOT NULL AND organization_uuid = ?) OR (email IS NOT NULL AND email = ?)",
                   account["organization_uuid"], account["organization_uuid"], account["email"])  # fmt: skip
    if known is not None:
        return False
    count = db.execute(
        "SELECT count(DISTINCT account_id) FROM readings WHERE source = ? AND observed_at >= ?", (source, since_micros)
    ).fetchone()[0]
    return bool(count >= MOST_HEARD_OF)
