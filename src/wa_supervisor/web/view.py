"""What the page says of a session, as plain values for its templates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from ..lifecycle import State
from ..redaction import printable
from ..step_words import in_words, shortened
from ..times import span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ..gate_answers import GateExplanation
    from ..journal.entries import Entry
    from ..status import Status

SHOWN_STEPS: Final = 30
"""Steps of the history on the page."""

SOON: Final = timedelta(days=3)
"""So long before WhatsApp unlinks a device that is said first."""

LAST_PATH: Final = 4
"""Moves that the chart draws."""

_MEANT: Final = {
    State.INIT: "dialling WhatsApp",
    State.PAIRING: "waiting for the phone",
    State.CONNECTED: "messages are heard",
    State.LOGGED_OUT: "the keys are dead",
    State.PURGING: "clearing the dead session away",
    State.BACKOFF: "waiting before the next dial",
    State.GAVE_UP: "waiting for a person",
    State.STOPPED: "stopped by an operator",
}
_SUBSTATES: Final = {
    "degraded": "WhatsApp leaves pings unanswered",
    "reconnecting": "the connection dropped, the client redials",
    "linking": "scanned: the first login is under way",
}
_BUDGETS: Final = {
    "dials": "Dials this hour",
    "windows": "Pairing windows in 24 h",
    "conflicts": "Conflicts",
    "bans": "Bans",
    "flaps": "Drops soon after login",
    "crashes": "Crashes",
}


@dataclass(frozen=True, slots=True)
class Countdown:
    """Something that comes about at a time."""

    label: str
    until: datetime
    left: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Meter:
    """How much of a budget is spent."""

    label: str
    spent: int
    limit: int
    until: datetime | None

    @property
    def is_full(self) -> bool:
        """Whether nothing is left."""
        return self.spent >= self.limit


@dataclass(frozen=True, slots=True)
class Line:
    """A step of the history."""

    at: datetime
    before: str
    after: str
    what: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Somebody whom the gate refused."""

    who: str
    sentence: str
    entries: tuple[str, ...]
    settings: tuple[str, ...]


