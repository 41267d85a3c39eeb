"""One transcript file → the turns in it, row by row; what counts once is decided in `counting`.

Search, not JSON, is the cost (FACTS §6): only lines that hold a `"usage"` key are decoded, and those by a typed decoder
that builds nothing it does not need. A row's text can hold the marker only with its quotes escaped, so it never matches
there; a row that holds another `usage` object (a sub-agent's result) is decoded and found to be no turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
import stringzilla
from xxhash import xxh3_64_digest

from claude_meter_tui.domain.foreign_text import clean_text, storable
from claude_meter_tui.system.paths import open_regular
from claude_meter_tui.turns.transcripts.records import MESSAGE, NAMELESS, TAIL, Record, folder_of_path, milliseconds
from claude_meter_tui.turns.transcripts.row_shapes import Iteration, Row, Usage, iterations_in, whole_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claude_meter_tui.turns.transcripts.roots import TranscriptFile

_MARKER = b'"usage"'
_ADVISOR = b"advisor_message"
# As much as stays in a core's cache between reading and searching it.
_CHUNK = 512 << 10
# A row holds at most what a context does, some megabytes. A run of NUL bytes can be as long as a disk.
_LONGEST_LINE = 64 << 20
_SYNTHETIC = "<synthetic>"
_LONGEST_NAME = 200
# Message ids and model names of cloud providers, whose turns the plan never saw (FACTS §9).
_PROVIDER_IDS = ("msg_bdrk_", "msg_vrtx_")

_decode = msgspec.json.Decoder(Row).decode

Origin = tuple[str, str, str, bool]
"""(model, session, project, whether it is the plan's), the names empty where unknown."""


class Read(NamedTuple):
    """What reading a file on gave.

    `records` are of whole lines up to the offset `to`, of which `tail` are the last bytes; `unfinished` of a last
    line that has no newline yet, which is read again next time. Rows that only repeat the row before are left out.
    """

    records: list[Record]
    unfinished: list[Record]
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
        last: Row | None = None
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
            unfinished: list[Record] = []
            self._collect(buffer, filled, file, last, unfinished)
        return Read(records, unfinished, offset, tail)

    def new_origins(self) -> dict[int, Origin]:
        """The origins met since this was asked last."""
        new, self._new = self._new, {}
        return new

    def _collect(
        self, buffer: bytearray, end: int, file: TranscriptFile, last: Row | None, records: list[Record]
    ) -> Row | None:
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
                rows = whole_rows(bytes(view[start:stop]))
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
                    records += self._advisors(iterations_in(bytes(view[start:stop]), row), record, row, file)
                elif record[MESSAGE] != NAMELESS and row.message is not None and row.message.usage is not None:
                    last = row
            at = find(buffer, _MARKER, stop, end)
        return last

    def _record(self, row: Row, file: TranscriptFile) -> Record | None:
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
        self, iterations: list[Iteration], record: Record, row: Row, file: TranscriptFile
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

    def _place(self, row: Row, file: TranscriptFile, model: str | None, *, by_provider: bool) -> None:
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


def _counts(usage: Usage | Iteration) -> tuple[int, int, int, int, int]:
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
