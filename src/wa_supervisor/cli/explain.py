"""What a person is told of a reason: what happened, the particulars, who must act and how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..redaction import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..lifecycle import Reason
    from .session_options import SessionOptions

_DETAIL_LINES: Final = 5
"""Of a bot's or the client's last words; all of them are in the crash report."""


def explanation(reason: Reason, detail: str, options: SessionOptions) -> Iterator[str]:
    """Say in lines what a reason means. An advice may point to the detail, so it is always there.

    The detail may quote others: it commands no terminal.
    """
    meaning = reason.explanation
    yield meaning.sentence
    yield from details(detail)
    if meaning.hints:
        yield f"{meaning.who.value.capitalize()} must act: {options.advice(*meaning.hints)}"


def details(detail: str) -> Iterator[str]:
    """Give the particulars line by line, the first few of them."""
    lines = [printable(line) for line in detail.expandtabs().splitlines() if line.strip()]
    yield from (f"  {line}" for line in lines[:_DETAIL_LINES])
    if len(lines) > _DETAIL_LINES:
        yield f"  ... and {len(lines) - _DETAIL_LINES} lines more"


def indented(text: str) -> str:
    """Give lines of others each indented, so that none can pass for a line of ours."""
    return "\n".join(f"    {printable(line)}" for line in text.split("\n"))
