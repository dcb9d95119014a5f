"""Hands messages to `wa-supervisor listen`, one each time it asks.

Why over the control socket, and not by letting the command open the inbox: it has one writer.
Cursors are rows of a database whose state the supervisor keeps in memory, segments are deleted when
all cursors have passed them, and whom the gate admits is known to the supervisor alone. A second
process at these files would need all three, and could only be harmed by them.

Why a listener cannot harm the supervisor, whether it hangs, dies or lies:

- It asks for each message, so at most one is on its way to it. One that does not read what it has
  asked for within `WRITE_TIMEOUT` is cut off; one that does not ask costs a descriptor.
- Nothing is acknowledged that was not handed out, and nothing without a word of the listener. What
  it did not acknowledge comes again, to it or to the next one of the same reader's name.
- Each reader's name has its own place, so another one is not held up. What nobody reads waits in
  the inbox, up to its limit, and then at WhatsApp (`inbox_full`).
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pydantic import SecretStr, ValidationError

from ..errors import SupervisorError
from ..messages.reader import KINDS
from .message_json import message_json
from .wire import FromListener, ListenRequest, Problem, ToListener, say

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from ..control import Arguments
    from ..incoming import Incoming
    from ..messages.delivery import Deliveries, Download
    from ..messages.handed_out import HandedOut

WRITE_TIMEOUT: Final = 10.0
"""Seconds for a listener to read the message that it has asked for."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a listener's messages come from."""

    incoming: Incoming
    download: Download


async def listen(
    source: Source,
    arguments: Arguments,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    """Hand out messages until the listener has enough or is gone."""
    try:
        request = ListenRequest.model_validate(arguments)
    except ValidationError:
        await _refuse(writer, "a reader's name has 1 to 64 letters, digits, '.', '_' and '-'")
        return
    if request.forget:
        await _forget(source.incoming, request.reader, writer)
        return
    kinds = KINDS if request.kinds is None else request.kinds
    messages = source.incoming.messages(source.download, request.reader, kinds=kinds, ack="manual")
    with contextlib.closing(messages) as given:
        listener = _Listener(given, source.incoming.handed_out, reader, writer)
        try:
            await given.begin()
            await say(writer, ToListener(begun=True))
            await _first(listener.hear(), listener.hand_out())
        except SupervisorError as error:
            await say(writer, ToListener(problem=Problem.of(error)))


async def _forget(incoming: Incoming, name: str, writer: asyncio.StreamWriter) -> None:
    try:
        await incoming.forget(name)
        await say(writer, ToListener(begun=True))
    except SupervisorError as error:
        await say(writer, ToListener(problem=Problem.of(error)))


async def _refuse(writer: asyncio.StreamWriter, why: str) -> None:
    await say(writer, ToListener(problem=Problem(code="ConfigError", message=why)))


class _Listener:
    """One listener, for as long as it is connected."""

    def __init__(
        self,
        deliveries: Deliveries,
        handed_out: HandedOut,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._deliveries = deliveries
        self._handed_out = handed_out
        self._reader = reader
        self._writer = writer
        self._wanted = asyncio.Event()

    async def hear(self) -> None:
        """Take what the listener says, until it is gone or says nonsense."""
        messages = await self._deliveries.begin()
        while line := await self._reader.readline():
            try:
                said = FromListener.model_validate_json(line)
            except ValidationError:
                return
            if said.acknowledge:
                await messages.acknowledge_numbers(frozenset(said.acknowledge))
                await self._say(ToListener(acknowledged=said.acknowledge))
            if said.next:
                self._wanted.set()

    async def hand_out(self) -> None:
        """Hand out one message each time that one is asked for."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            delivery = await anext(self._deliveries, None)
            if delivery is None:  # the supervisor ends
                return
            self._handed_out.add(delivery)
            await self._say(ToListener(message=SecretStr(message_json(delivery))))

    async def _say(self, line: ToListener) -> None:
        async with asyncio.timeout(WRITE_TIMEOUT):
            await say(self._writer, line)


async def _first(*works: Coroutine[None, None, None]) -> None:
    """Do all of it until one is over, and raise what that one raised."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        over, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in over:
        task.result()
