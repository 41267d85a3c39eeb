"""One transcript file → the turns in it, row by row; what counts once is decided in `counting`.

Search, not JSON, is the cost (FACTS §6): only lines that hold a `"usage"` key are decoded, and those by a typed decoder
that builds nothing it does not need. A row's text can hold the marker only with its quotes escaped, so it never matches
there; a row that holds another `usage` object (a sub-agent's result) is decoded and found to be no turn.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import stringzilla
from xxhash import xxh3_64_intdigest

from claude_meter_tui.transcripts.turns import Read, Turn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claude_meter_tui.transcripts.roots import TranscriptFile

_MARKER = b'"usage"'
_CHUNK = 1 << 20
_SYNTHETIC = "<synthetic>"
_LARGEST_COUNT = 2**32 - 1  # a thousand times the largest context; the index packs counts into 32 bits


class _CacheCreation(msgspec.Struct):
    ephemeral_5m_input_tokens: int | None = None
    ephemeral_1h_input_tokens: int | None = None


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation: _CacheCreation | None = None


class _Message(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    usage: _Usage | None = None


class _Progress(msgspec.Struct, rename="camel"):
    timestamp: str | None = None
    message: _Message | None = None
    request_id: str | None = None
    is_sidechain: bool | None = None


class _Data(msgspec.Struct):
    message: _Progress | None = None


class _Row(msgspec.Struct, rename="camel"):
    timestamp: str | None = None
    session_id: str | None = None
    request_id: str | None = None
    is_sidechain: bool | None = None
    message: _Message | None = None
    data: _Data | None = None


_decode = msgspec.json.Decoder(_Row).decode


def turns_in(file: TranscriptFile) -> Iterator[Turn]:
    """Every turn in a file, one for each row that states one; a malformed line costs only itself.

    Raises:
        OSError: the file cannot be read.
    """
    read = read_on(file, 0)
    yield from read.turns
    yield from read.loose


def read_on(file: TranscriptFile, offset: int) -> Read:
    """The turns in a file from an offset on, which must be the start of a line.

    Raises:
        OSError: the file cannot be read.
    """
    turns: list[Turn] = []
    seen = _Seen()
    with open(file.path, "rb", buffering=0) as source:  # noqa: PTH123 - the hot path
        source.seek(offset)
        # One buffer, read into again and again: copying a gigabyte once costs as much as searching it.
        buffer, filled = bytearray(_CHUNK), 0
        while got := source.readinto(memoryview(buffer)[filled:]):
            filled += got
            end = buffer.rfind(b"\n", 0, filled) + 1
            if end:
                _collect(buffer, end, file, seen, turns)
                offset += end
                buffer[: filled - end] = buffer[end:filled]
                filled -= end
            elif filled == len(buffer):
                buffer = buffer + bytearray(len(buffer))  # a line longer than the buffer
        loose: list[Turn] = []
        _collect(buffer, filled, file, seen, loose)
    return Read(turns, loose, offset)


class _Seen:
    """The row before: a message's rows mostly say the same again, and then nothing needs to be made of them."""

    __slots__ = ("message", "row")

    def __init__(self) -> None:
        self.row: _Row | None = None
        self.message: _Message | None = None

    def again(self, row: _Row) -> bool:
        """Whether this row states the turn of the row before; remembers it."""
        message, before, last = row.message, self.message, self.row
        self.row, self.message = row, message
        return (
            message is not None
            and before is not None
            and last is not None
            and message.id is not None
            and message.id == before.id
            and message.usage == before.usage
            and row.request_id == last.request_id
            and row.is_sidechain == last.is_sidechain
            and (row.timestamp or "") >= (last.timestamp or "")
            and message.usage is not None
            and message.model == before.model
            and row.session_id == last.session_id
        )


def _collect(buffer: bytearray, end: int, file: TranscriptFile, seen: _Seen, turns: list[Turn]) -> None:
    """Add the turns of the lines in the buffer up to `end`."""
    view = memoryview(buffer)
    at = stringzilla.find(buffer, _MARKER, 0, end)
    while at >= 0:
        start = buffer.rfind(b"\n", 0, at) + 1
        stop = buffer.find(b"\n", at, end)
        stop = end if stop < 0 else stop
        row: _Row | None
        try:
            row = _decode(view[start:stop])
        except msgspec.DecodeError:  # ValidationError is one
            row = _lenient(bytes(view[start:stop]))
        if row is not None and not seen.again(row):
            turn = _turn(row, file)
            if turn is not None:
                turns.append(turn)
        at = stringzilla.find(buffer, _MARKER, stop, end)


def _turn(row: _Row, file: TranscriptFile) -> Turn | None:
    message, timestamp, request_id, sidechain = row.message, row.timestamp, row.request_id, row.is_sidechain
    if (message is None or message.usage is None) and row.data is not None and row.data.message is not None:
        # `agent_progress`: the message of a sub-agent, which usually stands in the sub-agent's own file as well.
        progress = row.data.message
        message, timestamp = progress.message, progress.timestamp
        request_id, sidechain = progress.request_id, progress.is_sidechain
    if message is None or message.usage is None or timestamp is None:
        return None
    at = _milliseconds(timestamp)
    if at is None or _broken(row.session_id, request_id, message):
        return None
    usage = message.usage
    counts = (
        usage.input_tokens or 0,
        usage.output_tokens or 0,
        *_cache_writes(usage),
        usage.cache_read_input_tokens or 0,
    )
    if min(counts) < 0 or max(counts) > _LARGEST_COUNT or (message.model == _SYNTHETIC and not any(counts)):
        return None
    return Turn(
        at,
        _hashed(message.id),
        _hashed(request_id),
        message.model or "",
        row.session_id or file.session,
        file.project,
        bool(sidechain),
        *counts,
    )


def _hashed(name: str | None) -> int | None:
    return None if name is None else xxh3_64_intdigest(name.encode()) or 1  # 0 stands for None in the index


def _broken(session_id: str | None, request_id: str | None, message: _Message) -> bool:
    """A row with an empty name is not one Claude Code wrote (the reference drops it too)."""
    return "" in (session_id, request_id, message.id, message.model)


def _cache_writes(usage: _Usage) -> tuple[int, int]:
    """(5 m, 1 h): the split where there is one, else the flat field (FACTS §5)."""
    split = usage.cache_creation
    if split is None:
        return usage.cache_creation_input_tokens or 0, 0
    return split.ephemeral_5m_input_tokens or 0, split.ephemeral_1h_input_tokens or 0


def _milliseconds(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
        return None if moment.tzinfo is None else int(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _lenient(line: bytes) -> _Row | None:
    """A row the typed decoder refused: whatever of it is not of the expected type is left out, if it is JSON at all."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    try:
        return msgspec.convert(_kept(found, _Row), _Row)
    except msgspec.ValidationError:
        return None


def _kept(value: Any, kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The fields of `kind` in `value` whose values have the right type."""
    if not isinstance(value, dict):
        return {}
    kept: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        given = value.get(field.encode_name)
        inner = next(
            (part for part in field.type.__args__ if isinstance(part, type) and issubclass(part, msgspec.Struct)), None
        )
        if inner is not None:
            if isinstance(given, dict):
                kept[field.encode_name] = _kept(given, inner)
        elif given is not None and type(given) in field.type.__args__:
            # A lone surrogate, which JSON can escape, is no text that could be hashed or stored.
            kept[field.encode_name] = given.encode("utf-8", "replace").decode() if isinstance(given, str) else given
    return kept
