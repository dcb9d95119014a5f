"""What the supervisor and a session process say to each other.

One JSON object a line, both ways, over a socket of their own; fd 1 and 2 belong to Go's prints.
Every frame has a `kind` and the `generation` of the process it concerns. Both ends validate what
they read, once: kind, fields, length of every text, range of every number.
"""

from __future__ import annotations

import dataclasses
import enum
import json
from dataclasses import replace
from typing import Annotated, Any, Final, Literal, Self, TypeAlias, TypeVar, get_type_hints

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
    create_model,
)

from ...errors import FrameError
from ...gate import GatePolicy
from ...lifecycle import facts
from .inheritance import Inheritance
from .secret import ON_THE_WIRE, LongSecret, Secret
from .spec import ChildSpec, InboxSpec

MAX_LINE_UP: Final = 64 * 1024
"""Bytes; a QR is about 350, a line of a log rarely over 4 KiB: longer means a broken writer."""
MAX_LINE_DOWN: Final = 16 * 1024 * 1024
"""Bytes; the environment of a program may have some MiB (execve(2))."""
MAX_MESSAGE: Final = 8 * 1024
"""Characters of a logged message."""
MAX_TEXT: Final = 2000
"""Characters of a text in a fact."""
MAX_SECONDS: Final = 1e9
"""Of any time in a fact: 31 years. Longer ones overflow what dates are computed with."""

Text: TypeAlias = Annotated[str, Field(max_length=MAX_TEXT)]
Number: TypeAlias = Annotated[int, Field(ge=-(2**31), lt=2**31)]
Seconds: TypeAlias = Annotated[float, Field(ge=0, le=MAX_SECONDS)]
Count: TypeAlias = Annotated[int, Field(ge=0, lt=2**63)]


Question: TypeAlias = Literal["pulse", "probe", "who_am_i", "phone_of"]
"""Does the process live? Does WhatsApp answer? Which addresses are ours (answered by JIDs)? Which
phone number has the LID that it is about (answered by its JID, or by nothing)?"""


Work: TypeAlias = Literal[
    "send_text", "send_media", "react", "edit", "revoke", "mark_read", "typing", "download", "call"
]
"""What can be done with the client, see `child.requests`."""


class _Frame(BaseModel):
    """One line. Its secrets are revealed by `encode`, on the wire, and nowhere else."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,  # it may hold a QR payload, and errors are logged
    )

    generation: Annotated[int, Field(ge=0, lt=2**63)]


class Hello(_Frame):
    """The process is up, with the neonize library loaded and its version checked."""

    kind: Literal["hello"] = "hello"
    pid: Number
    neonize: Text


class FactFrame(_Frame):
    """A fact. Each has a frame of its own, made below, whose kind is the fact's public name."""

    kind: str

    @property
    def fact(self) -> facts.ChildFact:
        """The fact itself."""
        fields = {name: getattr(self, name) for name in type(self).model_fields if name != "kind"}
        return FACTS[self.kind](**fields)


class Log(_Frame):
    """A log record of neonize or whatsmeow, redacted at its source."""

    kind: Literal["log"] = "log"
    level: Number
    logger: Text
    message: Annotated[str, Field(max_length=MAX_MESSAGE)]


class Reply(_Frame):
    """The answer to a call or a request.

    `problem` says what went wrong, and is empty if nothing did; `code` is the error's, see
    `messages.errors.SEND_ERRORS`.
    """

    kind: Literal["reply"] = "reply"
    id: Number
    problem: Text = ""
    code: Text = ""
    answers: Annotated[tuple[Secret, ...], Field(max_length=8, strict=False)] = ()


class Received(_Frame):
    """The inbox's log has grown."""

    kind: Literal["received"] = "received"


