"""What a program hands over as a name, checked before it reaches a file or another process."""

from __future__ import annotations

from typing import Final

from .errors import Misused

LONGEST: Final = 256
"""Characters, as the commands allow for a key."""


def check_name(name: str, what: str) -> None:
    """Raise Misused unless it is a text of 1 to `LONGEST` characters that UTF-8 has.

    A number would be kept as one by SQLite and be another name after a restart.
    """
    if not isinstance(name, str):
        raise Misused(f"{what} is a text, not of type {type(name).__name__}")
    if not 0 < len(name) <= LONGEST:
        raise Misused(f"{what} has 1 to {LONGEST} characters")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise Misused(f"{what} has characters that are none in UTF-8") from None
