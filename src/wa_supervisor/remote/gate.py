"""Answers `wa-supervisor gate`, and changes the gate of the running session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import SecretStr, ValidationError

from ..errors import Misused, SupervisorError
from ..gate import Lid, Phone, entry_text, parse_entry
from ..gate_answers import GateQuestion
from .wire import GateReply, GateRequest, Problem, say

if TYPE_CHECKING:
    import asyncio

    from ..control import Arguments
    from ..incoming import Incoming


async def gate(
    incoming: Incoming,
    arguments: Arguments,
    _reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    """Answer one question, or make one change."""
    try:
        reply = await _answer(incoming, GateRequest.model_validate(arguments))
    except ValidationError:
        reply = GateReply(problem=Problem(code="ConfigError", message="the gate has no such order"))
    except SupervisorError as error:
        reply = GateReply(problem=Problem.of(error))
    await say(writer, reply)


async def _answer(incoming: Incoming, request: GateRequest) -> GateReply:
    live = incoming.gate
    if request.action == "explain":
        if request.question is None:
            raise Misused("nobody was asked about")
        return GateReply(explanation=await live.explain(request.question, incoming.own))
    if request.action == "show":
        return GateReply(standing=live.standing())
    if request.entry is None:
        raise Misused("no entry was given")
    entry = parse_entry(request.entry.get_secret_value())
    await live.change(entry, allow=request.action == "allow")
    explanation = None
    if isinstance(entry, Phone | Lid):
        question = GateQuestion(sender=SecretStr(entry_text(entry)))
        explanation = await live.explain(question, incoming.own)
    return GateReply(standing=live.standing(), explanation=explanation)
