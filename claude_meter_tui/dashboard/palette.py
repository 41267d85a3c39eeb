"""Every action by name, as the palette (ctrl+p) lists it, with its key."""

from __future__ import annotations

PALETTE = (
    ("read", "r", ("Read now", "ask the server, if it is allowed; else say when")),
    ("detail", "⏎", ("Detail", "the selected window in full")),
    ("select(1)", "j", ("Next window", "select it")),
    ("select(-1)", "k", ("Previous window", "select it")),
    ("used_or_left", "%", ("Used or left", "show what is left instead of what is used")),
    ("compare", "c", ("Compare", "the local token sum beside the server's window")),
    ("scroll_turns(1)", "PgDn", ("Older turns", "scroll the turns of the comparison")),
    ("scroll_turns(-1)", "PgUp", ("Newer turns", "scroll the turns of the comparison")),
    ("history", "h", ("History: spans", "chart one span of the window or four")),
    ("zoom(1)", "+", ("History: nearer", "half as long a time in the chart, down to an hour")),
    ("zoom(-1)", "-", ("History: farther", "twice as long a time, up to 400 days")),
    ("pan(1)", "[", ("History: earlier", "the chart half its time earlier")),
    ("pan(-1)", "]", ("History: later", "the chart half its time later")),
    ("whole", "0", ("History: this span", "the chart as it was")),
    ("cursor(-1)", "←", ("History: read out", "what stood in a column of the chart")),
    ("copy", "y", ("Copy", "the selected window's figures to the clipboard")),
    ("accounts", "a", ("Accounts", "pick the account to show")),
    ("all_accounts", "A", ("All accounts", "all of them as rows on the main screen")),
    ("pause", "p", ("Pause", "pause or resume asking")),
    ("help", "?", ("Help", "what works, the signs, and why the figures differ")),
    ("quit", "q", ("Quit", "leave the dashboard")),
)
"""Action, its key as shown, its name, what it does."""
