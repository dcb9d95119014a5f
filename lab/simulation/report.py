"""A story in plain text for a screen of 80 columns: the timeline, the summary, the outcome."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from wa_supervisor.lifecycle import Phase, Step, effects, facts
from wa_supervisor.lifecycle.facts import Fact

from .checks import Finding
from .format_time import clock, span
from .scenario import Scenario
from .story import Entry, Story, busiest

WIDTH = 80
MOMENT = 0.05
"""Shorter waits, in seconds, are not worth a word."""
PATTERN = 3
"""Fewer rounds that are alike are told one by one."""

FACTS: dict[type[Fact], str] = {
    facts.QrOffered: "a QR came",
    facts.PairCodeOffered: "a pair code came",
    facts.PairSucceeded: "the phone paired",
    facts.PairingTimedOut: "the codes ended unscanned",
    facts.PairingFailed: "pairing broke off",
    facts.PairCodeRefused: "no pair code was given",
    facts.PasskeyRequested: "a passkey was asked for",
    facts.ScannedWithoutMultidevice: "scanned by a phone that cannot link",
    facts.Connected: "logged in",
    facts.Disconnected: "the connection dropped",
    facts.KeepAliveTimeout: "a ping went unanswered",
    facts.KeepAliveRestored: "pings are answered again",
    facts.ProbeAnswered: "a request is answered",
    facts.ProbeFailed: "a request goes unanswered",
    facts.ChildSilent: "the process hangs",
    facts.BotBusy: "the bot is busy",
    facts.BotFree: "the bot is free again",
    facts.NetworkBack: "the network is back",
    facts.StreamError: "an unknown stream error came",
    facts.DialFailed: "the dial failed",
    facts.ConnectFailure: "WhatsApp refused the connection",
    facts.StorageFailed: "the session database failed",
    facts.StorageUnavailable: "the session database is away",
    facts.ClientUnusable: "neonize cannot be used",
    facts.BotFailed: "the bot ended the process",
    facts.LoggedOut: "WhatsApp disowned the keys",
    facts.TemporaryBan: "banned for a time",
    facts.StreamReplaced: "another program took the session over",
    facts.ClientOutdated: "the client is outdated",
    facts.BadUserAgent: "the user agent was rejected",
    facts.ChildExited: "the process ended",
    facts.PurgeDone: "the files are cleared away",
    facts.PurgeFailed: "the files could not be cleared away",
    facts.RestoreDone: "the snapshot was put back",
    facts.NothingToRestore: "there is no snapshot",
    facts.RestoreFailed: "the snapshot could not be put back",
    facts.Start: "the supervisor starts",
    facts.Stop: "stopped by the operator",
    facts.Resume: "resumed by the operator",
    facts.Restart: "restarted by the operator",
    facts.Relink: "relinked by the operator",
    facts.StartTimedOut: "nothing came of the start in time",
    facts.PairingWindowClosed: "the pairing window is over",
    facts.LinkTimedOut: "the first login never completed",
    facts.StayedUp: "stable",
    facts.ReconnectTimedOut: "whatsmeow redialled for too long",
    facts.KeepAliveGone: "pings stayed unanswered for too long",
    facts.BackoffElapsed: "the wait is over",
    facts.StopTimedOut: "the process cannot be ended",
    facts.FilesTimedOut: "the work on the files took too long",
}
"""Each fact in a few words; one that is not here is said by its name."""


def _happened(fact: Fact) -> str:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", fact.name)
    return FACTS.get(type(fact), spaced.lower())


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the timeline."""

    at: float
    state: str
    """A public state, or `*` for a turn of the world."""
    text: str

    @property
    def kind(self) -> tuple[str, str]:
        """What it is, numbers aside: repeated kinds are drawn together."""
        return self.state, re.sub(r"[\d.]+ ?\w*", "#", self.text)


def lines(story: Story) -> list[Line]:
    """The timeline: the turns of the world, and the steps that led or asked somewhere."""
    told: list[Line] = []
    since = 0.0
    for entry in story.entries:
        line = _line(entry, entry.at - since)
        if line is not None:
            told.append(line)
        if entry.step is None or entry.step.phase_before is not entry.step.phase_after:
            since = entry.at if entry.step is not None else since
    return told


