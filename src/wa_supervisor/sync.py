"""A session for programs with threads and without asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Concatenate, Final, Literal, ParamSpec, Self, TypeVar

from .errors import Hopeless, Misused
from .messages.message import Kind, Message
from .messages.reader import KINDS
from .supervisor import LEAVING_BOUND, Supervisor

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import TracebackType

    from .lifecycle import Step
    from .messages.delivery import Deliveries, Delivery
    from .sending import Address
    from .settings import Settings
    from .status import Status
    from .step_stream import StepStream

P = ParamSpec("P")
T = TypeVar("T")

_JOINING: Final = 1.0  # seconds, beyond those in which the session ends


def _blocking(
    method: Callable[Concatenate[Supervisor, P], Awaitable[T]],
) -> Callable[Concatenate[SyncSupervisor, P], T]:
    """Return the method of `SyncSupervisor` that waits for one of `Supervisor`."""

    def wait(self: SyncSupervisor, /, *args: P.args, **kwargs: P.kwargs) -> T:
        async def work() -> T:
            return await method(self.supervisor, *args, **kwargs)

        return self.wait(work())

    functools.update_wrapper(wait, method)
    return wait


class SyncSupervisor:
    """A `Supervisor` whose event loop has a thread of its own.

        with SyncSupervisor(Settings(session="shop")) as session:
            session.wait_for(State.CONNECTED, timeout=120)
            session.send_text("+4915112345678", "good morning")

    Its methods are those of `Supervisor`; they block, and may be called from any thread. Ctrl-C
    ends what they wait for, and so does the end of the session, with Hopeless.
    """

    def __init__(self, session: Settings | Supervisor) -> None:
        self.supervisor = session if isinstance(session, Supervisor) else Supervisor(session)
        """The session itself, for what is not here; its coroutines belong to its own loop."""
        self._opened: Future[None] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leave = asyncio.Event()
        self._ended: Future[None] = Future()
        self._door = threading.Lock()
        """Held to ask something of the loop, and to let nobody ask any more."""
        self._thread = threading.Thread(target=self._run, daemon=True, name="wa-supervisor")

    def __enter__(self) -> Self:
        """Take the session and begin to run it; raises what `Supervisor.run` raises."""
        if self._thread.ident is not None:
            raise Misused("a SyncSupervisor runs once; make a new one")
        self._thread.start()
        try:
            self._opened.result()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop, and wait until everything has ended."""
        self._end()
        if error is None and self._ended.done():
            self._ended.result()

    wait_for = _blocking(Supervisor.wait_for)
    send_text = _blocking(Supervisor.send_text)
    reply = _blocking(Supervisor.reply)
    send_media = _blocking(Supervisor.send_media)
    react = _blocking(Supervisor.react)
    edit = _blocking(Supervisor.edit)
    revoke = _blocking(Supervisor.revoke)
    mark_read = _blocking(Supervisor.mark_read)
    download = _blocking(Supervisor.download)
    call = _blocking(Supervisor.call)

    @property
    def status(self) -> Status:
        """How the session stands."""
        return self.supervisor.status

    def stop(self) -> None:
        """Stop, keeping the session."""
        self.supervisor.stop()

    def restart(self) -> None:
        """End the session process, if one runs, and start a new one. From any thread."""
        self.supervisor.restart()

    def resume(self) -> None:
        """Try again now, with a fresh budget of retries."""
        self.supervisor.resume()

    def relink(self) -> None:
        """Log out, clear the session away and pair afresh."""
        self.supervisor.relink()

    def messages(
        self,
        reader: str = "default",
        *,
        kinds: Collection[Kind] = KINDS,
        ack: Literal["auto", "manual"] = "auto",
    ) -> SyncMessages:
        """Return an iterator of the messages, see `Supervisor.messages`; `message.ack()` blocks."""
        return SyncMessages(self, self.supervisor.messages(reader, kinds=kinds, ack=ack))

    def steps(self) -> SyncSteps:
        """Return an iterator of the steps from now on, see `Supervisor.steps`."""

        async def begin() -> StepStream:
            return self.supervisor.steps()

        return SyncSteps(self, self.wait(begin()))

    @contextlib.contextmanager
    def typing(self, chat: Address) -> Iterator[None]:
        """Show that we are typing in this chat while this lasts."""
        context = self.supervisor.typing(chat)
        self.wait(context.__aenter__())
        try:
            yield
        finally:
            self.wait(context.__aexit__(None, None, None))

    def wait(self, work: Awaitable[T]) -> T:
        """Wait for a coroutine of the session, on its loop.

        Raises Misused outside the context, Hopeless if the session ends before it does.
        """

        async def on_loop() -> T:
            return await work

        with self._door:
            if self._loop is None:
                if asyncio.iscoroutine(work):
                    work.close()
                raise Misused("a session is used within its context")
            future = asyncio.run_coroutine_threadsafe(on_loop(), self._loop)
        try:
            return future.result()
        except CancelledError:
            raise Hopeless("the session has ended") from None
        except BaseException:
            future.cancel()
            raise

    def _wait_next(self, items: AsyncIterator[T]) -> T:
        """Wait for the next item; raises StopIteration at the end."""
        try:
            found = self.wait(_next(items))
        except (Misused, Hopeless):
            if self._loop is not None:
                raise
            found = _ready(_next(items))  # what came before the end is still to be had
        if found is None:
            raise StopIteration
        return found[0]

    def _run(self) -> None:
        try:
            asyncio.run(self._hold())
        except BaseException as error:  # noqa: BLE001 - handed to whoever enters or leaves
            if not self._opened.done():
                self._opened.set_exception(error)
            self._ended.set_exception(error)
        else:
            self._ended.set_result(None)

    async def _hold(self) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            await self._be_open()
        finally:
            # From here on nothing new is begun; what was, is cancelled as the loop ends.
            self._shut()
            await asyncio.sleep(0)

    async def _be_open(self) -> None:
        async with self.supervisor:
            self._opened.set_result(None)
            await self._leave.wait()

    def _shut(self) -> None:
        with self._door:
            self._loop = None

    def _end(self) -> None:
        with self._door, contextlib.suppress(RuntimeError):  # the loop is closed already
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._leave.set)
        drain = self.supervisor.settings.stop.drain
        self._thread.join(LEAVING_BOUND + drain + _JOINING)
        self._shut()


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class SyncDelivery(Message):
    """A message in the hands of a reader with threads."""

    number: int
    """Its place in the inbox."""
    redelivered: bool
    """It was handed out before and not acknowledged: it may have been dealt with."""
    acknowledge: Callable[[], None] = field(compare=False)

    def ack(self) -> None:
        """Acknowledge it: this reader never gets it again. Raises InboxError if the disk refuses.

        Only for `ack="manual"`; with "auto" it is acknowledged when the next one is asked for.
        """
        self.acknowledge()


