"""The texts for scripts: plain, tmux, waybar, prometheus, JSON. Contract: README, "Scripts".

Made from a stored reading (`documents.py`) and a moment; light, since `status` runs in status bars every few seconds.
It must not know the store, the network or pydantic.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from claude_meter_tui import standing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from claude_meter_tui.documents import ReadingDocument, WindowDocument

SCHEMA = 1
# tmux's own colour names, so that the user's terminal palette decides how they look.
_TMUX_COLOURS = {"normal": "green", "warning": "yellow", "critical": "red", "full": "red"}
_FLAGS = {"normal": "", "warning": "!", "critical": "!!", "full": " FULL"}


def as_dict(reading: ReadingDocument, now: datetime, *, stale: bool | None = None) -> dict[str, object]:
    """The contract's JSON object of a reading as it stands at `now`.

    Args:
        reading: as stored.
        now: what ages and countdowns count from.
        stale: True where the caller knows that a newer reading was wanted and not to be had; else by age.
    """
    age = now - _moment(reading["observed_at"])
    extra = reading["extra_usage"]
    return {
        "schema": SCHEMA,
        "observed_at": standing.iso_utc(_moment(reading["observed_at"])),
        "source": reading["source"],
        "stale": is_stale(reading, now) if stale is None else stale,
        "age_seconds": max(0, int(age.total_seconds())),
        "account": reading["account"],
        "windows": [_window_dict(window, reading, now) for window in reading["windows"]],
        "extra_usage": extra and {name: extra[name] for name in ("enabled", "used", "limit", "utilization")},
        "next_stop": _key_of(next_stop(reading, now)),
    }


def next_stop(reading: ReadingDocument, now: datetime) -> WindowDocument | None:
    """The window that stops next: nearest to full, not ended; None while nothing is used."""
    candidates = [window for window in reading["windows"] if standing.stops(window["utilization"], _reset(window), now)]
    return max(candidates, key=lambda window: pressing(window, now), default=None)


def is_stale(reading: ReadingDocument, now: datetime) -> bool:
    """Older than `standing.STALE_AFTER`."""
    return now - _moment(reading["observed_at"]) > standing.STALE_AFTER


def render(style: str, reading: ReadingDocument, now: datetime) -> str:
    """The text of a reading in one of `STYLES`, without a final newline."""
    return STYLES[style](reading, now)


def _json(reading: ReadingDocument, now: datetime) -> str:
    return json.dumps(as_dict(reading, now), ensure_ascii=False)


def _plain(reading: ReadingDocument, now: datetime) -> str:
    parts = [brief(window, now) for window in reading["windows"]]
    return " · ".join([*parts, *_extra(reading)]) + _age_note(reading, now)


def _tmux(reading: ReadingDocument, now: datetime) -> str:
    """The pressing windows only (a status line is short): the next stop first, then the next two."""
    ranked = sorted(reading["windows"], key=lambda window: pressing(window, now), reverse=True)
    current = [window for window in ranked if not standing.is_over(_reset(window), now)][:3]
    parts = [
        f"#[fg={_TMUX_COLOURS[standing.level(window['utilization'], window['severity'])]}]"
        f"{brief(window, now).replace('#', '##')}#[default]"
        for window in current
    ]
    return " ".join(parts) + _age_note(reading, now)


def _waybar(reading: ReadingDocument, now: datetime) -> str:
    top = next_stop(reading, now)
    lines = [brief(window, now) for window in reading["windows"]] + _extra(reading)
    lines.append(f"read {standing.age((now - _moment(reading['observed_at'])).total_seconds())}")
    level = standing.level(top["utilization"], top["severity"]) if top else "normal"
    return json.dumps(
        {
            "text": _pango(brief(top, now) if top else "idle"),
            "tooltip": _pango("\n".join(lines)),
            "class": [level, "stale"] if is_stale(reading, now) else [level],
            "percentage": min(100, int(top["utilization"])) if top else 0,
        },
        ensure_ascii=False,
    )


def _prometheus(reading: ReadingDocument, now: datetime) -> str:
    """Text exposition format 0.0.4 (for node_exporter's textfile collector)."""
    lines: list[str] = []

    def metric(name: str, text: str, samples: list[tuple[str, float]]) -> None:
        if samples:
            lines.extend([f"# HELP claude_meter_{name} {text}", f"# TYPE claude_meter_{name} gauge"])
            lines.extend(f"claude_meter_{name}{labels} {value:.15g}" for labels, value in samples)

    windows = reading["windows"]
    observed_at = _moment(reading["observed_at"])
    metric(
        "window_utilization_percent",
        "Used share of a rate-limit window as the server last said it.",
        [(_labels(window), window["utilization"]) for window in windows],
    )
    metric(
        "window_resets_at_seconds",
        "When the window clears, seconds since 1970 UTC.",
        [(_labels(window), reset.timestamp()) for window in windows if (reset := _reset(window)) is not None],
    )
    metric("reading_observed_at_seconds", "When the reading was taken.", [("", observed_at.timestamp())])
    metric("reading_age_seconds", "Age of the reading.", [("", max(0.0, (now - observed_at).total_seconds()))])
    extra = reading["extra_usage"]
    for name in ("used", "limit"):
        money = extra[name] if extra else None
        if money is not None:
            labels = f'{{currency="{_escaped(money["currency"] or "")}"}}'
            metric(
                f"extra_usage_{name}",
                f"Extra usage: {name}, in the currency's unit.",
                [(labels, float(money["amount"]))],
            )
    return "\n".join(lines)


STYLES: dict[str, Callable[[ReadingDocument, datetime], str]] = {
    "plain": _plain,
    "tmux": _tmux,
    "waybar": _waybar,
    "prometheus": _prometheus,
    "json": _json,
}


def short_label(label: str) -> str:
    """`7-day Opus` → `7d Opus`, for where room is scarce."""
    return label.replace("-hour", "h").replace("-day", "d")


def brief(window: WindowDocument, now: datetime) -> str:
    """`5h 41% 2h57m`; an ended window says so instead of a percentage that no longer counts."""
    reset, label = _reset(window), short_label(window["label"])
    if standing.is_over(reset, now):
        return f"{label} reset"
    flag = _FLAGS[standing.level(window["utilization"], window["severity"])]
    text = f"{label} {standing.percent(window['utilization']).replace(' ', '')}{flag}"
    if reset is None:
        return text
    return f"{text} {standing.countdown((reset - now).total_seconds()).replace(' ', '')}"


def _extra(reading: ReadingDocument) -> list[str]:
    extra = reading["extra_usage"]
    if not extra or not extra["used"] or not (extra["enabled"] or float(extra["used"]["amount"])):
        return []
    used, limit = extra["used"], extra["limit"]
    amounts = used["amount"] + (f"/{limit['amount']}" if limit else "")
    return [f"extra {amounts} {used['currency'] or ''}".strip()]


def _age_note(reading: ReadingDocument, now: datetime) -> str:
    if not is_stale(reading, now):
        return ""
    return f" ({standing.age((now - _moment(reading['observed_at'])).total_seconds())})"


def _window_dict(window: WindowDocument, reading: ReadingDocument, now: datetime) -> dict[str, object]:
    reset = _reset(window)
    return {
        "key": window["key"],
        "label": window["label"],
        "group": window["group"],
        "utilization": window["utilization"],
        "resets_at": standing.iso_utc(reset) if reset else None,
        "resets_in_seconds": int((reset - now) / timedelta(seconds=1)) if reset else None,
        "length_seconds": window["length_seconds"],
        "model": window["model"],
        "surface": window["surface"],
        "severity": window["severity"],
        "is_active": window["is_active"],
        "observed_at": standing.iso_utc(_moment(window["observed_at"] or reading["observed_at"])),
        "source": window["source"] or reading["source"],
        "estimate": None,
    }


def pressing(window: WindowDocument, now: datetime) -> standing.Rank:
    """A sort key: the greatest is the window that stops next (see `standing.rank`)."""
    return standing.rank(window["utilization"], _reset(window), window["is_active"], now)


def _reset(window: WindowDocument) -> datetime | None:
    return _moment(window["resets_at"]) if window["resets_at"] else None


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _key_of(window: WindowDocument | None) -> str | None:
    return window["key"] if window else None


def _labels(window: WindowDocument) -> str:
    return f'{{window="{_escaped(window["key"])}",label="{_escaped(window["label"])}"}}'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _pango(text: str) -> str:
    """Waybar reads text and tooltip as Pango markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def table(reading: ReadingDocument, now: datetime, *, stale: bool = False) -> str:
    """The reading for a person at a terminal: one line a window, the next stop marked."""
    top = next_stop(reading, now)
    width = max((len(window["label"]) for window in reading["windows"]), default=0)
    lines = [" · ".join(part for part in _heading(reading, now, stale=stale) if part)]
    for window in reading["windows"]:
        reset = _reset(window)
        if standing.is_over(reset, now):
            figures = "reset; not read since"
        else:
            flag = _FLAGS[standing.level(window["utilization"], window["severity"])]
            clears = f"clears {standing.clock_time(reset, now)}" if reset else "idle"
            left = f" ({standing.countdown((reset - now).total_seconds())})" if reset else ""
            figures = f"{standing.percent(window['utilization']):>7}{flag:<5}  {clears}{left}"
        lines.append(f"{'▸' if window is top else ' '} {window['label']:<{width}}  {figures}".rstrip())
    return "\n".join([*lines, *(f"  {text}" for text in _extra(reading))])


def _heading(reading: ReadingDocument, now: datetime, *, stale: bool) -> list[str]:
    account = reading["account"]
    age = standing.age((now - _moment(reading["observed_at"])).total_seconds())
    mark = "stale, " if stale or is_stale(reading, now) else ""
    return [
        account["email"] or "",
        account["plan"] or "",
        f"{mark}read {age} via {standing.source_words(reading['source'])}",
    ]
