"""What is received and sent over HTTP: the words and the JSON of `listen` and `send`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, Field

from ..errors import Misused, SupervisorError
from ..gate import parse_entry
from ..messages.message import Kind
from ..messages.reader import KINDS
from ..remote.message_json import MessageRecord
from ..session.shared.secret import LongSecret, Secret
from ..supervisor import Supervisor
from .answers import PROBLEMS, Body, Name, answering, done
from .door import AtSite, CanUseMessages, status_of
from .readers import Place, place

if TYPE_CHECKING:
    from ..incoming import Incoming

messages = APIRouter(prefix="/api/v1/sessions/{name}")

MOST_MESSAGES: Final = 500
"""In one answer."""

LONGEST_WAIT: Final = 60.0
"""Seconds that an answer waits for a message."""

LOOK_EVERY: Final = 10.0
"""Seconds after which a stream looks whether all is still as it was."""

SEND_BOUND: Final = 90.0
"""Seconds for a message, see `sending.SEND_TIMEOUT`; it has its key, and may be asked for again."""

_T = TypeVar("_T")

Reader = Annotated[
    str,
    Path(
        description="Whose place in the inbox it is; each name has its own.",
        max_length=64,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
    ),
]
Kinds = Annotated[
    list[Kind] | None,
    Query(description="Only these; the reader never gets the others.", alias="kind"),
]


class Batch(BaseModel):
    """What was not acknowledged, the oldest first."""

    messages: list[MessageRecord]


class Acknowledgement(Body):
    """What need not come again, in any order."""

    numbers: Annotated[
        list[Annotated[int, Field(ge=1, le=2**62)]], Field(min_length=1, max_length=10_000)
    ]
    """`number` of the messages. What was not handed out is passed over."""


class Text(Body):
    """A text to send."""

    to: Secret
    """`+49...` or a JID, such as `chat` of a message."""
    text: Annotated[LongSecret, Field(max_length=65_536)]
    key: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """Sent once for each key, across restarts."""
    reply_to: Secret | None = None
    """The number or id of a message of this chat that was handed out of late: it is quoted."""
    when_offline: Literal["wait", "raise"] = "raise"


class SentText(BaseModel):
    """What WhatsApp said of it."""

    id: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for messages: one that may, under a reader's name."""

    site: AtSite
    name: Name
    reader: Reader
    grant: CanUseMessages
    kinds: Kinds = None

    @contextlib.asynccontextmanager
    async def place(self) -> AsyncIterator[Place]:
        """Hold the name. Raises HTTPException: 404, 409, 503."""
        await status_of(self.site, self.name)
        with answering():
            async with place(self.site, self.name, self.reader, self.kinds or KINDS) as here:
                yield here


@messages.get("/readers/{reader}/messages", response_model=Batch, responses=PROBLEMS)
async def receive(
    request: Request,
    asked: Annotated[Asked, Depends()],
    limit: Annotated[int, Query(ge=1, le=MOST_MESSAGES)] = 50,
    wait: Annotated[float, Query(ge=0, le=LONGEST_WAIT, allow_inf_nan=False)] = 20.0,
) -> Response:
    """What this reader has not acknowledged, the oldest first.

    Where there is nothing it is waited for, `wait` seconds at most. What was handed out before is
    `redelivered`. One at a time reads under a name; from the first time on messages are kept for
    it, and `DELETE` ends that.
    """

    async def taking() -> str:
        async with asked.place() as here:
            return ",".join(each.json for each in await here.take(limit, wait))

    found = await _unless_gone(request, taking())
    return Response(f'{{"messages": [{found}]}}', media_type="application/json")


async def _unless_gone(request: Request, work: Coroutine[Any, Any, _T]) -> _T:
    """Do something for as long as whoever asked is there to have it."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    working, leaving = asyncio.create_task(work), asyncio.create_task(gone())
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        working.cancel()
        await asyncio.wait({working, leaving})
    if working.cancelled():
        raise HTTPException(408, "nobody waits for the answer any more")
    return working.result()


async def _stream_place(asked: Annotated[Asked, Depends()]) -> AsyncIterator[Place]:
    async with asked.place() as here:
        yield here


@messages.get("/readers/{reader}/stream", response_class=EventSourceResponse, responses=PROBLEMS)
async def stream(
    site: AtSite, here: Annotated[Place, Depends(_stream_place)]
) -> AsyncIterator[ServerSentEvent]:
    """The same as server-sent events, each as it comes: `message`, with its number as id.

    Begun anew, it begins with what was not acknowledged, whatever `Last-Event-ID` says. It ends
    with the session, and where the inbox fails: asked again, the answer says why.
    """
    while not site.watched.ended:
        try:
            found = await here.take(MOST_MESSAGES, LOOK_EVERY)
        except (KeyError, SupervisorError):
            return
        for each in found:
            yield ServerSentEvent(event="message", id=str(each.number), raw_data=each.json)


@messages.post("/readers/{reader}/acknowledge", status_code=204, responses=PROBLEMS)
async def acknowledge(
    site: AtSite, name: Name, reader: Reader, wanted: Acknowledgement, _: CanUseMessages
) -> None:
    """Have messages never handed to this reader again, whether it reads now or not."""

    async def acknowledging(session: Supervisor) -> None:
        await _inbox(session).acknowledge(reader, frozenset(wanted.numbers))

    await done(site, name, acknowledging)


@messages.delete("/readers/{reader}", status_code=204, responses=PROBLEMS)
async def forget(site: AtSite, name: Name, reader: Reader, _: CanUseMessages) -> None:
    """Keep nothing for this reader any more."""

    async def forgetting(session: Supervisor) -> None:
        await _inbox(session).forget(reader)

    await done(site, name, forgetting)


@messages.post("/messages", responses=PROBLEMS)
async def send(site: AtSite, name: Name, wanted: Text, _: CanUseMessages) -> SentText:
    """Send a text, once for its key. The error says whether it may have been sent."""

    async def sending(session: Supervisor) -> SentText:
        to, answered = wanted.to.get_secret_value(), None
        if wanted.reply_to is not None:
            kept = _inbox(session).handed_out
            answered = kept.find(wanted.reply_to.get_secret_value(), parse_entry(to))
        sent = await session.send_text(
            to,
            wanted.text.get_secret_value(),
            reply_to=answered,
            key=wanted.key,
            when_offline=wanted.when_offline,
            timeout=SEND_BOUND,
        )
        return SentText(id=sent.id, at=sent.at)

    return await done(site, name, sending, within=SEND_BOUND + 2)


def _inbox(session: Supervisor) -> Incoming:
    if session.incoming is None:
        raise Misused("this session has no inbox: `inbox.enabled` is off")
    return session.incoming
