"""What a session receives, from the log of its session process into the hands of the program."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Self

from pydantic import SecretStr

from .account import Account
from .errors import Misused
from .gate import Address, Identity, Lid, Phone, parse
from .lifecycle import facts
from .live_gate import LiveGate
from .messages import shared_index
from .messages.admission import Admission
from .messages.delivery import Deliveries, Download
from .messages.handed_out import HandedOut
from .messages.inbox import DEFAULTS, Inbox, InboxOptions, InboxState
from .messages.reader import KINDS
from .session.shared.spec import InboxSpec
from .status_parts import Received
from .texts import check_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection
    from datetime import datetime

    from .gate import GatePolicy
    from .lifecycle.facts import Fact
    from .messages.elsewhere import Copies
    from .messages.message import Kind
    from .messages.reader import Item, Reader
    from .seams import Link
    from .setting_groups import InboxSettings

log = logging.getLogger("wa_supervisor")

BOT_READER: Final = "@bot"
"""The reader that feeds the bot, where `inbox.bot_delivery` says so."""
ASK_BOUND: Final = 5.0
"""Seconds for an answer of the session process."""


class Incoming:
    """The inbox of one run, and the gate before it. For the supervisor's loop."""

    def __init__(
        self,
        directory: Path,
        options: InboxSettings,
        gate: GatePolicy,
        copies: Copies | None = None,
    ) -> None:
        self.admission = Admission(gate, self._phone_of)
        self.gate = LiveGate(directory, gate, self.admission)
        self.handed_out = HandedOut()
        """What other programs got of late, for those who answer one of them."""
        self._directory = directory
        self._options = options
        self._copies = copies
        self._inbox: Inbox | None = None
        self._link: Link | None = None
        note = copies.note_account if copies is not None else None
        self.account = Account(directory, self._who_am_i, note)
        self.account.set_aside.append(self._set_aside)
        self._is_full = False
        self.is_held = False
        """Whether so much waits for the bot that nothing more is to be taken from WhatsApp."""
        self.on_held: Callable[[], None] = lambda: None
        """Called when that changes."""
        self._post: Callable[[Fact], None] = lambda _: None

    @contextlib.asynccontextmanager
    async def opened(self, post: Callable[[Fact], None]) -> AsyncIterator[Self]:
        """Read what comes in while this lasts. Raises InboxError, LogError or StoreError."""
        self._post = post
        await self.gate.open()
        options = self._options
        self._inbox = await Inbox.open(
            self._directory,
            readers=(),
            options=InboxOptions(
                durability=options.durability,
                max_messages=options.max_messages,
                max_bytes=options.max_mib << 20,
                online=frozenset({BOT_READER}),
                copies=self._copies,
                poll=shared_index.LOOK_EVERY if self._copies else DEFAULTS.poll,
            ),
            on_change=self._changed,
        )
        await self.account.open()
        if self._copies is not None:
            self._copies.arrivals.on_news = self.notify
        try:
            yield self
        finally:
            await self._inbox.aclose()
            self.account.close()

    def use(self, link: Link) -> None:
        """Ask this link's session process from now on."""
        self._link = link

    def notify(self) -> None:
        """Say that the log has grown."""
        if self._inbox is not None:
            self._inbox.notify()

    @property
    def spec(self) -> InboxSpec:
        """What the next session process is to be told."""
        after = self._inbox.floor if self._inbox is not None else 0
        options = self._options
        return InboxSpec(self._directory, after, options.durability, options.bot_delivery)

    @property
    def own(self) -> Identity | None:
        """Who we are, once that is known."""
        return self.account.own

    @property
    def phone_seen_at(self) -> datetime | None:
        """When the account's own phone last sent something, as far as that came here."""
        return self._inbox.state.phone_seen_at if self._inbox is not None else None

    @property
    def state(self) -> Received | None:
        """How things stand; None while it is not open."""
        if self._inbox is None:
            return None
        state = self._inbox.state
        return Received(
            total=state.received,
            admitted=self.admission.admitted,
            waiting=state.depth,
            readers=dict(state.depths),
            oldest=state.oldest,
            is_full=state.full,
            trouble=state.trouble,
            refused=self.admission.rejections.by_reason(),
            set_aside=state.set_aside,
            refused_lately=self.gate.lately(),
        )

    @property
    def is_idle(self) -> bool:
        """Whether the inbox is not at work, and nothing is asked. For tests."""
        return self.account.is_idle and (self._inbox is None or self._inbox.is_idle)

    @property
    def has_readers(self) -> bool:
        """Whether anybody ever read, so that messages are kept."""
        return self._inbox is not None and bool(self._inbox.state.depths)

    async def is_ours(self, item: Item) -> bool:
        """Say whether an item belongs to our account, as soon as that is known."""
        await self.account.settled()
        inbox = self._inbox
        return inbox is not None and not inbox.is_closed and not inbox.is_passed_over(item.number)

    async def _set_aside(self, generation: int, target: Path) -> None:
        if self._inbox is not None:
            await self._inbox.set_aside_before(generation, target)

    def messages(
        self,
        download: Download,
        reader: str = "default",
        *,
        kinds: Collection[Kind] = KINDS,
        ack: Literal["auto", "manual"] = "auto",
    ) -> Deliveries:
        """Return the messages for this reader, see `Supervisor.messages`. Raises Misused."""
        check_name(reader, "a reader's name")
        if reader.startswith(BOT_READER[0]):
            raise Misused("a reader's name does not begin with @: such names are the supervisor's")

        async def begin() -> Reader:
            if self._inbox is None or self._inbox.is_closed:
                raise Misused("messages are read within the session's context")
            return await self._inbox.read(reader, kinds=kinds, ack=ack, own=lambda: self.own)

        return Deliveries(begin, self.admission, download, self.is_ours)

    async def read_for_bot(self, wanted: bool) -> Reader | None:  # noqa: FBT001
        """Begin to read for the bot; unless it is wanted nothing is kept for it any more."""
        assert self._inbox is not None
        if wanted:
            return await self._inbox.read(BOT_READER, own=lambda: self.own)
        if BOT_READER in self._inbox.state.depths:
            log.info("messages are not kept for the bot any more (inbox.bot_delivery is neonize)")
            await self._inbox.forget(BOT_READER)
        return None

    async def acknowledge(self, reader: str, numbers: Collection[int]) -> None:
        """Acknowledge what this reader was handed, whether it reads now or not.

        Numbers it was not handed are passed over. Raises NoSuchReader, InboxError.
        """
        if self._inbox is None:
            raise Misused("messages are acknowledged within the session's context")
        await self._inbox.acknowledge(reader, numbers)

    async def forget(self, reader: str) -> None:
        """Keep nothing for this reader any more. Raises ReaderBusy if it reads now, InboxError."""
        if self._inbox is None:
            raise Misused("readers are forgotten within the session's context")
        await self._inbox.forget(reader)

    def _changed(self, state: InboxState) -> None:
        if state.held is not self.is_held:
            self.is_held = state.held
            self.on_held()
        if state.full is not self._is_full:
            self._is_full = state.full
            self._post(facts.InboxFull() if state.full else facts.InboxDrained())

    async def _phone_of(self, lid: Lid) -> Phone | None:
        found = await self._ask("phone_of", SecretStr(lid.reveal()))
        return next((each for each in found if isinstance(each, Phone)), None)

    async def _who_am_i(self) -> Identity | None:
        return Identity.of(*await self._ask("who_am_i"))

    async def _ask(
        self, what: Literal["phone_of", "who_am_i"], about: SecretStr | None = None
    ) -> list[Address]:
        if self._link is None:
            return []
        answer = await self._link.ask(what, within=ASK_BOUND, about=about)
        return [parse(each.get_secret_value()) for each in answer.answers]
