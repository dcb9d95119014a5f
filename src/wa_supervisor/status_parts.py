"""The parts of a status, see `status.Status`: each says one thing that an operator asks.

Every time is a time of day in UTC. What is not known is null, never a guess.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal, Self

from pydantic import BaseModel, ConfigDict

from .gate_answers import GateExplanation
from .session.shared.secret import Secret

if TYPE_CHECKING:
    from .lifecycle.policy import Limit

Who = Literal["nobody", "operator", "phone"]
"""Who must act: nobody (it heals by itself), whoever runs this, or the person with the phone."""

Running = Literal["running", "starting", "silent", "stopped", "never", "elsewhere"]
"""What the supervisor is doing: `running` (it answered), `starting` (it has the lock and takes no
orders yet), `silent` (it has the lock and did not answer), `stopped`, `never` (nothing was ever
recorded), `elsewhere` (none runs here, and what is known of the session is in a fleet's database).
In all but the first, the rest was read from the session's files."""


class Part(BaseModel):
    """Plain data that cannot be changed."""

    model_config = ConfigDict(frozen=True)


class Received(Part):
    """What was received. It names nobody, but for secrets in what was refused of late."""

    total: int = 0
    """Messages received since the inbox was begun."""
    admitted: int = 0
    """Messages that the gate let through since the start, counted for each reader."""
    waiting: int
    """Messages that the slowest reader has not acknowledged."""
    readers: dict[str, int] = {}
    """The same for each reader, by name."""
    oldest: datetime | None
    """When the oldest of them arrived."""
    is_full: bool
    trouble: str | None
    """Why messages cannot be read or acknowledged now."""
    refused: dict[str, int]
    """Messages that the gate refused since the start, by reason."""
    set_aside: int = 0
    """Messages on which the bot's handlers have failed too often, see `inbox.bot_tries`."""
    refused_lately: tuple[GateExplanation, ...] = ()
    """The refusals of late, newest first, with what would lift each; at most twenty."""


class Spending(Part):
    """How much of a budget is spent, counted over a sliding window."""

    spent: int
    limit: int
    window: float
    """Seconds."""
    room_at: datetime | None
    """When the next one is allowed, if not now."""

    @property
    def left(self) -> int:
        """How many are left in the window that ends now."""
        return max(0, self.limit - self.spent)

    @classmethod
    def of(
        cls, limit: Limit, times: tuple[float, ...], now: float, room_at: datetime | None
    ) -> Self:
        """Count what was spent at `times`, seen from `now`."""
        spent = len(limit.fresh(times, now))
        full = spent >= limit.count
        return cls(
            spent=spent, limit=limit.count, window=limit.window, room_at=room_at if full else None
        )


class ProcessState(Part):
    """A process of this session."""

    pid: int
    started_at: datetime | None
    memory: int | None
    """Bytes that are in memory for it (VmRSS); pages it shares with others count in full."""


class Device(Part):
    """The account that the session is linked to."""

    paired: bool | None
    """Whether there are keys; null where nobody knows."""
    paired_at: datetime | None
    """When a phone last paired."""
    number: Secret | None = None
    """The account's phone number, digits only. Shown only to who asks for secrets."""
    ending: str | None = None
    """Its last two digits, which tell accounts apart and give nobody away."""
    session_ends_without_phone: datetime | None = None
    """When WhatsApp unlinks the device if the phone stays away: 14 days after its last sign."""
    phone_seen_at: datetime | None = None
    """The last sign of the phone that was noticed; it may have been online since, unnoticed."""
    session_ends_unused: datetime | None = None
    """When WhatsApp unlinks the device if it does not connect: 30 days after it last was."""
    connected_at: datetime | None = None
    """When the device was last known to be connected; null while it is."""


class PairingNow(Part):
    """How the pairing that is under way can be completed. It holds no code."""

    kind: Literal["qr", "pair_code"] | None
    """What there is to be scanned or typed; null while none shows."""
    until: datetime | None
    """When that dies; another one follows until the window is over."""
    window_until: datetime | None
    """When the pairing window is over."""
    shown_on: tuple[str, ...]
    """Where it shows: `terminal` (of the supervisor), `png:PATH`, `svg:PATH`, `payload:PATH`."""


class LastRun(Part):
    """How the supervisor that ran last ended."""

    pid: int | None
    host: str | None
    started_at: datetime | None
    ended_at: datetime | None
    """Null if nobody noted it: it was killed, or its machine went down."""
    exit_code: int | None
    """Its exit code, see docs/exit-codes.md; null where `ended_at` is."""
