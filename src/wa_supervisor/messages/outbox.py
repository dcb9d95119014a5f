"""Sends each message once, however often it is asked for: by an idempotency key of the caller.

The word that a key's message is being handed to the client is on the disk before it is. So after a
death of any process, or a power cut, it is known which messages were certainly not sent; of those
that were handed over and not answered nobody knows, and they are never sent again.

    dispatched ──► sent | failed | unknown
       ▲                     │
       └── asked for again, if its error is retriable

`unknown` may still become `sent` or `failed`, when an answer comes late.
"""

from __future__ import annotations

import asyncio
import enum
import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Self

from ..redaction import redact
from .errors import SEND_ERRORS, OutboxError, Refused, SendError, SendTimeout, SendUnknown
from .outbox_store import OutboxStore, key_reused
from .send_rows import Row, SendRows
from .worker import Worker

_CLOSING: Final = 1.0  # seconds that the end waits for the disk


class SendState(enum.Enum):
    """What is known of one message that was to be sent."""

    DISPATCHED = "dispatched"
    """It is being handed to the client, or was handed over and not answered yet."""
    SENT = "sent"
    FAILED = "failed"
    """It was certainly not sent."""
    UNKNOWN = "unknown"
    """It was handed over, and nobody was left to hear the answer."""


@dataclass(frozen=True, slots=True, repr=False)
class Sent:
    """A message that WhatsApp has taken."""

    id: str
    """WhatsApp's id of it."""
    at: datetime
    """When WhatsApp had it, in UTC."""

    def __repr__(self) -> str:
        return f"<sent at {self.at:%Y-%m-%d %H:%M:%S}>"


@dataclass(frozen=True, slots=True)
class OutboxOptions:
    """How long keys are remembered."""

    keep: timedelta = timedelta(days=30)
    """So long after its last change; then the key may be used for another message."""
    keep_rows: int = 100_000
    """No more than so many; those without an answer are kept all the same."""


DEFAULTS: Final = OutboxOptions()


def fingerprint(*parts: str | bytes) -> bytes:
    """Return what tells one message from another: its address, text and so on, hashed."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.digest()


class Outbox:
    """One session's outbox, for one supervisor that holds the session's lock. For one loop."""

    def __init__(self, worker: Worker, store: SendRows) -> None:
        self._worker = worker
        self._store = store
        self._running: dict[str, tuple[bytes, asyncio.Task[Sent]]] = {}
        self._closed = False

    @classmethod
    async def open(cls, path: Path, options: OutboxOptions = DEFAULTS) -> Self:
        """Open the outbox. What an earlier run has dispatched and heard nothing of is unknown now.

        Raises OutboxError if its file cannot be read: to begin without what it knows could send a
        message twice, so that is for a person to decide.
        """
        return await cls.on(
            lambda: OutboxStore.open(path, keep=options.keep, keep_rows=options.keep_rows)
        )

    @classmethod
    async def on(cls, open_rows: Callable[[], SendRows]) -> Self:
        """Open the outbox on rows that are not in a file here; as `open`."""
        worker = Worker("outbox", OutboxError)
        try:
            store = await worker.run(open_rows)
        except BaseException:
            worker.close()
            raise
        return cls(worker, store)

    async def send(self, key: str, what: bytes, dispatch: Callable[[], Awaitable[Sent]]) -> Sent:
        """Send a message unless its key has a result already; return or raise that result.

        `what` is the message's `fingerprint`; `dispatch` hands it to the client and returns when
        WhatsApp has taken it. What it raises is the result: a SendError that says the message was
        certainly not sent, SendTimeout or SendUnknown if nobody knows, and every other error counts
        as unknown. Two calls with one key at once have the same result. A cancelled call does not
        stop a message that is on its way.

        Raises KeyReused if the key was used for another message, OutboxError if the key cannot be
        kept (nothing was sent), and what the send itself raises.
        """
        if self._closed:
            raise OutboxError("the outbox is closed")
        if not key:
            raise OutboxError("an idempotency key cannot be empty")
        if key in self._running:
            known, task = self._running[key]
            if known != what:
                raise key_reused()
        else:
            task = asyncio.create_task(self._once(key, what, dispatch), name="send")
            self._running[key] = what, task
            task.add_done_callback(lambda _: self._running.pop(key, None))
            task.add_done_callback(_forget)
        return await asyncio.shield(task)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is at work on its thread. For tests."""
        return self._worker.is_idle

    async def answered(self, key: str, result: Sent | SendError) -> None:
        """Keep an answer that came after the message was given up as unknown.

        Raises OutboxError if there is no such message, or if its result is known.
        """
        await self._worker.run(lambda: self._store.amend(key, *_row(result)))

    async def state(self, key: str) -> SendState | None:
        """Say what is known of a key; None if it is not known."""
        row = await self._worker.run(lambda: self._store.get(key))
        return None if row is None else SendState(row.state)

    async def aclose(self) -> None:
        """Close the file. What is on its way is unknown from now on."""
        if self._closed:
            return
        self._closed = True
        tasks = [task for _, task in self._running.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_CLOSING)
        try:
            await self._worker.run(self._store.close, _CLOSING)
        finally:
            self._worker.close()

    async def _once(self, key: str, what: bytes, dispatch: Callable[[], Awaitable[Sent]]) -> Sent:
        # On the disk before the client can have it: from here on a death leaves it unknown.
        earlier = await self._worker.run(lambda: self._store.dispatch(key, what))
        if earlier is not None:
            return _result(earlier)
        result: Sent | SendError
        try:
            result = await dispatch()
        except SendError as error:
            result = error
        except BaseException:
            result = SendUnknown("the message may have been sent: handing it over was cut short")
            await asyncio.shield(self._keep(key, result))
            raise
        await self._keep(key, result)
        if isinstance(result, SendError):
            raise result
        return result

    async def _keep(self, key: str, result: Sent | SendError) -> None:
        """Keep a result. If that fails the key is unknown after a restart, which is safe."""
        await self._worker.run(lambda: self._store.settle(key, *_row(result)))


def _row(result: Sent | SendError) -> tuple[str, str]:
    """Return the state and the details under which a result is kept."""
    if isinstance(result, Sent):
        details = {"id": result.id, "at": result.at.astimezone(UTC).isoformat()}
        return SendState.SENT.value, json.dumps(details)
    unknown = isinstance(result, SendTimeout | SendUnknown)
    # The text may be neonize's, which quotes addresses.
    message, hint = redact(str(result)), redact(str(result.hint or ""))
    details = {"code": result.code, "message": message, "hint": hint}
    return (SendState.UNKNOWN if unknown else SendState.FAILED).value, json.dumps(details)


def _result(row: Row) -> Sent:
    """Return or raise the result that is kept."""
    state, details = SendState(row.state), json.loads(row.details)
    if state is SendState.SENT:
        return Sent(details["id"], datetime.fromisoformat(details["at"]))
    if not details:
        raise SendUnknown(
            "the message may have been sent: the client or the supervisor ended before the answer",
            hint="look into the chat, and send it under another key if it is not there",
        )
    kind = SEND_ERRORS.get(details["code"], Refused)
    raise kind(details["message"], hint=details["hint"] or None)


def _forget(task: asyncio.Task[Sent]) -> None:
    if not task.cancelled():
        task.exception()
