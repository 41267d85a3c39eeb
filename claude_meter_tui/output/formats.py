"""The texts for scripts: plain, tmux, waybar, prometheus, JSON. Contract: README, "Scripts".

Made from a stored reading (`plain_reading.py`) and a moment; light, since `status` runs every few seconds.
Ages count by the local clock, resets by the server's. It must not know the store, the network or pydantic.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from claude_meter_tui.domain import urgency
from claude_meter_tui.domain.bounds import iso_utc
from claude_meter_tui.domain.foreign_text import cells, to_json
from claude_meter_tui.domain.money import budget_percent
from claude_meter_tui.output import outlook_json, words
from claude_meter_tui.output.words import NO_LIMITS, NO_LIMITS_SENTENCE, short_label

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from claude_meter_tui.domain.plain_reading import ReadingDocument, WindowDocument

SCHEMA = 1
EXTRA_KEY = "extra_usage"
"""What `next_stop` is where money stops and no window does."""
# tmux's own colour names, so that the user's terminal palette decides how they look.
_TMUX_COLOURS = {"normal": "green", "warning": "yellow", "critical": "red", "full": "red"}
_FLAGS = {"normal": "", "warning": "!", "critical": "!!", "full": " FULL"}


class At:
    """A moment, by both clocks: `now` by the local one, which readings are dated by, `true` by the server's.

    `outlook` is what the analysis of the account came to last (JSON as stored), where there is one.
    """

    __slots__ = ("now", "outlook", "true")

    def __init__(self, now: datetime, skew: timedelta = timedelta(0), outlook: str | None = None) -> None:
        self.now, self.true = now, now + skew
        self.outlook = outlook_json.windows_of(outlook, self.true) if outlook else {}


def as_dict(reading: ReadingDocument, at: At, *, stale: bool | None = None) -> dict[str, object]:
    """The contract's JSON object of a reading as it stands at a moment.

    Args:
        reading: as stored.
        at: what ages and countdowns count from.
        stale: True where the caller knows that a newer reading was wanted and not to be had; else by age.
    """
    age = at.now - _moment(reading["observed_at"])
    extra = reading["extra_usage"]
    return {
        "schema": SCHEMA,
        "observed_at": iso_utc(_moment(reading["observed_at"])),
        "source": reading["source"],
        "stale": is_stale(reading, at) if stale is None else stale,
        "age_seconds": max(0, int(age.total_seconds())),
        "account": reading["account"],
        "windows": [_window_dict(window, reading, at) for window in reading["windows"]],
        "extra_usage": extra and {name: extra[name] for name in ("enabled", "used", "limit", "utilization")},
        "next_stop": _next_stop_key(reading, at),
    }


def next_stop(reading: ReadingDocument, at: At) -> WindowDocument | None:
    """The window that stops next: nearest to full, not ended; None while nothing is used, or money stops first."""
    if money_stops(reading):
        return None
    stops = urgency.stops
    candidates = [window for window in reading["windows"] if stops(window["utilization"], _reset(window), at.true)]
    return max(candidates, key=lambda window: pressing(window, at), default=None)


def money_stops(reading: ReadingDocument) -> bool:
    """Whether money is what stops: its limit is reached, or it is the only limit there is (FACTS §2, Team plans)."""
    money = _Money(reading)
    return money.reached or (not reading["windows"] and money.is_budget)


def _next_stop_key(reading: ReadingDocument, at: At) -> str | None:
    if money_stops(reading):
        return EXTRA_KEY
    window = next_stop(reading, at)
    return window["key"] if window else None


class _Money:
    """What there is to say of a reading's paid usage."""

    def __init__(self, reading: ReadingDocument) -> None:
        extra = reading["extra_usage"]
        used, limit = (extra["used"], extra["limit"]) if extra else (None, None)
        enabled = bool(extra and extra["enabled"])
        spent, most = (None if money is None else float(money["amount"]) for money in (used, limit))
        self.shown = bool(extra) and (enabled or (spent is not None and spent > 0))
        one_currency = used is None or limit is None or used["currency"] == limit["currency"]
        self.percent = budget_percent(spent, most if one_currency else None, extra and extra["utilization"])
        self.is_budget = self.shown and (limit is not None or self.percent is not None)
        self.reached = self.is_budget and enabled and self.percent is not None and self.percent >= urgency.FULL_FROM
        self.level = urgency.level(self.percent or 0.0)
        self.name = "extra" if reading["windows"] else "budget"
        amounts = "" if used is None else used["amount"] + (f"/{limit['amount']}" if limit else "")
        currency = (used or limit or {"currency": None})["currency"] or ""
        self.amounts = f"{amounts} {currency}".strip() if amounts else ""

    def brief(self) -> str:
        """`extra 12.40/50.00 USD`, `budget 9.3% 46.31/500.00 USD`; with a flag where it is warranted."""
        flag = _FLAGS[self.level]
        figure = "" if self.percent is None else words.percent(self.percent).replace(" ", "")
        figure = figure if self.name == "budget" or flag else ""
        return " ".join(part for part in (self.name, figure + flag, self.amounts) if part)


