"""How a command reads what a running supervisor says in a conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from ..control import connected, no_answer
from ..errors import ConfigError, ControlError, Misused
from .wire import LONGEST_REPLY, GateReply, SendReply, ToListener

if TYPE_CHECKING:
    from ..control import Talk
    from ..store import SessionFiles
    from .wire import Problem

_R = TypeVar("_R", SendReply, GateReply, ToListener)


class _Refusal(BaseModel):
    """What is said before a conversation begins, and instead of it."""

    error: str
    busy: bool = False


def is_busy(line: bytes) -> bool:
    """Whether a line says that too many talk with the supervisor now."""
    try:
        return _Refusal.model_validate_json(line).busy
    except ValidationError:
        return False


def parse(line: bytes, kind: type[_R], files: SessionFiles) -> _R:
    """Read one line. Raises ControlError if it is none, or if it refuses to talk."""
    try:
        return kind.model_validate_json(line)
    except ValidationError:
        pass
    try:
        refusal = _Refusal.model_validate_json(line)
    except ValidationError:
        raise no_answer(files) from None
    raise ControlError(
        f"the supervisor refused: {refusal.error}",
        hint=None if refusal.busy else "it may be of an older version than this command",
    )


def converse(
    files: SessionFiles, talk: Talk, arguments: dict[str, Any], kind: type[_R], *, within: float
) -> _R | None:
    """Say one thing to the session's running supervisor and return its answer.

    None if the supervisor ended, or said nothing within so many seconds. Raises NotRunning,
    ControlError.
    """
    with connected(files, talk, arguments) as line, line.makefile("rb") as replies:
        line.settimeout(within)
        try:
            said = replies.readline(LONGEST_REPLY)
        except OSError:
            return None
    return parse(said, kind, files) if said.endswith(b"\n") else None


def raise_misuse(problem: Problem) -> None:
    """Raise a problem that is the command line's fault, as an error of that kind."""
    kinds = {"ConfigError": ConfigError, "KeyReused": ConfigError, "Misused": Misused}
    if problem.code in kinds:
        raise kinds[problem.code](problem.message, hint=problem.hint)
