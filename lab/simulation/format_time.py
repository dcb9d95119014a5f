"""Virtual times and spans as a person reads them."""

from __future__ import annotations

MINUTE = 60.0
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def span(seconds: float) -> str:
    """A duration in its largest fitting unit: `90 s`, `1.5 h`."""
    for unit, name in ((DAY, "d"), (HOUR, "h"), (2 * MINUTE, "min")):
        if seconds >= unit:
            each = MINUTE if name == "min" else unit
            return f"{seconds / each:.3g} {name}"
    return f"{seconds:.3g} s"


def clock(time: float) -> str:
    """A moment: the day, counted from 1, and the time of day."""
    day, rest = divmod(int(time), int(DAY))
    hours, rest = divmod(rest, int(HOUR))
    return f"d{day + 1} {hours:02}:{rest // 60:02}:{rest % 60:02}"
