"""Notices that many sessions fail alike: then it is not them, and dialling on would make it worse.

When WhatsApp refuses a client's release, or a new neonize crashes, every session of a program fails
for one reason within a minute (devlikeapro/waha#2198: all sessions of all users). A thousand that
retry are a thousand more reasons to be flagged. So all are held, one tries at a time with growing
pauses, and the first that comes up lets the others follow.

Pure: time comes in as a value, in seconds on a clock that never goes back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from ..lifecycle import Reason
from ..lifecycle.guards import OUTAGES

SHARED_CAUSES: Final = frozenset(
    {
        Reason.DIAL_FAILED,
        Reason.CONNECT_REFUSED,
        Reason.START_TIMEOUT,
        Reason.LINK_TIMEOUT,
        Reason.KEEPALIVE_LOST,
        Reason.FLAPPING,
        Reason.CHILD_EXITED,
        Reason.CHILD_HUNG,
        Reason.CLIENT_UNUSABLE,
        Reason.OUTDATED,
        Reason.BAD_USER_AGENT,
        Reason.LOGGED_OUT,
        Reason.LOGIN_REJECTED,
        Reason.TEMPORARY_BAN,
        Reason.BANNED,
        Reason.LOCKED,
    }
)
"""Why a session fails that may have nothing to do with it: WhatsApp, the network or neonize. What a
bot, a full disk, a full inbox or an unscanned QR does is its own."""


BEFORE_A_CODE: Final = frozenset(
    {
        Reason.DIAL_FAILED,
        Reason.CONNECT_REFUSED,
        Reason.START_TIMEOUT,
        Reason.CHILD_EXITED,
        Reason.CHILD_HUNG,
        Reason.CLIENT_UNUSABLE,
        Reason.OUTDATED,
        Reason.BAD_USER_AGENT,
    }
)
"""Those of them that are over once WhatsApp offers a code: no phone has to scan it first."""


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """When the breaker opens, and how patiently it tries again. Times are in seconds."""

    fewest: int = 3
    """So many sessions at least must fail for one reason."""
    share: float = 0.2
    """And this share of all."""
    window: float = 60.0
    first_pause: float = 15.0
    """Between two that try, doubled each time."""
    longest_pause: float = 900.0
    longest_outage_pause: float = 30.0
    """Instead, where the network may be all that is missing: nobody is asked too often then."""


@dataclass
class Breaker:
    """Closed while all is well; open while sessions fail alike."""

    limits: BreakerLimits = field(default_factory=BreakerLimits)
    reason: Reason | None = None
    """Why it is open; None while it is closed."""
    failed: int = 0
    """How many sessions had failed when it opened."""
    _recent: dict[Reason, dict[str, float]] = field(default_factory=dict)
    _next: float = 0.0
    _pause: float = 0.0

    @property
    def is_open(self) -> bool:
        """Whether all but one must wait."""
        return self.reason is not None

    @property
    def next_try(self) -> float:
        """When the next one may try; only while it is open."""
        return self._next

    def note_failure(self, name: str, cause: Reason, now: float, of: int) -> bool:
        """Count a session that failed, `of` so many. Return whether that opened the breaker."""
        if cause not in SHARED_CAUSES or self.is_open:
            return False
        recent = self._recent.setdefault(cause, {})
        recent.pop(name, None)
        recent[name] = now  # last: they are in the order in which they failed
        while now - recent[oldest := next(iter(recent))] > self.limits.window:
            del recent[oldest]
        if len(recent) < max(self.limits.fewest, math.ceil(self.limits.share * of)):
            return False
        self.reason, self.failed = cause, len(recent)
        self._pause = self.limits.first_pause
        self._next = now + self._pause
        return True

    def note_try(self, now: float) -> None:
        """Have the next one wait: one has just begun to try."""
        self._next = now + self._pause
        limits = self.limits
        longest = limits.longest_outage_pause if self.reason in OUTAGES else limits.longest_pause
        self._pause = min(2 * self._pause, longest)

    def note_code(self) -> bool:
        """Close, if a session that is to be paired is proof enough. Return whether it was open."""
        return self.reason in BEFORE_A_CODE and self.note_success()

    def note_success(self) -> bool:
        """Close: a session came up. Return whether it was open."""
        was_open = self.is_open
        self.reason, self.failed = None, 0
        self._recent.clear()
        return was_open
