"""What the bot beside the client gets: through the gate, and if it is to be so from the inbox."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

from .gate.changes import Changes
from .gate_file import read_changes
from .lifecycle import State
from .messages.errors import InboxError, LogError
from .session.parent.door import BotDoor, Dealt
from .session.shared.spec import Place

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from .gate import Envelope, GatePolicy, GateReason
    from .incoming import Incoming
    from .lifecycle import Step
    from .messages.reader import Item, Reader
    from .seams import Link
    from .settings import Settings

log = logging.getLogger("wa_supervisor")

_AGAIN: Final = (1.0, 60.0)
"""Seconds between two tries of a message: doubled from the first each time, up to the second."""
_NOT_NOW: Final = 0.2
"""Seconds until a message is handed over anew that no handler has begun with."""


class BotFeed:
    """The bot's side of one run. For the supervisor's loop.

    The gate is before the bot if any of its settings was given; a bot without one hears everybody.
    Where there is no inbox, what was changed by command is read in its `directory` all the same:
    somebody who was denied must not be let in by switching the inbox off.
    """

    def __init__(
        self, settings: Settings, incoming: Incoming | None, directory: Path | None
    ) -> None:
        self._incoming = incoming
        self._directory = directory
        self._changes = Changes()
        self._tries = settings.inbox.bot_tries
        self._has_bot = settings.bot is not None
        self._feeds = self._has_bot and settings.inbox.bot_delivery == "inbox"
        self._gate = settings.gate
        self._link: Link | None = None
        self._online = asyncio.Event()

    def update_gate(self, gate: GatePolicy) -> None:
        """Let the bot have what this gate admits, from the next message on."""
        self._gate = gate
        self._steer()

    def use(self, settings: GatePolicy) -> None:
        """Where there is no inbox: take other settings; what was changed by command stays so."""
        self.update_gate(self._changes.apply(settings))

    def heard(self, step: Step) -> None:
        """Take note of a step: messages are handed over while the client is online."""
        if self._incoming is not None:
            self._incoming.notify()  # a process may have ended before it said what it appended
        if step.after is State.CONNECTED and step.substate == "online":
            self._online.set()
        else:
            self._online.clear()

    @contextlib.asynccontextmanager
    async def running(self, link: Link) -> AsyncIterator[None]:
        """Steer this link's session processes, and feed their bot, while this lasts.

        Raises StoreError if nobody can tell who was denied.
        """
        self._link = link
        incoming = self._incoming
        if incoming is None:
            if self._has_bot and self._directory is not None:
                self._changes = await asyncio.to_thread(read_changes, self._directory)
            self.use(self._gate)
            yield
            return
        incoming.on_held = self._steer
        incoming.gate.on_change = self.update_gate
        self.update_gate(incoming.gate.policy)
        reader = await incoming.read_for_bot(self._feeds)
        if reader is None:
            yield
            return
        feeding = asyncio.create_task(self._feed(reader, incoming), name="bot-feed")
        try:
            yield
        finally:
            feeding.cancel()
            await asyncio.wait({feeding})
            reader.close()

    def _steer(self) -> None:
        if self._link is not None:
            held = self._incoming is not None and self._incoming.is_held
            gate = self._gate if self._has_bot and self._gate.is_given else None
            self._link.steer(BotDoor(gate, held, self._count))

    def _count(self, reason: GateReason, envelope: Envelope) -> None:
        # Where a program reads as well, the message is counted when its turn comes there.
        if self._incoming is not None and not self._incoming.has_readers:
            self._incoming.admission.count(reason, envelope)

    async def _feed(self, reader: Reader, incoming: Incoming) -> None:
        """Hand the inbox's messages to the handlers, one after the other, each until it is done."""
        item: Item | None = None
        while True:
            try:
                if item is None:
                    item = await anext(reader)
                await self._deal_with(item, reader, incoming)
                item = None  # acknowledged as the next is asked for
            except StopAsyncIteration:
                return
            except (InboxError, LogError):  # the inbox tells of it; what it has is still there
                await asyncio.sleep(_AGAIN[0])
            except Exception:
                log.exception("a message could not be handed to the bot, a defect of wa-supervisor")
                await asyncio.sleep(_AGAIN[1])

    async def _deal_with(self, item: Item, reader: Reader, incoming: Incoming) -> None:
        """Return when the handlers have dealt with it, or will not get it."""
        assert self._link is not None
        message, place = item.message, item.place
        pause, redelivered = _AGAIN[0], item.redelivered
        while True:
            await self._online.wait()
            if not await incoming.is_ours(item):
                return
            if self._gate.is_given and not (await incoming.admission.judge(message)).admitted:
                return
            dealt = await self._link.deliver(
                Place(
                    number=item.number,
                    segment=place.segment,
                    offset=place.offset,
                    late=message.late,
                    redelivered=redelivered,
                )
            )
            if dealt is Dealt.DONE:
                return
            redelivered = redelivered or dealt is not Dealt.NOT_BEGUN
            if dealt in {Dealt.NOT_BEGUN, Dealt.ENDED}:
                await asyncio.sleep(_NOT_NOW)
                continue
            await asyncio.sleep(pause)
            # Without a connection a handler may raise through no fault of the message.
            if dealt is Dealt.RAISED and not self._online.is_set():
                continue
            tries = await reader.fail(item)
            if tries >= self._tries:
                await reader.set_aside(item)
                log.error(
                    "message %s was set aside: the bot's handlers have failed on it %s times",
                    item.number,
                    tries,
                )
                return
            pause = min(2 * pause, _AGAIN[1])