def money_of(reading: ReadingDocument) -> tuple[str, str]:
    """(text, level) of its paid usage; the text is empty where there is nothing to say."""
    money = _Money(reading)
    return (money.brief(), money.level) if money.shown else ("", "normal")


def is_stale(reading: ReadingDocument, at: At) -> bool:
    """Older than `urgency.STALE_AFTER`."""
    return at.now - _moment(reading["observed_at"]) > urgency.STALE_AFTER


def render(style: str, reading: ReadingDocument, at: At) -> str:
    """The text of a reading in one of `STYLES`, without a final newline."""
    return STYLES[style](reading, at)


def _json(reading: ReadingDocument, at: At) -> str:
    return to_json(as_dict(reading, at))


def _plain(reading: ReadingDocument, at: At) -> str:
    parts = [brief(window, at) for window in reading["windows"]] + _extra(reading)
    return (" · ".join(parts) or NO_LIMITS) + _age_note(reading, at)


def _tmux(reading: ReadingDocument, at: At) -> str:
    """The pressing windows only (a status line is short): the next stop first, then the next two."""
    ranked = sorted(reading["windows"], key=lambda window: pressing(window, at), reverse=True)
    current = [window for window in ranked if not urgency.is_over(_reset(window), at.true)][:3]
    parts = [_tmux_coloured(_level(window), brief(window, at)) for window in current]
    if money_stops(reading):
        money = _Money(reading)
        parts.insert(0, _tmux_coloured(money.level, money.brief()))
    return (" ".join(parts[:3]) or ("reset" if reading["windows"] else NO_LIMITS)) + _age_note(reading, at)


def _tmux_coloured(level: str, text: str) -> str:
    return f"#[fg={_TMUX_COLOURS[level]}]{text.replace('#', '##')}#[default]"


def _waybar(reading: ReadingDocument, at: At) -> str:
    top = next_stop(reading, at)
    lines = [brief(window, at) for window in reading["windows"]] + _extra(reading)
    lines = lines or [NO_LIMITS]
    lines.append(f"read {words.age((at.now - _moment(reading['observed_at'])).total_seconds())}")
    text, level, share = "idle" if reading["windows"] else NO_LIMITS, "normal", 0.0
    if money_stops(reading):
        money = _Money(reading)
        text, level, share = money.brief(), money.level, money.percent or 0.0
    elif top is not None:
        text, level, share = brief(top, at), _level(top), top["utilization"]
    return to_json(
        {
            "text": _pango(text),
            "tooltip": _pango("\n".join(lines)),
            "class": [level, "stale"] if is_stale(reading, at) else [level],
            "percentage": min(100, int(share)),
        }
    )


def _prometheus(reading: ReadingDocument, at: At) -> str:
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
    estimates = [(_labels(window), outlook_json.estimate_of(window, reading, at)) for window in windows]
    metric(
        "window_estimate_percent",
        "How full a window is estimated to be by now.",
        [(labels, estimate["estimate"]) for labels, estimate in estimates if estimate is not None],
    )
    outlooks = [(_labels(window), outlook_json.of_this_instance(window, at)) for window in windows]
    metric(
        "window_full_before_reset_probability",
        "How likely a window fills before it clears.",
        [(labels, found["probability"] or 0.0) for labels, found in outlooks if found is not None],
    )
    metric("reading_observed_at_seconds", "When the reading was taken.", [("", observed_at.timestamp())])
    metric("reading_age_seconds", "Age of the reading.", [("", max(0.0, (at.now - observed_at).total_seconds()))])
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
    percent = _Money(reading).percent
    if percent is not None:
        metric("extra_usage_utilization_percent", "Used share of the limit of extra usage.", [("", percent)])
    return "\n".join(lines)


