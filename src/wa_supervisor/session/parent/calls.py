"""Questions to a session process, and the pulse that tells whether it lives."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from ... import looks
from ...messages.errors import ClientGone, SendTimeout, SendUnknown
from ..shared import protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import SecretStr

    from ..shared.spec import Place
    from ..shared.watch import Watch

    _Frame: TypeAlias = protocol.Call | protocol.Request | protocol.Deliver

MISSED_PULSES: Final = 2
"""Unanswered in a row before a process is called silent: one may be a machine that was asleep."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a question."""

    problem: str = ""
    """What went wrong; empty if nothing did."""
    code: str = ""
    """The code of that error, if it has one."""
    answers: tuple[SecretStr, ...] = ()


class Calls:
    """What one process was asked and has not answered. `send` tells whether it could be asked."""

    def __init__(self, generation: int, send: Callable[[_Frame], bool]) -> None:
        self._generation = generation
        self._send = send
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._pulse: asyncio.Task[None] | None = None

    async def ask(
        self, what: protocol.Question, within: float, about: SecretStr | None = None
    ) -> Answer:
        """Ask, and return what was answered or what went wrong."""
        number = next(self._numbers)
        call = protocol.Call(generation=self._generation, id=number, what=what, about=about)
        return await self._exchange(call, within)

    async def request(self, what: protocol.Work, arguments: SecretStr, within: float) -> Answer:
        """Have something done, and return what came of it or what went wrong."""
        number = next(self._numbers)
        request = protocol.Request(
            generation=self._generation, id=number, what=what, arguments=arguments
        )
        return await self._exchange(request, within)

    async def deliver(self, place: Place) -> Answer:
        """Have the bot's handlers deal with a message, for as long as they take."""
        frame = protocol.Deliver(
            generation=self._generation, id=next(self._numbers), **dataclasses.asdict(place)
        )
        return await self._exchange(frame, None)

    async def _exchange(self, frame: _Frame, within: float | None) -> Answer:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[frame.id] = answer
        try:
            if not self._send(frame):
                return Answer("the session process does not listen", ClientGone.code)
            async with asyncio.timeout(within):
                return await answer
        except TimeoutError:
            return Answer(f"no answer within {within:g} s", SendTimeout.code)
        finally:
            del self._waiting[frame.id]

    def answered(self, reply: protocol.Reply) -> None:
        """Hand an answer to whoever waits for it; a late one to nobody."""
        answer = self._waiting.get(reply.id)
        if answer is not None and not answer.done():
            answer.set_result(Answer(reply.problem, reply.code, reply.answers))

    def watch(self, watch: Watch, silent: Callable[[], None]) -> None:
        """Ask again and again whether the process lives; call `silent` once if it does not."""
        if self._pulse is None:
            self._pulse = asyncio.create_task(self._take_pulse(watch, silent))

    def close(self) -> None:
        """Ask no more; who still waits is told that the process is gone."""
        if self._pulse is not None:
            self._pulse.cancel()
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_result(Answer("the session process is gone", SendUnknown.code))

    async def _take_pulse(self, watch: Watch, silent: Callable[[], None]) -> None:
        missed = 0
        while missed < MISSED_PULSES:
            await asyncio.sleep(looks.interval(watch.pulse))
            answer = await self.ask("pulse", watch.pulse_timeout)
            missed = missed + 1 if answer.problem else 0
        silent()
