"""Sentences on a terminal of 80 columns."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH: Final = 80
_WHOLE: Final = re.compile(r"`[^`]*`|\b\d+ (?:d|h|min|s|MiB)\b")


def wrapped(text: str, first: str = "  ", more: str = "  ") -> Iterator[str]:
    """Break a text into lines, but no command and no number with its unit in it.

    What is to be typed must be copied whole.
    """
    whole = _WHOLE.sub(lambda command: command[0].replace(" ", "\0"), text)
    for line in textwrap.wrap(
        whole,
        WIDTH,
        initial_indent=first,
        subsequent_indent=more,
        break_on_hyphens=False,
        break_long_words=False,
    ):
        yield line.replace("\0", " ")