class Refused(_Frame):
    """The gate before the bot has refused a message, see `refusal`; `reason` is a `GateReason`.

    Chat and sender are JIDs, of a person one or two, so that an operator who asks can be told.
    """

    kind: Literal["refused"] = "refused"
    reason: Text
    chat: Annotated[tuple[Secret, ...], Field(min_length=1, max_length=2, strict=False)]
    sender: Annotated[tuple[Secret, ...], Field(max_length=2, strict=False)] = ()
    from_me: bool
    to_me: bool


class Bye(_Frame):
    """The last frame of a process that ends by itself."""

    kind: Literal["bye"] = "bye"


class Run(_Frame):
    """The first frame down: what to run, and as part of which program."""

    kind: Literal["run"] = "run"
    inheritance: Inheritance
    session: str
    database: str
    postgres: Secret | None = None
    paired: bool = False
    phone: Secret | None = None
    bot: str | None = None
    proxy: Secret | None = None
    noise_root: str | None = None
    keepalive: float | None = None
    bot_patience: Seconds
    bot_start: Seconds
    allow_unknown_neonize: bool = False
    leave_out: list[str] = []
    inbox: InboxSpec | None = None
    gate: LongSecret | None = None

    @classmethod
    def of(
        cls, spec: ChildSpec, inheritance: Inheritance, *, gate: GatePolicy | None = None
    ) -> Self:
        """Return the frame that has a session process run this, with this gate before its bot."""
        return cls(
            generation=spec.generation,
            inheritance=inheritance,
            session=spec.session,
            database=str(spec.database.absolute()),
            postgres=spec.postgres,
            paired=spec.paired,
            phone=spec.phone,
            bot=spec.bot,
            proxy=spec.endpoint.proxy,
            noise_root=spec.endpoint.noise_root,
            keepalive=spec.endpoint.keepalive,
            bot_patience=spec.watch.bot_patience,
            bot_start=spec.bot_start,
            allow_unknown_neonize=spec.allow_unknown_neonize,
            leave_out=list(spec.leave_out),
            inbox=spec.inbox and replace(spec.inbox, directory=spec.inbox.directory.absolute()),
            gate=gate_text(gate),
        )


class Stop(_Frame):
    """End within so many seconds; unlink the device first if `log_out`.

    Before that, `drain` seconds are for what was received and for the bot's handlers.
    """

    kind: Literal["stop"] = "stop"
    log_out: bool
    within: Seconds
    drain: Seconds = 0.0


class Call(_Frame):
    """A question to the session process."""

    kind: Literal["call"] = "call"
    id: Number
    what: Question
    about: Secret | None = None


class Request(_Frame):
    """Something to be done with the client; `arguments` is a JSON object."""

    kind: Literal["request"] = "request"
    id: Number
    what: Work
    arguments: LongSecret


class Undelivered(enum.StrEnum):
    """Why handlers have not dealt with a message: the code in the answer to `Deliver`."""

    NOT_BEGUN = "not_begun"
    """No handler has seen it."""
    RAISED = "raised"
    """A handler raised."""


class Deliver(_Frame):
    """A message of the inbox for the bot's handlers, by its place in the log.

    It is answered when they have returned, or with a code of `Undelivered`.
    """

    kind: Literal["deliver"] = "deliver"
    id: Number
    number: Count
    segment: int
    offset: Count
    late: bool
    redelivered: bool


class Steer(_Frame):
    """How what is received is treated from now on.

    `gate` is the policy before the bot, as JSON; without one the bot gets everything. With `hold`
    nothing more is taken from WhatsApp: the inbox is full of what the bot has not handled.
    """

    kind: Literal["steer"] = "steer"
    gate: LongSecret | None
    hold: bool


def gate_text(gate: GatePolicy | None) -> SecretStr | None:
    """Return a policy as it crosses the line."""
    return None if gate is None else SecretStr(json.dumps(gate.reveal()))


# -- facts as frames -------------------------------------------------------------------------------

_SEEN_FROM_OUTSIDE: Final = (
    facts.ChildExited,
    facts.ChildSilent,
    facts.ProbeAnswered,
    facts.ProbeFailed,
)

