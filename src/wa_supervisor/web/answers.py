"""What the routes of the API have in common: the session of the path, bodies, and errors."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

from fastapi import HTTPException, Path
from pydantic import BaseModel, ConfigDict

from ..errors import ConfigError, Misused, SupervisorError
from ..messages.errors import MessagesError, NoSuchReader, SendError
from ..remote.wire import Problem
from .door import status_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from ..supervisor import Supervisor
    from .door import Site

_T = TypeVar("_T")

ASKING_BOUND: Final = 5.0
"""Seconds for what a session does at once."""

Name = Annotated[str, Path(description="The session's name.", max_length=64)]


class Body(BaseModel):
    """What is posted: nothing unknown, and no error quotes it."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True
    )


class Refusal(BaseModel):
    """Why something was not done."""

    detail: Problem | str


PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"description": "The body is no JSON"},
    401: {"description": "Nobody knows who asks"},
    403: {"description": "This is not allowed"},
    404: {"description": "There is no such session, or nothing shows"},
    408: {"description": "The body did not come in time"},
    409: {"model": Refusal, "description": "This cannot be done so"},
    413: {"description": "The body is too large"},
    421: {"description": "The name in `Host` is not ours"},
    503: {"model": Refusal, "description": "The supervisor does not answer, or too many ask"},
}


def refused(error: SupervisorError) -> HTTPException:
    """Return the answer for an error; of messages it has the code that `send --json` prints."""
    if isinstance(error, NoSuchReader):
        return HTTPException(404, str(error))
    if isinstance(error, MessagesError):
        ours = error.retriable and not isinstance(error, SendError)
        return HTTPException(503 if ours else 409, Problem.of(error).model_dump())
    return HTTPException(409 if isinstance(error, ConfigError | Misused) else 503, str(error))


@contextlib.contextmanager
def answering() -> Iterator[None]:
    """Answer with what a session raises."""
    try:
        yield
    except KeyError:  # of `Watched`: it is gone since it was looked for
        raise HTTPException(404, "there is no such session") from None
    except SupervisorError as error:
        raise refused(error) from error


async def done(
    site: Site,
    name: str,
    what: Callable[[Supervisor], Coroutine[Any, Any, _T]],
    within: float = ASKING_BOUND,
) -> _T:
    """Have something done by the session of the path. Raises HTTPException: 404, 409, 503."""
    await status_of(site, name)
    with answering():
        return await site.watched.do(name, what, within)
