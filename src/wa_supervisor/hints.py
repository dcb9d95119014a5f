"""What helps, as data: a face turns it into a button or a command, a log into a phrase.

An error or a reason says *what* to do. How that is typed is the business of the command line alone:
a program that embeds us calls `Supervisor.resume`, and must not be asked to type.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable


class Action(enum.Enum):
    """Something that a person, or a program for them, can do. The value is its public code.

    In the phrase `{}` stands for the hint's subject: what that is, is said beside each action that
    has one.
    """

    phrase: str

    def __new__(cls, code: str, phrase: str) -> Self:
        """Make a member: the value is its code."""
        member = object.__new__(cls)
        member._value_, member.phrase = code, phrase
        return member

    # With the session
    RUN = "run", "start its supervisor"
    RESUME = "resume", "resume the session"
    RELINK = "relink", "link the session afresh"
    STOP = "stop", "stop its supervisor"
    STATUS = "status", "look at its status"
    CRASHES = "crashes", "look at its crash reports"
    HISTORY = "history", "look at its history"
    SNAPSHOTS = "snapshots", "list its snapshots"
    SESSIONS = "sessions", "list the sessions there are"
    FLEET_STATUS = "fleet_status", "look at its status in the fleet"
    FLEET_HISTORY = "fleet_history", "look at the history of {} in the fleet"  # its name
    PURGE = "purge", "set its keys aside, to link it afresh"
    RESTORE = "restore", "put its newest good snapshot back"
    # On the phone
    OPEN_WHATSAPP = "open_whatsapp", "open WhatsApp on the phone and do what it says"
    SCAN = "scan", "scan the QR, or type the pair code"
    # With what it runs on
    INSTALL = "install", "install {}"  # a package of Python, with its version if that matters
    REINSTALL = "reinstall", "install {} anew"  # as above
    UPGRADE = "upgrade", "upgrade {}"  # as above
    INSTALL_SYSTEM = "install_system", "install the system's package {}"  # Debian's name of it
    SET = "set", "check the setting {}"  # as in the TOML file: `database`, `pairing.qr`
    SET_VARIABLE = "set_variable", "check the environment variable {}"  # its name
    LOOK_AT = "look_at", "look at {}"  # a path
    CHECK_DISK = "check_disk", "check the free space of the disk and who owns {}"  # a path
    MAKE_DIRECTORY = "make_directory", "make the directory {}"  # a path
    MAKE_PRIVATE = "make_private", "let nobody but its owner use {}"  # a path
    MOVE_AWAY = "move_away", "move {} away"  # a path
    REMOVE = "remove", "remove {}"  # a path
    FIND_USER = "find_user", "end what uses {}"  # a path
    RUN_AS = "run_as", "do it as the user {}"  # a name, or `#` and a number
    END_PROCESS = "end_process", "end process {}"  # process ids, spaced


@dataclass(frozen=True, slots=True)
class Hint:
    """What helps: at most one action, and what else there is to say of it.

    `str` gives a phrase without a command in it: what is to be done first, the action, the note.
    """

    action: Action | None = None
    subject: str = ""
    """What the action is done to, see `Action`."""
    first: str = ""
    """What must be done before, in plain words: "mend the cause"."""
    note: str = ""
    """What else is good to know, in plain words: "nothing was lost"."""
    session: str | None = None
    """The session to do it with, if it is not the one at hand."""

    def __str__(self) -> str:
        action = self.action.phrase.format(self.subject) if self.action else ""
        steps = ", then ".join(filter(None, (self.first, action)))
        return "; ".join(filter(None, (steps, self.note)))


def phrase(hints: Iterable[Hint]) -> str:
    """Say what helps, one thing after another."""
    return ", then ".join(map(str, hints))