FACTS: Final[dict[str, type[facts.ChildFact]]] = {
    name: cls
    for name, cls in facts.FACTS.items()
    if issubclass(cls, facts.ChildFact) and cls not in _SEEN_FROM_OUTSIDE
}
"""All that a session process may state, by public name. The rest is for its parent to state."""

_ON_THE_WIRE: Final[dict[Any, Any]] = {
    str: Text,
    int: Number,
    int | None: Number | None,
    float: Seconds,
    float | None: Seconds | None,
    SecretStr: Secret,
}
"""What a field of a fact is on the wire; of other types the same."""


def _frame_for(name: str, fact: type[facts.ChildFact]) -> type[FactFrame]:
    hints = get_type_hints(fact)
    fields: dict[str, Any] = {
        field.name: (_ON_THE_WIRE.get(hints[field.name], hints[field.name]), ...)
        for field in dataclasses.fields(fact)
        if field.name != "generation"
    }
    kind: Any = (Literal[name], name)
    return create_model(
        f"{name}Frame", __base__=FactFrame, __doc__=fact.__doc__, kind=kind, **fields
    )


_FACT_FRAMES: Final = {name: _frame_for(name, fact) for name, fact in FACTS.items()}


def fact_frame(fact: facts.ChildFact) -> FactFrame:
    """Return the frame that carries this fact.

    Raises ValidationError if the fact does not fit into one.
    """
    values = {field.name: getattr(fact, field.name) for field in dataclasses.fields(fact)}
    return _FACT_FRAMES[fact.name](**values)


# -- lines -----------------------------------------------------------------------------------------

Asked: TypeAlias = Call | Request | Deliver | Steer
"""What a session process is asked to do while it runs."""
Up: TypeAlias = Hello | FactFrame | Log | Reply | Received | Refused | Bye
Down: TypeAlias = Run | Stop | Asked

_frames_up: Any = Hello | Log | Reply | Received | Refused | Bye
for _frame in _FACT_FRAMES.values():
    _frames_up = _frames_up | _frame
_UP: Final[TypeAdapter[Up]] = TypeAdapter(Annotated[_frames_up, Field(discriminator="kind")])
_DOWN: Final[TypeAdapter[Down]] = TypeAdapter(Annotated[Down, Field(discriminator="kind")])

_T = TypeVar("_T")


def encode(frame: Up | Down) -> bytes:
    """Return the frame as one line, with its secrets revealed."""
    return frame.model_dump_json(context=ON_THE_WIRE).encode() + b"\n"


def parse_up(line: bytes) -> Up:
    """Read a frame of the session process.

    Raises FrameError if it is none.
    """
    return _parse(_UP, line)


def parse_down(line: bytes) -> Down:
    """Read a frame of the supervisor.

    Raises FrameError if it is none.
    """
    return _parse(_DOWN, line)


def _parse(adapter: TypeAdapter[_T], line: bytes) -> _T:
    try:
        return adapter.validate_json(line)
    except ValidationError as error:
        raise FrameError(f"a line of {len(line)} bytes is not a frame: {_why(error)}") from None


def _why(error: ValidationError) -> str:
    """Say what is wrong by field and rule only: messages and input may quote a secret."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    places = (
        problem["loc"][: -1 if problem["type"] == "extra_forbidden" else None]
        for problem in problems
    )
    return "; ".join(
        f"{'.'.join(map(str, place)) or 'line'}: {problem['type']}"
        for place, problem in zip(places, problems[:3], strict=False)
    )


class Lines:
    """Cuts a stream of bytes into lines of at most `longest` bytes."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that `data` completes.

        Raises FrameError if a line is too long.
        """
        self._rest += data
        *lines, rest = self._rest.split(b"\n")
        self._rest = rest
        if any(len(line) > self._longest for line in (*lines, rest)):
            raise FrameError(f"a line grew over {self._longest} bytes")
        return [bytes(line) for line in lines]
