"""What the supervisor and a session process say to each other.

One JSON object a line, both ways, over a socket of their own; fd 1 and 2 belong to Go's prints.
Every frame has a `kind` and the `generation` of the process it concerns. Both ends validate what
they read. `message` is a reserved kind.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import json
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
    field_serializer,
)

from ...errors import FrameError
from ...lifecycle import facts

# A QR payload is about 350 bytes, a log line rarely over 4 KiB: longer means a broken writer.
MAX_LINE: Final = 64 * 1024
MAX_MESSAGE: Final = 8 * 1024


class _Frame(BaseModel):
    """One line. Its secrets are revealed by `encode`, on the wire, and nowhere else."""

    # hide_input: the input may hold a QR payload, and errors are logged.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, strict=True)

    generation: int


class Hello(_Frame):
    """The process is up, with the neonize library loaded and its version checked."""

    kind: Literal["hello"] = "hello"
    pid: int
    neonize: str


class FactFrame(_Frame):
    """A fact, by its public name and the fields that are its own."""

    kind: Literal["fact"] = "fact"
    name: str
    data: dict[str, bool | int | float | str | None]


class Log(_Frame):
    """A log record of neonize or whatsmeow, redacted at its source."""

    kind: Literal["log"] = "log"
    level: int
    logger: str
    message: str


class Reply(_Frame):
    """The answer to a call; `trouble` says what went wrong, and is empty if nothing did."""

    kind: Literal["reply"] = "reply"
    id: int
    trouble: str = ""


class Bye(_Frame):
    """The last frame of a process that ends by itself."""

    kind: Literal["bye"] = "bye"


class Run(_Frame):
    """The first frame down: what to run. The rest of the endpoint is in the environment."""

    kind: Literal["run"] = "run"
    session: str
    database: str
    postgres: SecretStr | None = None
    paired: bool = False
    phone: SecretStr | None = None
    bot: str | None = None
    noise_root: str | None = None
    keepalive: float | None = None
    bot_patience: float = 30.0
    allow_unknown_neonize: bool = False

    @field_serializer("phone", "postgres", when_used="json")
    def _reveal(self, secret: SecretStr | None) -> str | None:
        return None if secret is None else secret.get_secret_value()


class Stop(_Frame):
    """End within so many seconds; unlink the device first if `log_out`."""

    kind: Literal["stop"] = "stop"
    log_out: bool
    within: float


class Call(_Frame):
    """A question: a `pulse` asks the process whether it lives, a `probe` asks WhatsApp."""

    kind: Literal["call"] = "call"
    id: int
    what: Literal["pulse", "probe"]


Up: TypeAlias = Hello | FactFrame | Log | Reply | Bye
Down: TypeAlias = Run | Stop | Call

_UP: Final[TypeAdapter[Up]] = TypeAdapter(Annotated[Up, Field(discriminator="kind")])
_DOWN: Final[TypeAdapter[Down]] = TypeAdapter(Annotated[Down, Field(discriminator="kind")])

_OF_THE_PARENT: Final = (
    facts.ChildExited,
    facts.ChildSilent,
    facts.ProbeAnswered,
    facts.ProbeFailed,
)

# All a session process may say. What is seen of it from outside is for the parent to say.
FACTS: Final[dict[str, type[facts.ChildFact]]] = {
    name: cls
    for name, cls in facts.FACTS.items()
    if issubclass(cls, facts.ChildFact) and cls not in _OF_THE_PARENT
}


def encode(frame: Up | Down) -> bytes:
    """Return the frame as one line, with its secrets revealed."""
    return frame.model_dump_json().encode() + b"\n"


def parse_up(line: bytes) -> Up:
    """Read a frame of the session process.

    Raises:
        FrameError: if it is none.
    """
    return _parse(_UP, line)


def parse_down(line: bytes) -> Down:
    """Read a frame of the supervisor.

    Raises:
        FrameError: if it is none.
    """
    return _parse(_DOWN, line)


_T = TypeVar("_T")


def _parse(adapter: TypeAdapter[_T], line: bytes) -> _T:
    try:
        return adapter.validate_json(line)
    except ValidationError as error:
        raise FrameError(f"a line of {len(line)} bytes is not a frame: {_why(error)}") from None


def _why(error: ValidationError) -> str:
    """Say what is wrong by field and rule only: messages and input may quote a secret."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(
        f"{'.'.join(map(str, problem['loc'])) or 'line'}: {problem['type']}"
        for problem in problems[:3]
    )


def fact_frame(fact: facts.ChildFact) -> FactFrame:
    """Return the frame that carries this fact."""
    data = {
        field.name: _plain(getattr(fact, field.name))
        for field in dataclasses.fields(fact)
        if field.name != "generation"
    }
    return FactFrame(generation=fact.generation, name=fact.name, data=data)


def fact_of(frame: FactFrame) -> facts.ChildFact:
    """Return the fact a frame carries.

    Raises:
        FrameError: if there is no such fact, or its fields are not that fact's.
    """
    cls = FACTS.get(frame.name)
    if cls is None:
        raise FrameError("a fact frame names no fact a session process may state")
    if surplus := frame.data.keys() - {field.name for field in dataclasses.fields(cls)}:
        raise FrameError(f"a {cls.name} frame has {len(surplus)} unknown fields")
    fields = json.dumps({**frame.data, "generation": frame.generation})
    try:
        return _fact_adapter(frame.name).validate_json(fields, strict=True)
    except ValidationError as error:
        raise FrameError(f"a {cls.name} frame does not hold one: {_why(error)}") from None


@functools.cache
def _fact_adapter(name: str) -> TypeAdapter[facts.ChildFact]:
    return TypeAdapter(FACTS[name])


def _plain(value: Any) -> Any:  # noqa: ANN401 - any field of any fact; FactFrame validates it
    match value:
        case SecretStr():
            return value.get_secret_value()
        case enum.Enum():
            return value.value
        case _:
            return value


class Lines:
    """Cuts a stream of bytes into lines."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that `data` completes.

        Raises:
            FrameError: if a line grows over MAX_LINE bytes.
        """
        self._rest += data
        *lines, rest = self._rest.split(b"\n")
        self._rest = rest
        if len(rest) > MAX_LINE or any(len(line) > MAX_LINE for line in lines):
            raise FrameError(f"a line grew over {MAX_LINE} bytes")
        return [bytes(line) for line in lines]