STYLES: dict[str, Callable[[ReadingDocument, At], str]] = {
    "plain": _plain,
    "tmux": _tmux,
    "waybar": _waybar,
    "prometheus": _prometheus,
    "json": _json,
}


def brief(window: WindowDocument, at: At) -> str:
    """`5h 41% 2h57m`; an ended window says so instead of a percentage that no longer counts."""
    reset, label = _reset(window), short_label(window["label"])
    if urgency.is_over(reset, at.true):
        return f"{label} reset"
    flag = _FLAGS[_level(window)]
    text = f"{label} {words.percent(window['utilization']).replace(' ', '')}{flag}"
    full_at = outlook_json.likely_full_at(window, at)
    if full_at is not None:
        text += f" full≈{words.clock_time(full_at, at.true).replace(' ', '')}"
    if reset is None:
        return text
    return f"{text} {words.countdown((reset - at.true).total_seconds()).replace(' ', '')}"


def _level(window: WindowDocument) -> str:
    return urgency.level(window["utilization"], window["severity"])


def _extra(reading: ReadingDocument) -> list[str]:
    money = _Money(reading)
    return [money.brief()] if money.shown and (money.amounts or money.percent is not None) else []


def _age_note(reading: ReadingDocument, at: At) -> str:
    if not is_stale(reading, at):
        return ""
    return f" ({words.age((at.now - _moment(reading['observed_at'])).total_seconds())})"


def _window_dict(window: WindowDocument, reading: ReadingDocument, at: At) -> dict[str, object]:
    reset, estimate = _reset(window), outlook_json.estimate_of(window, reading, at)
    return {
        "key": window["key"],
        "label": window["label"],
        "group": window["group"],
        "utilization": window["utilization"],
        "resets_at": iso_utc(reset) if reset else None,
        "resets_in_seconds": int((reset - at.true) / timedelta(seconds=1)) if reset else None,
        "length_seconds": window["length_seconds"],
        "model": window["model"],
        "surface": window["surface"],
        "severity": window["severity"],
        "is_active": window["is_active"],
        "observed_at": iso_utc(_moment(window["observed_at"] or reading["observed_at"])),
        "source": window["source"] or reading["source"],
        "estimate": estimate and outlook_json.as_contract(estimate),
        "forecast": outlook_json.forecast_of(window, at),
    }


def pressing(window: WindowDocument, at: At) -> urgency.Rank:
    """A sort key: the greatest is the window that stops next (see `urgency.rank`)."""
    return urgency.rank(window["utilization"], _reset(window), window["is_active"], at.true)


def _reset(window: WindowDocument) -> datetime | None:
    return _moment(window["resets_at"]) if window["resets_at"] else None


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _labels(window: WindowDocument) -> str:
    return f'{{window="{_escaped(window["key"])}",label="{_escaped(window["label"])}"}}'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _pango(text: str) -> str:
    """Waybar reads text and tooltip as Pango markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def table(reading: ReadingDocument, at: At, *, stale: bool = False) -> str:
    """The reading for a person at a terminal: one line a window, the next stop marked."""
    top = next_stop(reading, at)
    width = max((cells(window["label"]) for window in reading["windows"]), default=0)
    lines = [" · ".join(part for part in _heading(reading, at, stale=stale) if part)]
    for window in reading["windows"]:
        reset = _reset(window)
        if urgency.is_over(reset, at.true):
            figures = "reset; not read since"
        else:
            clears = f"clears {words.clock_time(reset, at.true)}" if reset else "idle"
            left = f" ({words.countdown((reset - at.true).total_seconds())})" if reset else ""
            figures = f"{words.percent(window['utilization']):>7}{_FLAGS[_level(window)]:<5}  {clears}{left}"
        label = window["label"] + " " * (width - cells(window["label"]))
        lines.append(f"{'▸' if window is top else ' '} {label}  {figures}".rstrip())
    mark = "▸" if money_stops(reading) else " "
    lines += [f"{mark} {text}" for text in _extra(reading)]
    return "\n".join(lines if len(lines) > 1 else [*lines, f"  {NO_LIMITS_SENTENCE}"])


def _heading(reading: ReadingDocument, at: At, *, stale: bool) -> list[str]:
    account = reading["account"]
    age = words.age((at.now - _moment(reading["observed_at"])).total_seconds())
    mark = "stale, " if stale or is_stale(reading, at) else ""
    return [
        account["email"] or "",
        account["plan"] or "",
        f"{mark}read {age} via {words.source_words(reading['source'])}",
    ]
