"""What it costs to have messages in a fleet's Postgres and not on a disk: A/B, on loopback."""

from __future__ import annotations

import asyncio
import tempfile
import time
from contextlib import AsyncExitStack, ExitStack, aclosing, closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from wa_supervisor.fleet.copies import FleetCopies
from wa_supervisor.fleet.database import CONNECTIONS, FleetDatabase
from wa_supervisor.fleet.ownership import Ownership
from wa_supervisor.fleet.sends import FleetSends
from wa_supervisor.messages.elsewhere import Copy
from wa_supervisor.messages.inbox import Inbox, InboxOptions
from wa_supervisor.messages.log import LogWriter
from wa_supervisor.messages.outbox import Outbox, Sent, fingerprint
from wa_supervisor.messages.schema import MESSAGE_EVENT

from ..postgres_server import serving
from .figures import line
from .inbox import message
from .messages import on_disk

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wa_supervisor.messages.elsewhere import Copies
    from wa_supervisor.messages.reader import Reader

_EACH: Final = 20
"""Messages a turn; the two places take turns."""


async def fleet_messages(runs: int) -> list[str]:
    """Milliseconds to hand a message out, to acknowledge it, and to send one under a key."""
    with (
        on_disk() as where,
        serving() as postgres,
        postgres.database() as url,
        FleetDatabase(url) as database,
    ):
        database.install()
        with database.transaction() as connection:
            connection.execute("INSERT INTO sessions (name, settings) VALUES ('shop', '{}')")
            connection.execute("INSERT INTO owners (session, epoch) VALUES ('shop', 1)")
        owner = Ownership("shop", "bench", 1)
        copies = FleetCopies(database, owner, keeps_all=True)
        async with AsyncExitStack() as stack:
            places = {
                "disk": await _Place.open(stack, where / "disk", None),
                "postgres": await _Place.open(stack, where / "postgres", copies),
            }
            outboxes = {
                "disk": await stack.enter_async_context(
                    aclosing(await Outbox.open(where / "outbox.db"))
                ),
                "postgres": await stack.enter_async_context(
                    aclosing(await Outbox.on(FleetSends(database, owner).open))
                ),
            }
            sent: dict[str, list[float]] = {name: [] for name in outboxes}
            for turn in range(runs):
                for name, place in places.items():
                    await place.turn()
                    sent[name] += [await _send(outboxes[name], turn, each) for each in range(_EACH)]
        with FleetDatabase(url) as alone:
            trips = _trips(alone, owner)
    return [
        line("fleet, a message from the log to a reader", "ms", **_of(places, lambda p: p.read)),
        line("fleet, an acknowledgement", "ms", **_of(places, lambda p: p.acknowledged)),
        line("fleet, a keyed send besides its message", "ms", **sent),
        trips,
    ]


def _trips(database: FleetDatabase, owner: Ownership) -> str:
    """Count the round trips to Postgres, each of which ends with its being ready again."""
    copies = FleetCopies(database, owner, keeps_all=True)
    rows = FleetSends(database, owner).open()
    rows.dispatch("the first, which looks for what is too old", b"what")

    def send() -> None:
        rows.dispatch("one more", b"what")
        rows.settle("one more", "sent", "{}")

    copy = Copy(b"key", b"record", 1, frozenset())
    deeds: dict[str, Callable[[], object]] = {
        "a batch kept": lambda: copies.keep([copy] * 3),
        "an acknowledgement": lambda: copies.acknowledge("default", [copy.key]),
        "a keyed send": send,
    }
    found = []
    for name, do in deeds.items():
        with ExitStack() as stack:
            with ExitStack() as all_used:  # whichever is used next was used just now
                transactions = [database.transaction() for _ in range(CONNECTIONS)]
                used = [all_used.enter_context(each).pgconn for each in transactions]
            traces = [stack.enter_context(tempfile.TemporaryFile()) for _ in used]
            for connection, trace in zip(used, traces, strict=True):
                connection.trace(trace.fileno())
            do()
            trips = 0
            for connection, trace in zip(used, traces, strict=True):
                connection.untrace()
                trace.seek(0)
                trips += trace.read().count(b"ReadyForQuery")
            found.append(f"{name} {trips}")
    return f"fleet, round trips: {'; '.join(found)}"


def _of(
    places: dict[str, _Place], series: Callable[[_Place], list[float]]
) -> dict[str, list[float]]:
    return {name: series(place) for name, place in places.items()}


class _Place:
    """An inbox, and who reads it."""

    def __init__(self, inbox: Inbox, reader: Reader, log: LogWriter) -> None:
        self.read: list[float] = []
        self.acknowledged: list[float] = []
        self._inbox = inbox
        self._reader = reader
        self._log = log
        self._number = 0

    @classmethod
    async def open(cls, stack: AsyncExitStack, where: Path, copies: Copies | None) -> _Place:
        log = stack.enter_context(closing(LogWriter.open(where, generation=1, after=0)))
        inbox = await stack.enter_async_context(
            aclosing(await Inbox.open(where, options=InboxOptions(copies=copies)))
        )
        return cls(inbox, await inbox.read(ack="manual"), log)

    async def turn(self) -> None:
        for _ in range(_EACH):
            self._number += 1
            began = time.perf_counter()
            self._log.append(MESSAGE_EVENT, message(self._number))
            self._inbox.notify()
            item = await anext(self._reader)
            read = time.perf_counter()
            await self._reader.acknowledge(item)
            self.read.append((read - began) * 1e3)
            self.acknowledged.append((time.perf_counter() - read) * 1e3)


async def _send(outbox: Outbox, turn: int, number: int) -> float:
    async def dispatch() -> Sent:
        await asyncio.sleep(0)
        return Sent("3EB0", datetime.now(UTC))

    began = time.perf_counter()
    await outbox.send(f"key {turn} {number}", fingerprint("to", "text"), dispatch)
    return (time.perf_counter() - began) * 1e3
