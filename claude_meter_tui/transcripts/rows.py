"""One transcript file → the turns in it, row by row; what counts once is decided in `counting`.

Search, not JSON, is the cost (FACTS §6): only lines that hold a `"usage"` key are decoded, and those by a typed decoder
that builds nothing it does not need. A row's text can hold the marker only with its quotes escaped, so it never matches
there; a row that holds another `usage` object (a sub-agent's result) is decoded and found to be no turn.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, get_args

import msgspec
import stringzilla
from xxhash import xxh3_64_digest

from claude_meter_tui.transcripts.records import MESSAGE, NAMELESS, TAIL, Record, milliseconds

if TYPE_CHECKING:
    from claude_meter_tui.transcripts.roots import TranscriptFile

_MARKER = b'"usage"'
# As much as stays in a core's cache between reading and searching it.
_CHUNK = 512 << 10
_SYNTHETIC = "<synthetic>"

# A packed record has 32 bits for each count (a thousand times the largest context), and a row with an empty name is not
# one Claude Code wrote (the reference drops it too): such rows are refused by the decoder, in C.
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]
_Time = Annotated[datetime, msgspec.Meta(tz=True)]
_Name = Annotated[str, msgspec.Meta(min_length=1)]


class _CacheCreation(msgspec.Struct, gc=False):
    ephemeral_5m_input_tokens: _Count | None = None
    ephemeral_1h_input_tokens: _Count | None = None


class _Usage(msgspec.Struct, gc=False):
    input_tokens: _Count | None = None
    output_tokens: _Count | None = None
    cache_creation_input_tokens: _Count | None = None
    cache_read_input_tokens: _Count | None = None
    cache_creation: _CacheCreation | None = None


class _Message(msgspec.Struct, gc=False):
    id: _Name | None = None
    model: _Name | None = None
    usage: _Usage | None = None


class _Progress(msgspec.Struct, rename="camel", gc=False):
    timestamp: _Time | None = None
    message: _Message | None = None
    request_id: _Name | None = None
    is_sidechain: bool | None = None


class _Data(msgspec.Struct, gc=False):
    message: _Progress | None = None


class _Row(msgspec.Struct, rename="camel", gc=False):
    timestamp: _Time | None = None
    session_id: _Name | None = None
    request_id: _Name | None = None
    is_sidechain: bool | None = None
    message: _Message | None = None
    data: _Data | None = None


_decode = msgspec.json.Decoder(_Row).decode

Origin = tuple[str, str, str]
"""(model, session, project), each empty where unknown."""


class Read(NamedTuple):
    """What reading a file on gave.

    `records` are of whole lines up to the offset `to`, of which `tail` are the last bytes; `loose` of a last line that
    has no newline yet, which is read again next time. Rows that only say again what the row before said are left out.
    """

    records: list[Record]
    loose: list[Record]
    to: int
    tail: bytes


class Reader:
    """Reads transcripts, and knows what the records' origins stand for."""

    def __init__(self) -> None:
        self._new: dict[int, Origin] = {}
        self._ids: dict[Origin, int] = {}
        self._model: str | None = None
        self._session = ""
        self._file: TranscriptFile | None = None
        self._origin = 0
        # One buffer, read into again and again: copying a gigabyte once costs as much as searching it.
        self._buffer = bytearray(_CHUNK)

    def read_on(self, file: TranscriptFile, offset: int) -> Read:
        """The turns in a file from an offset on, which must be the start of a line.

        Raises:
            OSError: the file cannot be read.
        """
        records: list[Record] = []
        buffer, filled = self._buffer, 0
        last: _Row | None = None
        tail = b""
        with open(file.path, "rb", buffering=0) as source:  # noqa: PTH123 - the hot path
            source.seek(offset)
            while got := source.readinto(memoryview(buffer)[filled:]):
                filled += got
                end = buffer.rfind(b"\n", 0, filled) + 1
                if end:
                    last = self._collect(buffer, end, file, last, records)
                    offset += end
                    tail = (tail + buffer[max(0, end - TAIL) : end])[-TAIL:]
                    buffer[: filled - end] = buffer[end:filled]
                    filled -= end
                elif filled == len(buffer):
                    buffer = buffer + bytearray(len(buffer))  # a line longer than the buffer
            loose: list[Record] = []
            self._collect(buffer, filled, file, last, loose)
        return Read(records, loose, offset, tail)

    def new_origins(self) -> dict[int, Origin]:
        """The origins met since this was asked last."""
        new, self._new = self._new, {}
        return new

    def _collect(
        self, buffer: bytearray, end: int, file: TranscriptFile, last: _Row | None, records: list[Record]
    ) -> _Row | None:
        """Add the records of the lines in the buffer up to `end`; gives the last row."""
        view = memoryview(buffer)
        find, rfind, decode = stringzilla.find, stringzilla.rfind, _decode
        at = find(buffer, _MARKER, 0, end)
        while at >= 0:
            start = rfind(buffer, b"\n", 0, at) + 1
            stop = find(buffer, b"\n", at, end)
            if stop < 0:
                stop = end
            row: _Row | None
            try:
                row = decode(view[start:stop])
            except msgspec.DecodeError:  # ValidationError is one
                row = _lenient(bytes(view[start:stop]))
            # A message has one to four rows: one that only states the turn of the row before once more is passed over.
            if row is not None and not (
                last is not None
                and row.message == last.message
                and row.request_id == last.request_id
                and row.timestamp is not None
                and row.timestamp >= last.timestamp  # type: ignore[operator]  # `last` has one
                and row.is_sidechain == last.is_sidechain
                and row.session_id == last.session_id
            ):
                record = self._record(row, file)
                last = None
                if record is not None:
                    records.append(record)
                    if record[MESSAGE] != NAMELESS and row.message is not None and row.message.usage is not None:
                        last = row
            at = find(buffer, _MARKER, stop, end)
        return last

    def _record(self, row: _Row, file: TranscriptFile) -> Record | None:
        message, timestamp, request_id, sidechain = row.message, row.timestamp, row.request_id, row.is_sidechain
        usage = None if message is None else message.usage
        if usage is None and row.data is not None and row.data.message is not None:
            # `agent_progress`: the message of a sub-agent, which usually stands in the sub-agent's own file as well.
            progress = row.data.message
            message, timestamp = progress.message, progress.timestamp
            request_id, sidechain = progress.request_id, progress.is_sidechain
            usage = None if message is None else message.usage
        if usage is None or message is None or timestamp is None:
            return None
        split = usage.cache_creation
        if split is None:
            short, long = usage.cache_creation_input_tokens or 0, 0
        else:  # the split where there is one, else the flat field (FACTS §5)
            short, long = split.ephemeral_5m_input_tokens or 0, split.ephemeral_1h_input_tokens or 0
        sent, out, cached = usage.input_tokens or 0, usage.output_tokens or 0, usage.cache_read_input_tokens or 0
        model, message_id, session = message.model, message.id, row.session_id or file.session
        if model == _SYNTHETIC and not (sent or out or short or long or cached):
            return None
        if model != self._model or session != self._session or file is not self._file:
            self._origin = self._origin_of((model or "", session, file.project))
            self._model, self._session, self._file = model, session, file
        return (
            milliseconds(timestamp),
            NAMELESS if message_id is None else xxh3_64_digest(message_id.encode()),
            NAMELESS if request_id is None else xxh3_64_digest(request_id.encode()),
            self._origin,
            sent,
            out,
            short,
            long,
            cached,
            sidechain is True,
        )

    def _origin_of(self, named: Origin) -> int:
        origin = self._ids.get(named)
        if origin is None:
            origin = int.from_bytes(xxh3_64_digest("\0".join(named).encode()), "big", signed=True)
            self._ids[named] = origin
            self._new[origin] = named
        return origin


def _lenient(line: bytes) -> _Row | None:
    """A row the typed decoder refused: whatever of it is not of the expected type is left out, if it is JSON at all."""
    import json  # never needed for what Claude Code writes

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
