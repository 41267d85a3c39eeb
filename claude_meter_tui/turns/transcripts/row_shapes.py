"""The shape of a transcript's rows, and what can be had of lines that are not as they should be.

Typed structs that take only the keys a turn needs. A line the typed decoder refuses (torn, glued to another, between
NUL bytes, a field of another type) is read leniently: whatever of it is whole and right is kept. It counts nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, get_args

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

# Looking for whole records in a line that is none: each attempt may read to the line's end.
_MOST_ATTEMPTS = 2_000
_MOST_LOOKED_AT = 256 << 20

# A packed record has 32 bits for each count (a thousand times the largest context), and a row with an empty name is not
# one Claude Code wrote (the reference drops it too): such rows are refused by the decoder, in C.
Count = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]
Time = Annotated[datetime, msgspec.Meta(tz=True)]
Name = Annotated[str, msgspec.Meta(min_length=1)]


class CacheCreation(msgspec.Struct, gc=False):
    """Cache-write tokens by how long they live."""

    ephemeral_5m_input_tokens: Count | None = None
    ephemeral_1h_input_tokens: Count | None = None


class Usage(msgspec.Struct, gc=False):
    """A turn's tokens."""

    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None
    cache_read_input_tokens: Count | None = None
    cache_creation: CacheCreation | None = None
    speed: str | None = None


class Iteration(msgspec.Struct, gc=False):
    """A part of a turn. Of another model's, an adviser's, the turn's own figures say nothing (ccusage 1115)."""

    type: str | None = None
    model: Name | None = None
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None
    cache_read_input_tokens: Count | None = None
    cache_creation: CacheCreation | None = None


class Message(msgspec.Struct, gc=False):
    """The API's answer, as far as a turn needs it."""

    id: Name | None = None
    model: Name | None = None
    usage: Usage | None = None


class Progress(msgspec.Struct, rename="camel", gc=False):
    """A sub-agent's message inside a row of its parent."""

    timestamp: Time | None = None
    message: Message | None = None
    request_id: Name | None = None
    is_sidechain: bool | None = None


class Data(msgspec.Struct, gc=False):
    """What a progress row holds."""

    message: Progress | None = None


class Row(msgspec.Struct, rename="camel", gc=False):
    """One line of a transcript."""

    timestamp: Time | None = None
    session_id: Name | None = None
    request_id: Name | None = None
    is_sidechain: bool | None = None
    cwd: Name | None = None
    message: Message | None = None
    data: Data | None = None


def iterations_in(line: bytes, row: Row) -> list[Iteration]:
    """The parts of the turn in a line, as far as they have the right types."""
    found: Any = None
    for value, _ in _values(line):
        message = value.get("message") if isinstance(value, dict) else None
        data = value.get("data") if isinstance(value, dict) else None
        inner = data.get("message") if isinstance(data, dict) else None
        for each in (message, inner.get("message") if isinstance(inner, dict) else None):
            usage = each.get("usage") if isinstance(each, dict) else None
            same = row.message is None or not isinstance(each, dict) or each.get("id") == row.message.id
            if isinstance(usage, dict) and same:
                found = usage.get("iterations")
    if not isinstance(found, list):
        return []
    return [msgspec.convert(_kept(each, Iteration), Iteration) for each in found if isinstance(each, dict)]


def _values(line: bytes) -> Iterator[tuple[Any, bool]]:
    """Every whole JSON object in a line, and whether it is all there is on it.

    After a crash records stand between runs of NUL bytes, or glued to a torn one on the same line (FACTS §5).
    """
    import json  # never needed for what Claude Code writes

    text = line.strip(b"\0 \t\r").decode("utf-8", "replace")
    decoder = json.JSONDecoder()
    at, looked_at = 0, 0
    for _ in range(_MOST_ATTEMPTS):
        at = text.find("{", at)
        if at < 0 or looked_at > _MOST_LOOKED_AT:
            return
        try:
            value, end = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            looked_at += error.pos - at
            at += 1
        except (ValueError, RecursionError):
            return
        else:
            yield value, at == 0 and end == len(text)
            at = end


def whole_rows(line: bytes) -> list[Row]:
    """The rows in a line the typed decoder refused: whatever of one is not of the expected type is left out."""
    rows = []
    for value, alone in _values(line):
        # What stands inside a torn record is a part of it, unless it is a record itself.
        if not alone and not ("timestamp" in value and ("sessionId" in value or "uuid" in value)):
            continue
        try:
            rows.append(msgspec.convert(_kept(value, Row), Row))
        except msgspec.ValidationError:
            continue
    return rows


def _kept(value: Any, kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The fields of `kind` in `value` whose values have the right type."""
    if not isinstance(value, dict):
        return {}
    kept: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        given = value.get(field.encode_name)
        kinds = [getattr(part, "__origin__", part) for part in get_args(field.type)]
        inner = next((part for part in kinds if issubclass(part, msgspec.Struct)), None)
        if inner is not None:
            if isinstance(given, dict):
                kept[field.encode_name] = _kept(given, inner)
        elif datetime in kinds:
            moment = _moment(given)
            if moment is not None:
                kept[field.encode_name] = moment
        elif given is not None and type(given) in kinds:
            # A lone surrogate, which JSON can escape, is no text that could be hashed or stored.
            kept[field.encode_name] = given.encode("utf-8", "replace").decode() if isinstance(given, str) else given
    return kept


def _moment(value: Any) -> datetime | None:
    """A time with its offset in any form of ISO-8601 Python reads; the typed decoder takes RFC 3339 only."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return None if moment.tzinfo is None else moment
