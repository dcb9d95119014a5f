"""How times are written for a person: local, with the zone, and how long that is from now."""

from __future__ import annotations

from datetime import datetime, timedelta

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def local(moment: datetime) -> str:
    """Write a time of day as this machine's clock shows it, with its zone."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S %Z}"


def span(length: timedelta) -> str:
    """Write how long something lasts, in its two largest units: `3 h 12 min`. Never negative."""
    left = max(0, round(length.total_seconds()))
    for number, (seconds, unit) in enumerate(_UNITS):
        if left >= seconds:
            text = f"{left // seconds} {unit}"
            if number + 1 < len(_UNITS) and (rest := left % seconds // _UNITS[number + 1][0]):
                text += f" {rest} {_UNITS[number + 1][1]}"
            return text
    return "0 s"


def from_now(moment: datetime, now: datetime) -> str:
    """Write a time and how far it is from `now`: `..., in 4 min` or `..., 4 min ago`."""
    if moment >= now:
        return f"{local(moment)}, in {span(moment - now)}"
    return f"{local(moment)}, {span(now - moment)} ago"