class SyncMessages(Iterator[SyncDelivery]):
    """The messages of a session, see `messages.delivery.Deliveries`. For one thread at a time."""

    def __init__(self, session: SyncSupervisor, messages: Deliveries) -> None:
        self._session = session
        self._messages = messages

    def __next__(self) -> SyncDelivery:
        """Wait for the next message; it ends with the session."""
        session = self._session
        delivery = session._wait_next(self._messages)  # noqa: SLF001 - two halves of one thing

        def acknowledge() -> None:
            session.wait(delivery.ack())

        return SyncDelivery(**_fields(delivery) | {"acknowledge": acknowledge})

    def close(self) -> None:
        """Let another use the reader's name."""

        async def close() -> None:
            self._messages.close()

        with contextlib.suppress(Misused, Hopeless):  # it has ended: nobody uses it any more
            self._session.wait(close())

    def __enter__(self) -> Self:
        """Take the reader's name: from now on messages are kept for it."""
        self._session.wait(self._messages.begin())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class SyncSteps(Iterator["Step"]):
    """The steps of a session, see `step_stream.StepStream`. For one thread."""

    def __init__(self, session: SyncSupervisor, steps: StepStream) -> None:
        self._session = session
        self._steps = steps

    @property
    def missed(self) -> int:
        """How many steps were dropped because the reader was too slow."""
        return self._steps.missed

    def __next__(self) -> Step:
        """Wait for the next step; it ends with the session."""
        return self._session._wait_next(self._steps)  # noqa: SLF001 - two halves of one thing


def _fields(delivery: Delivery) -> dict[str, Any]:
    return {each.name: getattr(delivery, each.name) for each in fields(SyncDelivery)}


async def _next(items: AsyncIterator[T]) -> tuple[T] | None:
    """Return the next item; None at the end, as StopAsyncIteration cannot leave a coroutine."""
    try:
        return (await anext(items),)
    except StopAsyncIteration:
        return None


def _ready(work: Coroutine[Any, Any, tuple[T] | None]) -> tuple[T] | None:
    """Return what a coroutine returns without waiting for anything; None if it would wait."""
    try:
        work.send(None)
    except StopIteration as stop:
        found: tuple[T] | None = stop.value
        return found
    work.close()
    return None
