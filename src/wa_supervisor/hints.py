"""What helps, as data: a face turns it into a button or a command, a log into a phrase.

An error or a reason says *what* to do. How that is typed is the business of the command line alone:
a program that embeds us calls `Supervisor.resume`, and must not be asked to type.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Action(enum.Enum):
    """Something that a person, or a program for them, can do. The value is a phrase for it.

    `{}` stands for the hint's subject: what that is, is said beside each action that has one.
    """

    # With the session
    RUN = "start its supervisor"
    RESUME = "resume the session"
    RELINK = "link the session afresh"
    STOP = "stop its supervisor"
    STATUS = "look at its status"
    CRASHES = "look at its crash reports"
    HISTORY = "look at its history"
    SNAPSHOTS = "list its snapshots"
    SESSIONS = "list the sessions there are"
    PURGE = "set its keys aside, to link it afresh"
    RESTORE = "put its newest good snapshot back"
    # On the phone
    OPEN_WHATSAPP = "open WhatsApp on the phone and do what it says"
    SCAN = "scan the QR, or type the pair code"
    # With what it runs on
    INSTALL = "install {}"  # a package of Python, with its version if that matters
    REINSTALL = "install {} anew"  # as above
    UPGRADE = "upgrade {}"  # as above
    INSTALL_SYSTEM = (
        "install the system's package {}"  # a package of the operating system, by Debian's name
    )
    SET = "check the setting {}"  # as in the TOML file: `database`, `pairing.qr`
    SET_VARIABLE = "check the environment variable {}"  # its name
    LOOK_AT = "look at {}"  # a path
    CHECK_DISK = "check the free space of the disk and who owns {}"  # a path
    MAKE_DIRECTORY = "make the directory {}"  # a path
    MAKE_PRIVATE = "let nobody but its owner use {}"  # a path
    MOVE_AWAY = "move {} away"  # a path
    REMOVE = "remove {}"  # a path
    FIND_USER = "end what uses {}"  # a path
    RUN_AS = "do it as the user {}"  # a name, or `#` and a number
    END_PROCESS = "end process {}"  # process ids, spaced


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
        action = self.action.value.format(self.subject) if self.action else ""
        steps = ", then ".join(filter(None, (self.first, action)))
        return "; ".join(filter(None, (steps, self.note)))