def _line(entry: Entry, stayed: float) -> Line | None:
    step = entry.step
    if step is None:
        return Line(entry.at, "*", entry.sentence)
    begins = isinstance(step.fact, facts.Start)
    if not begins and not (step.taken and _worth_telling(step)):
        return None
    words = [_happened(step.fact), *_asked(step, stayed)]
    if step.phase_after.substate not in {None, "online"}:
        words[0] += f" ({step.phase_after.substate})"
    if step.phase_after is Phase.BACKOFF and step.session.not_before is not None:
        wait = step.session.not_before - entry.at
        words += [f"wait {span(wait)}"] if wait > MOMENT else []
    return Line(entry.at, step.phase_after.state.value, "; ".join(words))


def _worth_telling(step: Step) -> bool:
    quiet = all(isinstance(e, effects.ShowQr | effects.ShowPairCode) for e in step.effects)
    return step.phase_before is not step.phase_after or not quiet


def _asked(step: Step, stayed: float) -> Iterator[str]:
    for effect in step.effects:
        match effect:
            case effects.StartChild(generation=generation):
                waited = step.phase_before is Phase.BACKOFF and stayed > MOMENT
                yield (f"after {span(stayed)} " if waited else "") + f"process {generation} starts"
            case effects.PurgeSession():
                yield "purge"
            case effects.RestoreSession():
                yield "put the snapshot back"
            case effects.Notify(reason=reason):
                yield f"tell a person: {reason.value}"
            case _:
                pass


def timeline(story: Story) -> Iterator[str]:
    """The timeline as text; rounds that repeat are told once and counted."""
    yield from _folded(lines(story))


def _folded(told: list[Line]) -> Iterator[str]:
    kinds = [line.kind for line in told]
    here = 0
    while here < len(told):
        length, rounds = _repetition(kinds, here)
        for line in told[here : here + length]:
            yield from _text(line)
        here += length * rounds
        if rounds > 1:
            yield f"{'':14}...  {rounds - 1} more rounds like this until {clock(told[here - 1].at)}"


def _repetition(kinds: list[tuple[str, str]], here: int) -> tuple[int, int]:
    """The length and the number of the rounds that begin here: at least three, else (1, 1)."""
    best = (1, 1)
    for length in range(1, 9):
        rounds = 1
        first = kinds[here : here + length]
        while kinds[here + rounds * length : here + (rounds + 1) * length] == first:
            rounds += 1
        if rounds >= PATTERN and length * rounds > best[0] * best[1]:
            best = (length, rounds)
    return best


def _text(line: Line) -> Iterator[str]:
    head = f"{clock(line.at):13} {line.state:>9}  "
    yield from textwrap.wrap(
        line.text, WIDTH, initial_indent=head, subsequent_indent=" " * len(head)
    )


def heading(scenario: Scenario) -> Iterator[str]:
    """What the scenario is about."""
    yield f"{scenario.name}  ({scenario.reference})"
    for label, text in (("there", scenario.happened), ("here", scenario.promise)):
        yield from textwrap.wrap(
            text, WIDTH, initial_indent=f"  {label + ':':7}", subsequent_indent=" " * 9
        )


def outcome(findings: Iterable[Finding]) -> Iterator[str]:
    """Each check with what was found."""
    for found in findings:
        mark = "kept  " if found.kept else "BROKEN"
        text = found.sentence + (f": {found.figure}" if found.figure else "")
        yield from textwrap.wrap(
            text, WIDTH, initial_indent=f"  {mark}  ", subsequent_indent=" " * 10
        )


def summary(story: Story) -> Iterator[str]:
    """The figures of a story."""
    spent = sorted(story.time_in().items(), key=lambda item: -item[1])
    # A state and its share stay on one line.
    states = "  ".join(f"{state}~{span(share).replace(' ', '~')}" for state, share in spent)
    wrapped = textwrap.wrap(states, WIDTH, initial_indent="  time  ", subsequent_indent=" " * 8)
    yield from (line.replace("~", " ") for line in wrapped)
    bans = len(story.facts(facts.TemporaryBan))
    yield (
        f"  dials {len(story.dials)}, at most {busiest(story.dials)} in an hour"
        f"; whatsmeow's own redials {story.redials}"
    )
    retries = max((step.session.retries for _, step in story.steps()), default=0)
    yield (
        f"  retries in a row {retries}, bans {bans}"
        f", pairing windows {len(story.windows)}, pairings {len(story.pairings)}"
        f", purges {len(story.purges)}"
    )
    told = sorted({reason.value for _, reason in story.notified})
    if told:
        yield from textwrap.wrap(
            ", ".join(told), WIDTH, initial_indent="  told a person: ", subsequent_indent=" " * 17
        )


def verdict(findings: Iterable[Finding]) -> str:
    """The outcome in one line."""
    return "PROMISE BROKEN" if any(not f.kept for f in findings) else "promise kept"