class View:
    """One session as the page shows it."""

    def __init__(self, status: Status) -> None:
        self.status = status

    @property
    def tone(self) -> str:
        """`ask` waits for a scan, `bad` for a person, `good` is heard, `wait` heals by itself."""
        if self.status.state is State.STOPPED:
            return "off"
        if self._shows_code:
            return "ask"
        if self.status.needs_person:
            return "bad"
        return "good" if self.status.is_ready else "wait"

    @property
    def _shows_code(self) -> bool:
        return self.status.state is State.PAIRING and self.status.substate != "linking"

    @property
    def who(self) -> str:
        """Who must act, in the largest letters."""
        status = self.status
        if status.state is State.STOPPED:
            return "It is stopped"
        if self._shows_code:
            by_code = status.pairing is not None and status.pairing.kind == "pair_code"
            return "Type the code on the phone" if by_code else "Scan the code with the phone"
        if status.who == "operator":
            return "You must act"
        if status.who == "phone":
            return "The person with the phone must act"
        return "All is well" if status.is_ready else "Nobody must act"

    @property
    def what(self) -> str:
        """What happened and what that means, in a sentence."""
        status = self.status
        if self._shows_code:
            return "In WhatsApp on the phone: Settings, then Linked devices, then Link a device."
        if status.sentence:
            return status.sentence
        if status.is_ready:
            return "The session is connected, and messages are heard."
        return f"{self.meaning[:1].upper()}{self.meaning[1:]}: it heals by itself."

    @property
    def todo(self) -> tuple[str, ...]:
        """What to do, one thing after another."""
        hints = () if self.status.state is State.PAIRING else self.status.hints
        return tuple(text[:1].upper() + text[1:] + "." for text in map(str, hints))

    @property
    def wants(self) -> frozenset[str]:
        """The buttons that what is to be done names."""
        return frozenset(each.action.value for each in self.status.hints if each.action)

    @property
    def detail(self) -> tuple[str, ...]:
        """The particulars, as far as there is a reason that they belong to."""
        if not self.status.reason:
            return ()
        return tuple(filter(None, map(printable, self.status.detail.splitlines()[:8])))

    @property
    def meaning(self) -> str:
        """What the state means."""
        return _SUBSTATES.get(self.status.substate or "", _MEANT[self.status.state])

    @property
    def where(self) -> str:
        """The state and sub-state."""
        status = self.status
        plain = status.substate in {None, "online"}
        return status.state.value if plain else f"{status.state.value}, {status.substate}"

    @property
    def length(self) -> str:
        """For how long."""
        return span(self.status.ts - self.status.since) if self.status.since else ""

    @property
    def countdowns(self) -> tuple[Countdown, ...]:
        """What comes about, the soonest first."""
        return tuple(sorted(self._countdowns(), key=lambda each: each.until))

    def _countdowns(self) -> Iterator[Countdown]:
        status, device = self.status, self.status.device
        pairing = status.pairing
        found = (
            ("Next dial", status.not_before, ""),
            ("Ban is over", status.ban_until, ""),
            ("Pairing window closes", pairing.window_until if pairing else None, ""),
            (
                "Unlinked if the phone stays away",
                device.session_ends_without_phone,
                "14 days after its last sign",
            ),
            (
                "Unlinked if it stays unused",
                device.session_ends_unused,
                "30 days after it was connected",
            ),
        )
        for label, until, note in found:
            if until is not None and until > status.ts:
                yield Countdown(label, until, span(until - status.ts), note)

    @property
    def soon(self) -> tuple[Countdown, ...]:
        """What comes about before long, and that something depends on."""
        near = self.status.ts + SOON
        return tuple(each for each in self.countdowns if not each.note or each.until < near)

    @property
    def meters(self) -> tuple[Meter, ...]:
        """The budgets: dials always, the others once something is spent."""
        return tuple(
            Meter(_BUDGETS.get(name, name), each.spent, each.limit, each.room_at)
            for name, each in self.status.budgets.items()
            if name in {"dials", "windows"} or each.spent
        )

    @property
    def facts(self) -> tuple[tuple[str, str], ...]:
        """What else there is to know, a label and words."""
        return tuple((label, printable(text)) for label, text in self._facts())

    def _facts(self) -> Iterator[tuple[str, str]]:
        yield from self._account()
        yield from self._messages()
        yield from self._processes()

    def _account(self) -> Iterator[tuple[str, str]]:
        status, device = self.status, self.status.device
        if device.paired is False:
            yield "Account", "not paired: there are no keys"
        elif device.paired:
            name = f"number ends in {device.ending}" if device.ending else "paired"
            since = f", since {device.paired_at:%d %b %Y}" if device.paired_at else ""
            yield "Account", f"{name}{since}"
        if device.phone_seen_at:
            yield "Phone", f"last sign {span(status.ts - device.phone_seen_at)} ago"

    def _messages(self) -> Iterator[tuple[str, str]]:
        status, received = self.status, self.status.received
        if status.bot_busy:
            yield "Bot", "busy: a handler has been at work for too long; what came since waits"
        if received is None:
            return
        waits = f"{received.waiting} waiting"
        if received.oldest and received.waiting:
            waits += f", the oldest for {span(status.ts - received.oldest)}"
        full = "; full: the rest waits at WhatsApp" if received.is_full else ""
        yield "Inbox", f"{waits}, {received.total} received{full}"
        if received.set_aside:
            yield "Set aside", f"{received.set_aside}: the bot's handlers failed on them"
        if received.refused:
            each = ", ".join(
                f"{count} {why.replace('_', ' ')}" for why, count in received.refused.items()
            )
            yield "Gate", f"refused {each}"

    def _processes(self) -> Iterator[tuple[str, str]]:
        status = self.status
        if status.retries:
            yield "Retries", f"{status.retries} since the last stable connection"
        if status.uptime is not None:
            yield "Supervisor", f"up {span(status.uptime)}{_memory(status.process)}"
        if status.client:
            yield "Client", f"process number {status.generation}{_memory(status.client)}"
        known = status.versions
        names = [name for name in ("wa-supervisor", "neonize", "whatsmeow") if name in known]
        if names:
            yield "Versions", ", ".join(f"{name} {known[name]}" for name in names)

    @property
    def troubles(self) -> tuple[tuple[str, str], ...]:
        """What is wrong beside the session itself."""
        return tuple((label, printable(text)) for label, text in self._troubles())

    def _troubles(self) -> Iterator[tuple[str, str]]:
        status = self.status
        if status.restricted_at:
            ago = span(status.ts - status.restricted_at)
            said = f"WhatsApp refused a message to a new contact (463) {ago} ago"
            yield "Restricted", said
        if status.journal:
            yield "Steps cannot be recorded", status.journal
        for channel, why in status.notify.items():
            yield f"Nobody can be called by {channel}", why
        if status.received and status.received.trouble:
            yield "Inbox", status.received.trouble
        if status.trouble:
            yield "Not everything is known", status.trouble

    def refusals(self, *, revealed: bool) -> tuple[Refusal, ...]:
        """Whom the gate refused of late; with addresses only if they may be `revealed`."""
        received = self.status.received
        lately = received.refused_lately if received else ()
        return tuple(_refusal(each, revealed=revealed) for each in lately)


def _refusal(found: GateExplanation, *, revealed: bool) -> Refusal:
    person = found.phone or found.lid
    entries = [each.entry.get_secret_value() for each in found.remedies if each.entry]
    settings = [f"{each.setting} = {each.value}" for each in found.remedies if each.setting]
    who = person.get_secret_value() if person else " in ".join(reversed(entries))
    return Refusal(
        who=printable(who) if who and revealed else "somebody",
        sentence=found.sentence,
        entries=tuple(entries) if revealed else (),
        settings=tuple(settings),
    )


def _memory(process: object) -> str:
    memory = getattr(process, "memory", None)
    return f", {memory / (1 << 20):.0f} MiB" if memory else ""


def lines(entries: Sequence[Entry]) -> list[Line]:
    """Put the newest steps into words, the newest first; moves, and what has a reason."""
    return [
        Line(
            at=each.ts,
            before=each.before,
            after=f"{each.after}, {each.substate}" if each.substate else each.after,
            what=in_words(each.fact),
            reason=each.reason or "",
            detail=printable(shortened(each.detail)) if each.reason else "",
        )
        for each in reversed(entries[-SHOWN_STEPS:])
    ]


def last_path(entries: Iterable[Entry], state: State) -> tuple[str, ...]:
    """The states that were gone through of late, the newest last."""
    path: list[str] = []
    for each in entries:
        if each.before != each.after:
            if not path or path[-1] != each.before:
                path.append(each.before)
            path.append(each.after)
    path = path[-LAST_PATH - 1 :]
    return tuple(path) if path and path[-1] == state.value else (state.value,)


def ahead(until: datetime, now: datetime) -> str:
    """How far a time lies ahead."""
    return span(max(until - now, timedelta()))
