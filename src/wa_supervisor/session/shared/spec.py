"""What a session process is told when it starts, and what its exit codes mean."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ...messages.defaults import BOT_DELIVERY, DURABILITY, BotDelivery, Durability
from .endpoint import Endpoint
from .watch import Watch

if TYPE_CHECKING:
    from pydantic import SecretStr


class ExitCode(enum.IntEnum):
    """Why a session process ended by itself; anything else is a crash or a signal."""

    STOPPED = 0  # it was asked to
    ENDED = 3  # connect() came back: the facts before it say why
    ORPHANED = 4  # the supervisor went away
    BOT_FAILED = 5  # the bot could not be imported, or its function raised
    UNUSABLE = 6  # neonize is missing, incomplete or not the one we know
    DEFECT = 7  # an exception of our own; its traceback was printed
    NO_ROOM = 8  # there was no memory to load neonize into


@dataclass(frozen=True, slots=True)
class InboxSpec:
    """Where a session process keeps what it receives."""

    directory: Path
    after: int = 0
    """The newest segment of the log that the inbox knows of, see `LogWriter.open`."""
    durability: Durability = DURABILITY
    bot_delivery: BotDelivery = BOT_DELIVERY


@dataclass(frozen=True, slots=True)
class Place:
    """A message of the inbox for the bot: its number, its place in the log, how it comes."""

    number: int
    segment: int
    offset: int
    late: bool
    redelivered: bool


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """One session process to start.

    `database` is the SQLite file, in a directory that exists; it is not used with `postgres`, the
    URL of a database. `paired` says that a device's keys are in it: the client will log in. With
    `phone` (international digits) a device that is not paired asks for a pair code instead of
    showing QRs. `bot` is "module:function"; the function is called with the neonize client before
    it connects.
    """

    session: str
    database: Path
    generation: int
    postgres: SecretStr | None = None
    paired: bool = False
    phone: SecretStr | None = None
    bot: str | None = None
    endpoint: Endpoint = field(default_factory=Endpoint)
    watch: Watch = field(default_factory=Watch)
    bot_start: float = 60.0
    """Seconds for the import of the bot and its function, which is to subscribe and return."""
    allow_unknown_neonize: bool = False
    leave_out: tuple[str, ...] = ()
    """Events, by name, that the bot shall not get: the client died of one that is of no use."""
    inbox: InboxSpec | None = None
    """None: nothing that is received is kept."""


@dataclass(frozen=True, slots=True)
class StopBounds:
    """How long each rung of the stop ladder may take, in seconds."""

    ask: float = 1.0
    """For the client to end, beyond what it may take to drain."""
    term: float = 0.5
    kill: float = 1.0
