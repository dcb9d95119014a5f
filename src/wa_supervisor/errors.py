"""Every error this package raises, as one tree.

SupervisorError
├── ConfigError           a setting is wrong; nothing was started
│   └── WrongSettings     it is one of `Settings`; each is named
├── TooFewDescriptors     the process may have too few files open for one more session
├── TooManySessions       a limit of the machine leaves no room for one more session
├── Misused               an object was used in a way it cannot be
├── Hopeless              what is waited for cannot come about without an operator
├── WaitTimeout           what was waited for did not come about in time
├── StoreError            the session's files cannot be used as they are
│   ├── JournalError      the journal of steps cannot be read or written
│   ├── LockHeld          another supervisor owns the session
│   ├── Damaged           the session's database is broken
│   ├── KeysGone          the session was paired, and its keys are gone
│   ├── Unreachable       the session's database is locked, or its server does not answer
│   └── UnsafePermissions others could read the session's keys, or own its files
├── ControlError          a running supervisor cannot be spoken to
│   └── NotRunning        none runs
├── SessionError          the session process could not be started or spoken to
│   ├── BotUnusable       there is no such bot, or what has its name cannot be one
│   ├── FrameError        it said what is no frame
│   ├── NeonizeUnusable   neonize is missing, incomplete or not the one we know
│   ├── NoRoom            there is no memory or descriptor to load neonize with
│   └── PatchError        neonize's library is not laid out as a test server needs it
├── NotSaid               a notice was not taken by whoever should call a person
├── FleetError            an order to a fleet cannot be carried out, see `fleet.errors`
└── MessagesError         of what flows through a session, see `messages.errors`

Misuse raises. What the outside world does never raises: it becomes a fact.
"""

from __future__ import annotations

from .hints import Hint


class SupervisorError(Exception):
    """The base of all errors of this package.

    The message says what happened and why; `hint` is what helps, if that is known. A hint that is
    handed in as a text is one of plain words, without an action.
    """

    hint: Hint | None

    def __init__(self, message: str, *, hint: Hint | str | None = None) -> None:
        if type(self) is SupervisorError:
            raise TypeError("raise a leaf of SupervisorError, not the base")
        super().__init__(message)
        self.hint = Hint(note=hint) if isinstance(hint, str) else hint

    @property
    def advice(self) -> str:
        """The message and the hint, if there is one, in one line."""
        return f"{self}. Try: {self.hint}" if self.hint else str(self)


class ConfigError(SupervisorError):
    """Raised when a setting is unknown, malformed or contradicts another one."""


class TooFewDescriptors(SupervisorError):
    """Raised when the process may have too few files open for one more session."""


class TooManySessions(SupervisorError):
    """Raised when a limit of the machine leaves no room for one more session beside the others."""


class Misused(SupervisorError):
    """Raised when an object is used in a way it cannot be, such as one supervisor run twice."""


class Hopeless(SupervisorError):
    """Raised when what is waited for cannot come about unless an operator acts."""


class WaitTimeout(SupervisorError, TimeoutError):
    """Raised when what was waited for did not come about in time."""


class StoreError(SupervisorError):
    """Raised when a session's files cannot be used as they are."""


class JournalError(StoreError):
    """Raised when the journal cannot be read or written, or is of a newer version than we know."""


class LockHeld(StoreError):
    """Raised when another process, here or elsewhere, owns the session; the message names it."""


class Damaged(StoreError):
    """Raised when a session's database, or a copy of it, is broken."""


class KeysGone(StoreError):
    """Raised when a session's keys are gone though no purge took them: copies are still there."""


class Unreachable(StoreError):
    """Raised when a session's database cannot be used now: locked, or its server is away."""


class UnsafePermissions(StoreError):
    """Raised when other users could read or replace the session's keys, or own its files."""


class ControlError(SupervisorError):
    """Raised when a running supervisor cannot be spoken to, or refuses an order."""


class NotRunning(ControlError):
    """Raised when no supervisor runs for the session."""


class SessionError(SupervisorError):
    """Raised when the session process cannot be started or spoken to."""


class BotUnusable(SessionError):
    """Raised when there is no such bot, or what has its name cannot be one."""


class FrameError(SessionError):
    """Raised when the other end said something that is not a frame; it quotes nothing of it."""


class NeonizeUnusable(SessionError):
    """Raised when neonize is not installed, lacks its Go library or is not the one we know."""


class NoRoom(SessionError):
    """Raised when there is no memory, or no descriptor, to load neonize with; that may pass."""


class PatchError(SessionError):
    """Raised when the library's memory is not laid out as this release's should be."""
