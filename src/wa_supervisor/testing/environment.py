"""What the shell promises the core, and what the core promises the shell.

`Environment` is a small model of everything outside the core: one session process, the session's
files and the standing of its keys with WhatsApp. It says which facts can come next, and it objects
with `Broken` to an effect that breaks a promise. That makes it the specification of the seam; it
shares no code with the chart.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self, assert_never

from ..lifecycle import Child, DeadKeysPlan, Logout, Phase, Work, effects, facts
from ..lifecycle.facts import Fact
from .samples import ends_of, said_by

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..lifecycle import Session, Step


class Broken(AssertionError):
    """Raised when a promise was broken; the message tells which one and how it came to that."""


class Keys(enum.Enum):
    """How the session's keys stand with WhatsApp."""

    SOUND = "sound"  # good, or not there yet: the next dial logs in or pairs
    DOUBTED = "doubted"  # rejected at login: a snapshot may be tried, else they are to go
    HELD = "held"  # locked or banned: nothing may be cleared away before an operator relinks
    DEAD = "dead"  # unlinked on the phone, or given up by an operator


_DEAD = {
    DeadKeysPlan.PURGE: Keys.DEAD,
    DeadKeysPlan.RESTORE: Keys.DOUBTED,
    DeadKeysPlan.TRY: Keys.HELD,
    DeadKeysPlan.HOLD: Keys.HELD,
}

_STANDING = {
    Logout.REMOVED: Keys.DEAD,
    Logout.REJECTED: Keys.DOUBTED,
    Logout.LOCKED: Keys.HELD,
    Logout.BANNED: Keys.HELD,
    Logout.UNHEARD: Keys.DOUBTED,
}

STALE_SILENCE = 1
"""How many generations back a stale fact of `Environment.possible` comes from."""


