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

from claude_meter_tui.foreign_text import clean_text, storable
from claude_meter_tui.paths import open_regular
from claude_meter_tui.transcripts.records import MESSAGE, NAMELESS, TAIL, Record, folder_of_path, milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claude_meter_tui.transcripts.roots import TranscriptFile

_MARKER = b'"usage"'
_ADVISOR = b"advisor_message"
# As much as stays in a core's cache between reading and searching it.
_CHUNK = 512 << 10
# A row holds at most what a context does, some megabytes. A run of NUL bytes can be as long as a disk.
_LONGEST_LINE = 64 << 20
_SYNTHETIC = "<synthetic>"
# Looking for whole records in a line that is none: each attempt may read to the line's end.
_MOST_ATTEMPTS = 2_000
_MOST_LOOKED_AT = 256 << 20
_LONGEST_NAME = 200
# Message ids and model names of cloud providers, whose turns the plan never saw (FACTS §9).
_PROVIDER_IDS = ("msg_bdrk_", "msg_vrtx_")

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
    speed: str | None = None


class _Iteration(msgspec.Struct, gc=False):
    """A part of a turn. Of another model's, an adviser's, the turn's own figures say nothing (ccusage 1115)."""

    type: str | None = None
    model: _Name | None = None
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
    cwd: _Name | None = None
    message: _Message | None = None
    data: _Data | None = None


_decode = msgspec.json.Decoder(_Row).decode

Origin = tuple[str, str, str, bool]
"""(model, session, project, whether it is the plan's), the names empty where unknown."""


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
        self._named: tuple[object, ...] = ()
        self._file: TranscriptFile | None = None
        self._cwd: str | None = None
        self._project = ""
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
        tail, skipping = b"", False
        with open_regular(file.path) as source:
            source.seek(offset)
            while got := source.readinto(memoryview(buffer)[filled:]):
                filled += got
                if skipping:  # the rest of a line that is far too long
                    skipped = buffer.find(b"\n", 0, filled) + 1 or filled
                    skipping = skipped == filled and buffer[filled - 1] != 10
                    buffer[: filled - skipped] = buffer[skipped:filled]
                    offset, filled, tail = offset + skipped, filled - skipped, b""
                    continue
                end = buffer.rfind(b"\n", 0, filled) + 1
                if end:
                    last = self._collect(buffer, end, file, last, records)
                    offset += end
                    tail = (tail + buffer[max(0, end - TAIL) : end])[-TAIL:]
                    buffer[: filled - end] = buffer[end:filled]
                    filled -= end
                elif filled < len(buffer):
                    continue
                elif filled < _LONGEST_LINE:
                    buffer = buffer + bytearray(len(buffer))  # a line longer than the buffer
                else:
                    skipping, offset, filled, tail = True, offset + filled, 0, b""
                    buffer = self._buffer
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
            try:
                rows = [decode(view[start:stop])]
            except msgspec.DecodeError:  # ValidationError is one
                rows = _whole_rows(bytes(view[start:stop]))
            for row in rows:
                # A message has one to four rows: one that only states the turn before once more is passed over.
                if (
                    last is not None
                    and row.message == last.message
                    and row.request_id == last.request_id
                    and row.timestamp is not None
                    and row.timestamp >= last.timestamp  # type: ignore[operator]  # `last` has one
                    and row.is_sidechain == last.is_sidechain
                    and row.session_id == last.session_id
                    and find(buffer, _ADVISOR, at, stop) < 0  # the turn's own figures leave these out
                ):
                    continue
                record = self._record(row, file)
                last = None
                if record is None:
                    continue
                records.append(record)
                if find(buffer, _ADVISOR, at, stop) >= 0:
                    records += self._advisors(_iterations(bytes(view[start:stop]), row), record, row, file)
                elif record[MESSAGE] != NAMELESS and row.message is not None and row.message.usage is not None:
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
        sent, out, short, long, cached = _counts(usage)
        model, message_id = message.model, message.id
        if model == _SYNTHETIC and not (sent or out or short or long or cached):
            return None
        if usage.speed == "fast" and model is not None:
            model += "-fast"  # a model of its own in every report (ccusage 886)
        by_provider = message_id is not None and message_id.startswith(_PROVIDER_IDS)
        if (model, row.session_id, row.cwd, by_provider, file) != self._named:
            self._place(row, file, model, by_provider=by_provider)
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

    def _advisors(
        self, iterations: list[_Iteration], record: Record, row: _Row, file: TranscriptFile
    ) -> Iterator[Record]:
        """What other models did for a turn that its own figures leave out: a turn of theirs each, known by its place.

        Entries of type `message` and `fallback_message` are in the top level already (ccusage 1552).
        """
        for number, each in enumerate(iterations):
            if each.type != _ADVISOR.decode() or not any(counts := _counts(each)):
                continue
            self._place(row, file, each.model, by_provider=False)
            message = record[MESSAGE]
            if message != NAMELESS:
                message = xxh3_64_digest(message + _ADVISOR + str(number).encode())
            yield (record[0], message, record[2], self._origin, *counts, record[9])

    def _place(self, row: _Row, file: TranscriptFile, model: str | None, *, by_provider: bool) -> None:
        """Make `_origin` that of a turn of this model in this row."""
        if file is not self._file:
            self._file, self._cwd, self._project = file, None, file.project
        if row.cwd is not None and row.cwd != self._cwd:
            self._cwd = row.cwd
            # A session may move into another folder; its project is the one its transcripts' folder is named for.
            if folder_of_path(row.cwd) == folder_of_path(file.project):
                self._project = row.cwd
        on_plan = not by_provider and is_on_plan(model or "")
        session = row.session_id or file.session
        names = (clean_text(name, _LONGEST_NAME) or "" for name in (model, session, storable(self._project)))
        self._origin = self._origin_of((*names, on_plan))  # type: ignore[arg-type]
        self._named = (model, row.session_id, row.cwd, by_provider, file)

    def _origin_of(self, named: Origin) -> int:
        origin = self._ids.get(named)
        if origin is None:
            *names, on_plan = named
            text = "\0".join(map(str, names)) + ("" if on_plan else "\0off")
            origin = int.from_bytes(xxh3_64_digest(text.encode()), "big", signed=True)
            self._ids[named] = origin
            self._new[origin] = named
        return origin


