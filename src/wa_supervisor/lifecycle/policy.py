"""Every number an operator may tune, and the pure arithmetic on them.

Times are seconds. Nothing here draws a random number: a delay is a function of the attempt and of
a sample in [0, 1) that the caller hands in.
"""

from __future__ import annotations

import enum
import math
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat

MINUTE = 60.0
HOUR = 60 * MINUTE
DAY = 24 * HOUR

Seconds = Annotated[FiniteFloat, Field(gt=0)]


class _Numbers(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Backoff(_Numbers):
    """How long to wait before the n-th retry, and how many there are."""

    shape: Literal["exponential", "fibonacci"] = "fibonacci"
    """How the delays grow: 1, 2, 4, 8 times the first, or 1, 1, 2, 3, 5 times."""
    base: Seconds = 1.0
    """The first delay."""
    cap: Seconds = 900.0
    """No delay exceeds it, jitter included."""
    jitter: Annotated[FiniteFloat, Field(ge=0, lt=1)] = 0.1
    """A delay is drawn evenly from this share below it to this share above it, or to the cap."""
    max_retries: Annotated[int, Field(ge=0)] | None = None
    """Retries without a stable connection in between before giving up; None: never for that."""
    stable_after: Annotated[FiniteFloat, Field(ge=0)] = 60.0
    """How long a connection must hold before its retries are forgiven; 0: at once."""

    def delay(self, attempt: int, sample: float) -> float:
        """Seconds before retry number `attempt` (the first is 1; 0 is no retry and no wait)."""
        if attempt <= 0:
            return 0.0
        growth = _power_of_two if self.shape == "exponential" else _fibonacci
        full = min(self.cap, self.base * growth(attempt))
        least, most = full * (1 - self.jitter), min(self.cap, full * (1 + self.jitter))
        return min(most, least + sample * (most - least))


def _power_of_two(attempt: int) -> float:
    return 2.0 ** min(attempt - 1, 1023)  # 2.0 ** 1024 overflows, and the cap rules long before


def _fibonacci(attempt: int) -> float:
    before, value = 0.0, 1.0
    for _ in range(min(attempt - 1, 1475)):  # the next one overflows to infinity
        before, value = value, before + value
    return value


PROFILES: dict[str, Backoff] = {
    # What WhatsApp Web itself does, as whatsapp-rust read it from the web client:
    # 1, 1, 2, 3, 5, 8, ... s, +-10 %, at most 15 min, for as long as it takes.
    "wa-web": Backoff(),
    # zeroclaw's whatsapp_web.rs: 3 s doubling to 300 s, ten tries, forgiven on Connected.
    "zeroclaw": Backoff(
        shape="exponential", base=3.0, cap=300.0, jitter=0.0, max_retries=10, stable_after=0.0
    ),
}
"""The named backoff profiles."""


class Limit(_Numbers):
    """At most `count` times within any `window` seconds."""

    count: Annotated[int, Field(ge=0)]
    """How many times."""
    window: Seconds
    """Seconds, counted back from each moment."""

    def fresh(self, times: tuple[float, ...], now: float) -> tuple[float, ...]:
        """The times that still count against the limit."""
        return tuple(t for t in times if t > now - self.window)

    def spent(self, times: tuple[float, ...], now: float) -> bool:
        """Whether one time more would exceed the limit."""
        return len(self.fresh(times, now)) >= self.count

    def room_at(self, times: tuple[float, ...], now: float) -> float:
        """When the next time is allowed: `now` if it is, else when the oldest one expires."""
        fresh = self.fresh(times, now)
        if len(fresh) < self.count:
            return now
        return fresh[-self.count] + self.window if self.count else math.inf


def _some(limit: Limit) -> Limit:
    if limit.count == 0:
        raise ValueError("count must be at least 1: a session that may never dial cannot be kept")
    return limit


class Budget(enum.Enum):
    """What is counted over a sliding window."""

    DIALS = "dials"
    FLAPS = "flaps"
    CONFLICTS = "conflicts"
    WINDOWS = "windows"
    BANS = "bans"
    CRASHES = "crashes"


class Conflict(enum.Enum):
    """What to do when another client takes the session over (StreamReplaced)."""

    HOLD = "hold"  # wait, come back a few times an hour, then give up
    YIELD = "yield"  # the other one has it: give up at once
    TAKEOVER = "takeover"  # come back quickly, a few times an hour, then give up


class Policy(_Numbers):
    """Everything the lifecycle decides by."""

    backoff: Backoff = PROFILES["wa-web"]

    start_timeout: Seconds = 90.0
    """From the start of the child to a QR or Connected. whatsmeow's dial, TLS and handshake may
    take 30 + 10 + 20 s, and Connected lags `<success>` by its prekey exchange."""
    pairing_window: Seconds = 180.0
    """One pairing window: whatsmeow's 60 + 5 x 20 s (qrchan.go) and a margin."""
    link_timeout: Seconds = 180.0
    """From pair-success to Connected."""
    reconnect_timeout: Seconds = 240.0
    """How long whatsmeow may redial by itself before its process is replaced. It dials 2 s later
    each time (client.go): until then every 30 s at least, and later ever less often."""
    keepalive_timeout: Seconds = 60.0
    """How long keepalives may fail once one did. whatsmeow notices within 40 s and reconnects
    after 180 s (keepalive.go): this is back within 120 s of the silence."""
    network_check_every: Seconds = 10.0
    """While cut off: between two looks whether WhatsApp's host can be reached. Once it can, the
    dial comes within as long again, if the dial budget has room."""
    stop_timeout: Seconds = 15.0
    """How long a child may outlive its stop before that is called stuck."""
    files_timeout: Seconds = 60.0
    """How long a purge or a restore may take."""

    conflict: Conflict = Conflict.HOLD
    """What to do once another program connects with the same keys: `hold` waits `conflict_wait` and
    comes back, `takeover` comes back quickly, both as often as `conflicts` allows, and then gives
    up; `yield` gives up at once."""
    conflict_wait: Seconds = 30.0
    """The least wait before coming back under `hold`."""

    pairing_pause: Seconds = 30.0
    """The pause after the first unused pairing window; it doubles with each further one."""
    pairing_pause_cap: Seconds = HOUR
    """No pause between two pairing windows exceeds it."""
    code_limit_wait: Seconds = 15 * MINUTE
    """The wait after WhatsApp refused a pair code for asking too often (429)."""

    ban_default: Seconds = DAY
    """The wait for a ban whose expiry WhatsApp did not say, or said as none or no number."""
    ban_max: Seconds = 366 * DAY
    """The longest wait for a ban: a stated expiry is waited for up to this, then tried again."""
    ban_margin: Seconds = MINUTE
    """Up to this much is added to a ban's expiry, so that nobody returns on the dot."""

    dials: Annotated[Limit, AfterValidator(_some)] = Limit(count=30, window=HOUR)
    """All starts of the client, whatever the cause. The wa-web ladder takes 17 in an hour."""
    flaps: Limit = Limit(count=10, window=10 * MINUTE)
    """Dropped connections that whatsmeow may mend by itself; it redials at once, every time."""
    conflicts: Limit = Limit(count=2, window=HOUR)
    """Returns after another client took over."""
    windows: Limit = Limit(count=20, window=DAY)
    """Pairing windows. With the growing pause, 20 reach through a night of 14 hours."""
    bans: Limit = Limit(count=2, window=30 * DAY)
    """Temporary bans to wait out; one more is held for an operator. Time under a ban is not
    counted, as a ban may last longer than the window."""
    crashes: Limit = Limit(count=20, window=HOUR)
    """Deaths of the session process that nobody asked for; one more is held for an operator. A
    process that never comes up takes the ladder's 17 and is retried for ever; only one that comes
    up, is forgiven and dies again spends this."""

    def limit(self, budget: Budget) -> Limit:
        """The limit of a budget."""
        limit: Limit = getattr(self, budget.value)
        return limit

    def pairing_delay(self, windows: int) -> float:
        """Seconds of pause after the n-th unused pairing window in a row."""
        return min(self.pairing_pause_cap, self.pairing_pause * _power_of_two(max(windows, 1)))

    def ban_delay(self, expires_in: float | None, sample: float) -> float:
        """Seconds to wait out a temporary ban; None, or what cannot be, waits `ban_default`."""
        stated = self.ban_default
        if expires_in is not None and 0 < expires_in < math.inf:
            stated = min(expires_in, self.ban_max)
        return stated + sample * self.ban_margin
