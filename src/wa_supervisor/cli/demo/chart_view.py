"""The chart as text, with the current state lit. The whole of it is `wa-supervisor diagram`."""

from __future__ import annotations

import re

from rich.text import Text

_CHART = """\
   ╭─────────────◀─ Backoff ◀──────┬───────────────────────────────╮
   ▼                  ▲            │                               │
  Init ─────▶ Pairing ┴─────▶ Connected ─────▶ LoggedOut ─────▶ Purging
   ╰───────────────────────────▶───╯               ╰──▶ GaveUp ◀───╯    Stopped"""

WIDTH = max(map(len, _CHART.splitlines()))
HEIGHT = len(_CHART.splitlines())

_COLOURS = {
    "Connected": "green",
    "Pairing": "cyan",
    "GaveUp": "red",
    "LoggedOut": "yellow",
    "Purging": "yellow",
    "Backoff": "yellow",
}


def chart(state: str) -> Text:
    """Draw the chart with `state` lit."""
    text = Text(_CHART, style="dim", no_wrap=True)
    if found := re.search(rf"\b{state}\b", _CHART):
        colour = _COLOURS.get(state, "blue")
        text.stylize(f"not dim bold reverse {colour}", *found.span())
    return text