@dataclass(frozen=True, slots=True)
class Environment:
    """The outside at one moment. Immutable: `after` gives the next one."""

    child: Child = Child.NONE
    generation: int = 0
    files: Work = Work.NONE
    keys: Keys = Keys.SOUND
    showing: bool = False
    """A QR or pair code is on display."""
    watching: bool = False
    """The shell looks whether WhatsApp can be reached."""
    inbox_full: bool = False
    """Nobody reads the inbox, and it holds no more."""
    dials_held: bool = False
    """Each dial needs to be allowed."""

    @classmethod
    def of(cls, session: Session) -> Self:
        """The world as this session believes it to be."""
        return cls(
            child=session.child,
            generation=session.generation,
            files=session.work,
            keys=_DEAD[session.dead_keys_plan] if session.dead_keys_plan else Keys.SOUND,
            watching=session.watching_network,
            inbox_full=session.inbox_full,
            dials_held=session.dials_held is not None,
        )

    def possible(self) -> Iterator[Fact]:
        """Every fact that can come now, clocks apart; late and repeated ones included."""
        yield from (facts.Start(), facts.Stop(), facts.Resume(), facts.Restart(), facts.Relink())
        yield from (facts.NetworkBack(), facts.InboxFull(), facts.InboxDrained())
        yield from (facts.DialsHeld("others are first"), facts.DialAllowed())
        if self.child is not Child.NONE:
            yield from said_by(self.generation)
            yield from ends_of(self.generation)
        if self.generation > STALE_SILENCE:
            stale = self.generation - STALE_SILENCE
            yield facts.LoggedOut(stale, Logout.REMOVED)
            yield facts.ChildExited(stale, 0, None)
        if self.files is Work.PURGING:
            yield from (facts.PurgeDone(), facts.PurgeFailed("the disk is full"))
        elif self.files is Work.RESTORING:
            yield from (facts.RestoreDone(), facts.NothingToRestore())
            yield facts.RestoreFailed("the disk is full")

    def after(self, step: Step) -> Environment:
        """The world once the step's fact was so and its effects were begun.

        Raises Broken if an effect breaks a promise.
        """
        asked = {type(effect) for effect in step.effects}
        both = {effects.StartChild, effects.StopChild} <= asked
        _promise(not both, "a child was started and stopped in one step")
        unasked = self.dials_held and not isinstance(step.fact, facts.DialAllowed)
        early = unasked and effects.StartChild in asked
        _promise(not early, "a child was started while dials were held")
        now = self._heard(step)
        for effect in step.effects:
            now = now._obey(effect)  # noqa: SLF001 - another Environment
        return now

    def restarted(self) -> Environment:
        """The world after the supervisor's process died: its child and its handlers went along."""
        return Environment(generation=self.generation, keys=self.keys, inbox_full=False)

    def _heard(self, step: Step) -> Environment:  # noqa: C901, PLR0911 - a table
        match step.fact:
            case facts.ChildFact(generation=generation) if (
                generation != self.generation or self.child is Child.NONE
            ):
                return self
            case facts.ChildExited() | facts.StartRefused():
                return replace(self, child=Child.NONE)
            case facts.InboxFull() | facts.InboxDrained():
                return replace(self, inbox_full=isinstance(step.fact, facts.InboxFull))
            case facts.DialsHeld():
                return replace(self, dials_held=True)
            case facts.LoggedOut(how=how) if self.keys is Keys.SOUND:
                return replace(self, keys=_STANDING[how])
            case facts.PurgeDone() if self.files is Work.PURGING:
                return replace(self, files=Work.NONE, keys=Keys.SOUND)
            case facts.RestoreDone() if self.files is Work.RESTORING:
                tried = self.keys in {Keys.DOUBTED, Keys.HELD}
                keys = Keys.SOUND if tried else self.keys
                return replace(self, files=Work.NONE, keys=keys)
            case facts.PurgeFailed() if self.files is Work.PURGING:
                return replace(self, files=Work.NONE)
            case facts.NothingToRestore() | facts.RestoreFailed() if self.files is Work.RESTORING:
                return replace(self, files=Work.NONE)
            case facts.Relink() if step.taken:
                return replace(self, keys=Keys.DEAD)
            case _:
                return self

    def _obey(self, effect: effects.Effect) -> Environment:  # noqa: C901, PLR0911 - a table
        match effect:
            case effects.StartChild(generation=generation):
                _promise(self.child is Child.NONE, "a second child was started")
                _promise(self.files is Work.NONE, "a child was started on files at work")
                _promise(self.keys is Keys.SOUND, f"a child was started on {self.keys.value} keys")
                _promise(generation == self.generation + 1, "a generation was left out or reused")
                _promise(not self.inbox_full, "a child was started while the inbox was full")
                return replace(self, child=Child.RUNNING, generation=generation)
            case effects.StopChild(generation=generation):
                _promise(self.child is not Child.NONE, "there is no child to stop")
                _promise(generation == self.generation, "a child of another time was to be stopped")
                return replace(self, child=Child.STOPPING)
            case effects.PurgeSession():
                self._files_free("purged")
                allowed = self.keys in {Keys.DEAD, Keys.DOUBTED}
                _promise(allowed, f"files with {self.keys.value} keys were purged")
                return replace(self, files=Work.PURGING)
            case effects.RestoreSession():
                self._files_free("restored")
                allowed = self.keys in {Keys.HELD, Keys.DOUBTED}
                _promise(allowed, f"a snapshot was put over {self.keys.value} keys")
                return replace(self, files=Work.RESTORING)
            case effects.ShowQr() | effects.ShowPairCode():
                return replace(self, showing=True)
            case effects.HidePairing():
                _promise(self.showing, "there was no code to hide")
                return replace(self, showing=False)
            case effects.WatchNetwork():
                _promise(not self.watching, "the network was watched already")
                return replace(self, watching=True)
            case effects.StopWatchingNetwork():
                _promise(self.watching, "there was no watch to end")
                return replace(self, watching=False)
            case effects.TakeSnapshot():
                _promise(self.child is Child.RUNNING, "a session that does not run was copied")
                _promise(self.keys is Keys.SOUND, f"{self.keys.value} keys were copied")
                return self
            case effects.Probe() | effects.ReportCrash() | effects.Notify():
                return self
            case _:
                assert_never(effect)

    def _files_free(self, done: str) -> None:
        _promise(self.child is Child.NONE, f"files were {done} under a living child")
        _promise(self.files is Work.NONE, f"files were {done} while already at work")


def _promise(kept: bool, otherwise: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not kept:
        raise Broken(otherwise)


RESTING = frozenset({Phase.ONLINE, Phase.GAVE_UP, Phase.STOPPED})
"""The phases a session may rest in for ever with nothing more to wait for."""
