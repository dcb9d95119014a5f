"""What is worth a notice, and what was said already.

An incident begins when messages are no longer heard and ends when they are. It is notified when a
person is needed, or after `patience`; once, again each `reminder`, and when it is over. If it gets
worse (it healed by itself, now somebody must act) that is notified too. What comes and goes often
is notified once an hour, all in one.

Pure: the time comes in with each status, and `due` says when to ask again without news.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from pydantic import AwareDatetime, BaseModel, ConfigDict

from ..lifecycle import State
from ..status import Status
from .notice import Kind, Notice, lasting

PATIENCE: Final = timedelta(minutes=5)
"""How long what heals by itself may take."""
SCANNING: Final = timedelta(minutes=1)
"""How long a code may show before somebody is called: who just started this is about to scan it."""
REMINDER: Final = timedelta(days=1)
CALM: Final = timedelta(hours=1)
"""So long notices are gathered while the connection comes and goes."""
OFTEN: Final = 3
"""So many incidents notified within `CALM` are enough to gather those that follow."""
PHONE_WARNING: Final = timedelta(days=2)
"""So long before WhatsApp unlinks a device whose phone is away: 12 of its 14 days are over."""


class Open(BaseModel):
    """An incident that is not over."""

    began: AwareDatetime
    notified: AwareDatetime | None = None
    reminded: AwareDatetime | None = None
    needed: bool = False
    """It was notified that somebody must act."""


class Notified(BaseModel):
    """What must be known after a restart, so that nothing is notified twice or forgotten."""

    model_config = ConfigDict(validate_assignment=True)

    open: Open | None = None
    lately: list[AwareDatetime] = []
    """When incidents were notified, within `CALM`."""
    gathered: list[float] = []
    """How many seconds each incident lasted that was not notified on its own."""
    gathering_until: AwareDatetime | None = None
    restricted: AwareDatetime | None = None
    """Until when no further restriction is notified."""
    phone: AwareDatetime | None = None
    """The day on which the device is unlinked, of which it was notified."""


class Incidents:
    """Decides for one session. `notified` is what an earlier run left."""

    def __init__(self, notified: Notified | None = None, *, page: str | None = None) -> None:
        self.notified = notified or Notified()
        self._page = page
        self._last: Status | None = None

    def see(self, status: Status) -> list[Notice]:
        """Take a status, at its time; return the notices that are due."""
        self._last = status
        self._set_right(status.ts)
        if status.state is State.STOPPED:
            # An operator's doing; but what was notified goes on until it is over.
            if self.notified.open is not None and self.notified.open.notified is None:
                self.notified.open = None
            return list(self._gathered(status))
        return [
            *self._incident(status),
            *self._gathered(status),
            *self._restriction(status),
            *self._phone(status),
        ]

    def due(self) -> datetime | None:
        """Return when to `see` a status again though nothing happened; None if never."""
        notified, status = self.notified, self._last
        moments = [notified.gathering_until]
        if notified.open is not None and status is not None:
            if notified.open.notified is None:
                moments.append(notified.open.began + _patience(status))
            else:
                moments.append((notified.open.reminded or notified.open.notified) + REMINDER)
        if status is not None and (ends := status.device.session_ends_without_phone) is not None:
            moments.append(ends - PHONE_WARNING if notified.phone != ends else None)
        return min((each for each in moments if each is not None), default=None)

    def _set_right(self, now: datetime) -> None:
        """Believe nothing of what was notified that is yet to come: the clock was set back."""
        notified = self.notified
        notified.lately = [min(each, now) for each in notified.lately]
        if notified.gathering_until is not None:
            notified.gathering_until = min(notified.gathering_until, now + CALM)
        if notified.restricted is not None:
            notified.restricted = min(notified.restricted, now + REMINDER)
        if (incident := notified.open) is not None:
            incident.began = min(incident.began, now)
            incident.notified = incident.notified and min(incident.notified, now)
            incident.reminded = incident.reminded and min(incident.reminded, now)

    # -- incidents

    def _incident(self, status: Status) -> Iterator[Notice]:
        notified, now = self.notified, status.ts
        if status.is_ready:
            if notified.open is not None:
                yield from self._over(notified.open, status)
                notified.open = None
            return
        if notified.open is None:
            notified.open = Open(began=min(status.substate_since or status.since or now, now))
        incident = notified.open
        if incident.notified is None:
            if now - incident.began >= _patience(status):
                yield from self._begin_notices(incident, status)
        elif status.needs_person and not incident.needed:
            incident.needed = True
            yield self._notice(Kind.NEEDED, status)
        elif now - (incident.reminded or incident.notified) >= REMINDER:
            incident.reminded = now
            yield self._notice(Kind.STILL, status)

    def _begin_notices(self, incident: Open, status: Status) -> Iterator[Notice]:
        notified, now = self.notified, status.ts
        incident.notified, incident.needed = now, status.needs_person
        notified.lately = [each for each in notified.lately if now - each < CALM]
        if status.needs_person:
            yield self._notice(Kind.NEEDED, status)
        elif len(notified.lately) < OFTEN and notified.gathering_until is None:
            yield self._notice(Kind.DOWN, status)
        elif notified.gathering_until is None:
            notified.gathering_until = now + CALM
        notified.lately.append(now)

    def _over(self, incident: Open, status: Status) -> Iterator[Notice]:
        if incident.notified is None:
            return
        lasted = status.ts - incident.began
        if self.notified.gathering_until is not None and not incident.needed:
            self.notified.gathered.append(lasted.total_seconds())
            return
        yield self._notice(
            Kind.RECOVERED, status, f"Messages are heard again, after {lasting(lasted)}."
        )

    def _gathered(self, status: Status) -> Iterator[Notice]:
        notified, now = self.notified, status.ts
        if notified.gathering_until is None or now < notified.gathering_until:
            return
        times, notified.gathered = notified.gathered, []
        notified.gathering_until = now + CALM if len(times) >= OFTEN else None
        if times:
            longest = lasting(timedelta(seconds=max(times)))
            state = "It is connected now." if status.is_ready else "It is not connected now."
            yield self._notice(
                Kind.FLAPPING,
                status,
                f"{len(times)} interruptions within an hour, the longest of {longest}. {state}",
            )

    # -- what is notified beside them

    def _restriction(self, status: Status) -> Iterator[Notice]:
        at, now = status.restricted_at, status.ts
        until = self.notified.restricted
        if at is None or (until is not None and (now < until or at <= until - REMINDER)):
            return
        self.notified.restricted = now + REMINDER
        yield self._notice(
            Kind.RESTRICTED,
            status,
            "WhatsApp refused a message to somebody this account has not written to before (463). "
            "Write to no new contacts for a while; messages to others go on.",
        )

    def _phone(self, status: Status) -> Iterator[Notice]:
        ends = status.device.session_ends_without_phone
        if ends is None or ends - status.ts > PHONE_WARNING or self.notified.phone == ends:
            return
        self.notified.phone = ends
        yield self._notice(
            Kind.PHONE_AWAY,
            status,
            "No sign of the phone has been noticed for 12 days. Open WhatsApp on it before "
            f"{ends:%Y-%m-%d %H:%M} UTC, or WhatsApp may unlink this device.",
        )

    def _notice(self, kind: Kind, status: Status, text: str | None = None) -> Notice:
        incident = self.notified.open
        began = incident.began if incident else None
        if text is None:
            text = status.sentence or _WITHOUT_REASON.get(status.state, "It is not connected.")
            if began is not None and status.ts - began >= timedelta(minutes=1):
                text = f"{text} For {lasting(status.ts - began)} now."
        stays = kind in {Kind.NEEDED, Kind.DOWN, Kind.STILL}
        return Notice(
            id=f"{status.session}-{kind.value}-{int(status.ts.timestamp())}",
            kind=kind,
            session=status.session,
            at=status.ts,
            text=text,
            reason=status.reason.value if status.reason and stays else None,
            who=status.who if stays else "nobody",
            hints=status.hints if stays else (),
            began=began,
            page=self._page,
        )


_WITHOUT_REASON = {
    State.PAIRING: "A code waits to be scanned with the phone.",
    State.INIT: "It is starting.",
}


def _patience(status: Status) -> timedelta:
    if status.state is State.PAIRING:
        return SCANNING
    return timedelta(0) if status.needs_person else PATIENCE
