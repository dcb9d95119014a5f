"""Sends for `wa-supervisor send`, by the session's own outbox: once for its key.

A program that is gone before the answer stops nothing: the result is kept under the key, and who
asks with it again is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import SecretStr, ValidationError

from ..errors import SupervisorError
from ..gate import parse_entry
from .wire import Problem, SendReply, SendRequest, say

if TYPE_CHECKING:
    import asyncio

    from ..control import Arguments
    from ..messages.handed_out import HandedOut
    from ..sending import Sending


async def send(
    session: Sending,
    handed_out: HandedOut,
    arguments: Arguments,
    _reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    """Send one text, and say how it went."""
    try:
        reply = await _sent(session, handed_out, SendRequest.model_validate(arguments))
    except ValidationError:
        reply = SendReply(problem=Problem(code="ConfigError", message="this cannot be sent so"))
    except SupervisorError as error:
        reply = SendReply(problem=Problem.of(error))
    await say(writer, reply)


async def _sent(session: Sending, handed_out: HandedOut, request: SendRequest) -> SendReply:
    to = request.to.get_secret_value()
    answered = None
    if request.reply_to is not None:
        answered = handed_out.find(request.reply_to.get_secret_value(), parse_entry(to))
    sent = await session.send_text(
        to,
        request.text.get_secret_value(),
        reply_to=answered,
        key=request.key,
        when_offline=request.when_offline,
        timeout=request.timeout,
    )
    return SendReply(id=SecretStr(sent.id), at=sent.at)
