"""Tells an alert by every way the user wants; what does not work is said, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from claude_meter_tui.alerts import texts
from claude_meter_tui.alerts.terminal import sequence

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from claude_meter_tui.alerts.rules import Alert
    from claude_meter_tui.domain.plain_reading import AccountDocument
    from claude_meter_tui.settings.alerting import Alerting


class Outcome(NamedTuple):
    """One way, and why it did not work, in a sentence; empty where it did."""

    channel: str
    trouble: str


def tell(
    alert: Alert,
    account: AccountDocument,
    now: datetime,
    wanted: Alerting,
    env: Mapping[str, str],
    write: Callable[[str], None] | None,
) -> list[Outcome]:
    """By bell, terminal, desktop and command, as far as they are wanted. Takes up to twenty seconds; never raises.

    Args:
        alert: what.
        account: whose.
        now: by the server's clock.
        wanted: how.
        env: the environment, by which the terminal is known.
        write: writes to the terminal; None: there is none.
    """
    found = []
    for channel in wanted.by:
        if channel in ("bell", "terminal"):
            found.append(Outcome(channel, _by_terminal(channel, texts.text(alert, now), wanted, env, write)))
        elif channel == "desktop":
            from claude_meter_tui.alerts import desktop

            found.append(Outcome(channel, desktop.notify(texts.text(alert, now))))
        elif channel == "command":
            from claude_meter_tui.alerts import command

            found.append(Outcome(channel, command.run(wanted.command, texts.document(alert, account, now))))
    return found


def _by_terminal(
    channel: str, text: str, wanted: Alerting, env: Mapping[str, str], write: Callable[[str], None] | None
) -> str:
    if write is None:
        return "There is no terminal here."
    try:
        write("\a" if channel == "bell" else sequence(text, wanted.terminal, env))
    except OSError as error:
        return f"The terminal cannot be written to ({error.strerror or error})."
    return ""