def _counts(usage: _Usage | _Iteration) -> tuple[int, int, int, int, int]:
    """(input, output, cache write 5 m, cache write 1 h, cache read): the split where there is one (FACTS §5)."""
    split = usage.cache_creation
    if split is None:
        short, long = usage.cache_creation_input_tokens or 0, 0
    else:
        short, long = split.ephemeral_5m_input_tokens or 0, split.ephemeral_1h_input_tokens or 0
    return usage.input_tokens or 0, usage.output_tokens or 0, short, long, usage.cache_read_input_tokens or 0


def is_on_plan(model: str) -> bool:
    """Whether a model is Anthropic's own by its name, so that the plan's windows count its turns.

    Bedrock names its models `us.anthropic.…` or by an arn, Vertex `…@date`, routers `maker/model` or another maker's.
    A turn that names no model is taken for the plan's.
    """
    name = model.lower()
    return not name or (name.startswith("claude") and not any(mark in name for mark in "@/:"))


def _iterations(line: bytes, row: _Row) -> list[_Iteration]:
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
    return [msgspec.convert(_kept(each, _Iteration), _Iteration) for each in found if isinstance(each, dict)]


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


def _whole_rows(line: bytes) -> list[_Row]:
    """The rows in a line the typed decoder refused: whatever of one is not of the expected type is left out."""
    rows = []
    for value, alone in _values(line):
        # What stands inside a torn record is a part of it, unless it is a record itself.
        if not alone and not ("timestamp" in value and ("sessionId" in value or "uuid" in value)):
            continue
        try:
            rows.append(msgspec.convert(_kept(value, _Row), _Row))
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
