"""What a look at something has found, and the deadline of every look."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ...errors import SupervisorError
from ...hints import Hint

WITHIN: Final = 10.0
"""Seconds for one look: a dead disk or server must not hold up the others."""


class Verdict(StrEnum):
    """How bad it is."""

    OK = "ok"
    NOTE = "note"
    """Nothing is wrong; something could be had that is not there."""
    WARNING = "warning"
    """It runs, but not as well, or not for ever."""
    BAD = "bad"
    """It does not run so."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, what was found, and what helps."""

    name: str
    verdict: Verdict
    said: str
    fix: Hint | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """Something to look at. `do` may raise SupervisorError: that is a finding, too."""

    name: str
    do: Callable[[], Iterator[Finding]]
    within: float = WITHIN


def look(at: Look) -> list[Finding]:
    """Look, for so long and no longer."""
    found: list[Finding] = []
    failure: list[Exception] = []

    def work() -> None:
        try:
            found.extend(at.do())
        except SupervisorError as error:
            found.append(Finding(at.name, Verdict.BAD, str(error), error.hint))
        except Exception as error:  # noqa: BLE001 - raised again below, on the caller's thread
            failure.append(error)

    # A daemon: one that hangs must not keep the program from ending.
    thread = threading.Thread(target=work, daemon=True, name=f"doctor: {at.name}")
    thread.start()
    thread.join(at.within)
    if failure:
        raise failure[0]
    if thread.is_alive():
        said = f"did not answer within {at.within:g} s: a disk, a server or the machine hangs"
        return [Finding(at.name, Verdict.BAD, said)]
    return found
