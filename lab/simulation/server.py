"""What the simulated WhatsApp answers to a login: one row for each answer."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from wa_supervisor.lifecycle import Logout, facts
from wa_supervisor.lifecycle.facts import ChildFact

from .format_time import span


class Then(enum.Enum):
    """What whatsmeow does after a login was answered (connectionevents.go)."""

    ONLINE = "online"
    OVER = "over"  # a permanent disconnect: whatsmeow does not come back by itself
    UNLINKED = "unlinked"  # the same, and whatsmeow deletes the device from its store
    SILENT = "silent"  # no event at all, the socket stays open
    REDIAL = "redial"  # the server closes; whatsmeow redials


@dataclass(frozen=True)
class Answer:
    """An answer to a login: what it is, the fact neonize makes of it, and what follows."""

    sentence: str
    then: Then
    fact: Callable[[int], ChildFact] | None = None


ACCEPTED = Answer("accepts the login", Then.ONLINE)
REJECTED = Answer(
    "rejects the login (401)",
    Then.UNLINKED,
    lambda generation: facts.LoggedOut(generation, Logout.REJECTED),
)
LOCKED = Answer(
    "says the account is locked (403)",
    Then.UNLINKED,
    lambda generation: facts.LoggedOut(generation, Logout.LOCKED),
)
BANNED = Answer(
    "says the account is banned (406)",
    Then.UNLINKED,
    lambda generation: facts.LoggedOut(generation, Logout.BANNED),
)
OUTDATED = Answer("calls the client outdated (405)", Then.OVER, facts.ClientOutdated)
BAD_USER_AGENT = Answer("rejects the user agent (409)", Then.OVER, facts.BadUserAgent)
GENERIC = Answer(
    "refuses the connection (400)",
    Then.OVER,
    lambda generation: facts.ConnectFailure(generation, 400),
)
UNAVAILABLE = Answer("answers 503 and hangs up", Then.REDIAL)
SILENT = Answer("answers 503 and leaves the socket open", Then.SILENT)


def banned_for(seconds: float | None, code: int | None = 101) -> Answer:
    """A temporary ban (402). None for a ban of which WhatsApp does not say how long it lasts."""
    lasts = "for an unknown time" if seconds is None else f"for {span(seconds)}"
    return Answer(
        f"bans the account {lasts} (402)",
        Then.OVER,
        lambda generation: facts.TemporaryBan(generation, code, seconds),
    )
