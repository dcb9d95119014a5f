"""What is said over the control socket in a conversation: a JSON object a line, each way.

Addresses and texts are secrets in these records, and revealed on the wire alone.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from ..control import write_line
from ..errors import SupervisorError
from ..gate_answers import GateExplanation, GateQuestion, GateStanding
from ..messages.errors import MessagesError, SendError
from ..messages.message import Kind
from ..session.shared.secret import ON_THE_WIRE, AnySecret, LongSecret, Secret

if TYPE_CHECKING:
    import asyncio

READER: Final = "listen"
"""The reader's name that `wa-supervisor listen` has by default: not that of a program's own."""

LONGEST_REPLY: Final = 32 << 20
"""Bytes of a line from the supervisor."""

LONGEST_SEND: Final = 3600.0
"""Seconds that a message may wait for a connection."""

Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Problem(_Record):
    """An error of the supervisor's, for the command to tell."""

    code: str
    """Of a send its public name, such as `restricted`; else the error's class."""
    message: str
    hint: str | None = None
    retriable: bool = False

    @classmethod
    def of(cls, error: SupervisorError) -> Problem:
        """Say it of an error."""
        return cls(
            code=error.code if isinstance(error, SendError) else type(error).__name__,
            message=str(error),
            hint=str(error.hint) if error.hint else None,
            retriable=isinstance(error, MessagesError) and error.retriable,
        )


class ListenRequest(_Record):
    """Asks for messages, one at a time."""

    reader: Name = READER
    """Whose place in the inbox it is."""
    kinds: frozenset[Kind] | None = None
    """Only these; None: all but what could not be decrypted yet."""
    forget: bool = False
    """Nothing is to be kept for this reader any more; nothing is handed out."""


class FromListener(_Record):
    """What a listener says."""

    acknowledge: tuple[int, ...] = ()
    """The numbers of messages that need not come again."""
    next: bool = False
    """It takes one more message."""


class ToListener(_Record):
    """What a listener is told: one of these."""

    begun: bool = False
    """It has the reader's name now."""
    message: AnySecret | None = None
    """A message of any length, as JSON (`message_json`)."""
    acknowledged: tuple[int, ...] = ()
    """What was asked to be acknowledged is kept."""
    problem: Problem | None = None
    """Why it is over."""


class SendRequest(_Record):
    """Asks for a text to be sent."""

    to: Secret
    text: LongSecret
    key: Annotated[str, Field(min_length=1, max_length=256)]
    reply_to: Secret | None = None
    """The number or id of a message that `listen` has handed out."""
    when_offline: Literal["wait", "raise"] = "wait"
    timeout: Annotated[FiniteFloat, Field(gt=0, le=LONGEST_SEND)]


class SendReply(_Record):
    """How a send went."""

    id: Secret | None = None
    at: datetime | None = None
    problem: Problem | None = None


class GateRequest(_Record):
    """Asks about the gate, or for a change of it."""

    action: Literal["show", "explain", "allow", "deny"]
    entry: Secret | None = None
    """Of `allow` and `deny`."""
    question: GateQuestion | None = None
    """Of `explain`."""


class GateReply(_Record):
    """What the gate says."""

    standing: GateStanding | None = None
    explanation: GateExplanation | None = None
    """Of `explain`; and, of `allow` and `deny`, what it does with the person now."""
    problem: Problem | None = None


async def say(writer: asyncio.StreamWriter, reply: ToListener | SendReply | GateReply) -> None:
    """Say one line, with the secrets that are in it."""
    await write_line(writer, dump(reply))


def dump(record: BaseModel) -> str:
    """Return a record as it goes over the socket."""
    return record.model_dump_json(context=ON_THE_WIRE, exclude_defaults=True)


def whole(record: BaseModel) -> str:
    """Return a record as a program gets it that asked for it, with every field."""
    return record.model_dump_json(context=ON_THE_WIRE)
