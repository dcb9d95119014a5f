"""The chart with the state of now lit and the last path drawn: the shipped SVG with two classes.

`chart.svg` is the overview as `lab generate` draws it.
"""

from __future__ import annotations

import html
import re
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_GROUP: Final = re.compile(r'<g id="([^"]*)" class="([^"]*)">\n<title>[^<]*</title>')
_STYLE: Final = re.compile(r"<style>.*?</style>", re.DOTALL)
_SIZE: Final = re.compile(r'<svg width="[^"]*" height="[^"]*"')

_PLACES: Final = {
    "Init": "init",
    "Pairing": "pairing",
    "Connected": "connected",
    "LoggedOut": "logged_out",
    "Purging": "purging",
    "Backoff": "backoff",
    "GaveUp": "gave_up",
    "Stopped": "stopped",
}
_ACTIVE: Final = frozenset({"Init", "Pairing", "Connected"})


def chart(state: str, path: tuple[str, ...] = ()) -> str:
    """Return the chart as SVG for a page: `state` is lit, and the arrows between `path`.

    `path` are the states that were gone through, the newest last.
    """
    return _chart(state, frozenset(_arrows(path)), frozenset(path[:-1]))


def _arrows(path: tuple[str, ...]) -> Iterable[str]:
    for before, after in pairwise(path):
        if before not in _PLACES or after not in _PLACES:
            continue
        yield f"{_PLACES[before]} to {_PLACES[after]}"
        if before in _ACTIVE and after not in _ACTIVE:
            yield f"active to {_PLACES[after]}"


@cache  # of some dozens of pictures
def _chart(state: str, arrows: frozenset[str], visited: frozenset[str]) -> str:
    def mark(found: re.Match[str]) -> str:
        name, classes = html.unescape(found[1]), found[2]
        if name == f"state-{state}":
            classes += " now"
        elif name in arrows:
            classes += " gone"
        elif name.removeprefix("state-") in visited and "node" in classes:
            classes += " visited"
        return f'<g class="{classes}">'

    label = f"The life of a session. It is in {state} now."
    drawn = _GROUP.sub(mark, _source())
    return _SIZE.sub(f'<svg class="chart" role="img" aria-label="{label}"', drawn, count=1)


@cache
def _source() -> str:
    text = (files(__package__) / "chart.svg").read_text(encoding="utf-8")
    return _STYLE.sub("", text[text.index("<svg") :])
