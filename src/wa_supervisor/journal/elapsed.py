"""How much time has passed between two lives of a supervisor, and how far that is to be believed.

The time of day may have been set in between: backwards, or years ahead on a board that boots in
1970. The machine's uptime cannot be set, but says nothing once the machine was restarted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..lifecycle.policy import DAY

if TYPE_CHECKING:
    from datetime import datetime

    from ..clock import Uptime

BELIEVED: Final = 30 * DAY
"""Seconds. A longer silence than this, by the time of day alone, may be a clock that was set."""


@dataclass(frozen=True, slots=True)
class Elapsed:
    """Seconds that have passed, as far as they are believed."""

    waits: float
    """For a wait to be over: at most BELIEVED, if only the time of day speaks for it."""
    budgets: float
    """For budgets to be refilled: none beyond BELIEVED, which costs an hour at most where the
    silence was real."""
    certain: bool
    """Told by the uptime of a machine that was not restarted."""


def elapsed(
    then: datetime,
    now: datetime,
    *,
    uptime_then: Uptime | None = None,
    uptime_now: Uptime | None = None,
) -> Elapsed:
    """Tell what passed from one moment to the other: by the uptime, else by the time of day.

    An uptime that went back is that of a machine which was set back to an earlier state.
    """
    if uptime_then is not None and uptime_now is not None:
        seconds = uptime_now.seconds - uptime_then.seconds
        if uptime_now.boot == uptime_then.boot and seconds >= 0:
            return Elapsed(seconds, seconds, certain=True)
    silence = max(0.0, (now - then).total_seconds())
    believed = silence if silence <= BELIEVED else 0.0
    return Elapsed(min(silence, BELIEVED), believed, certain=False)
