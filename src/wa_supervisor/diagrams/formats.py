"""The one door: a view of the chart in a format."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping

from .dot import to_dot
from .mermaid import to_mermaid
from .svg import to_svg
from .tables import total_table
from .views import Drawing, draw, find_state


class Format(enum.StrEnum):
    """What a diagram can be written as."""

    MERMAID = "mermaid"
    DOT = "dot"
    SVG = "svg"
    TABLE = "table"


class View(enum.StrEnum):
    """What a diagram shows."""

    OVERVIEW = "overview"
    FULL = "full"
    PAIRING = "pairing"
    LINK = "link"
    KEYS = "keys"
    OPERATOR = "operator"


_DRAWN: Mapping[Format, Callable[[Drawing], str]] = {
    Format.MERMAID: to_mermaid,
    Format.DOT: to_dot,
    Format.SVG: to_svg,
}


def render(
    wanted: Format = Format.MERMAID, *, view: View = View.OVERVIEW, state: str | None = None
) -> str:
    """Write the chart in a format.

    `state` leaves only what surrounds that state, which stands out. A table shows every state
    whatever the view.

    Raises:
        ConfigError: no such state, or SVG without pygraphviz.

    """
    if wanted is Format.TABLE:
        return total_table(find_state(state) if state else None)
    return _DRAWN[wanted](draw(view, state))
