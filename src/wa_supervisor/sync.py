"""A session for programs with threads and without asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, Self, TypeVar

from .errors import Misused
from .supervisor import LEAVING_BOUND, Supervisor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from types import TracebackType

    from .lifecycle import Step
    from .sending import Address
    from .settings import Settings
    from .status import Status

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

    wait.__name__, wait.__doc__ = method.__name__, method.__doc__
    return wait


class SyncSupervisor:
    """A `Supervisor` whose event loop has a thread of its own.

        with SyncSupervisor(Settings(session="shop")) as session:
            session.wait_for(State.CONNECTED, timeout=120)
            session.send_text("+4915112345678", "good morning")

    Its methods are those of `Supervisor`; they block, and may be called from any thread. Ctrl-C
    ends what they wait for.
    """

    def __init__(self, session: Settings | Supervisor) -> None:
        self.supervisor = session if isinstance(session, Supervisor) else Supervisor(session)
        """The session itself, for what is not here; its coroutines belong to its own loop."""
        self._opened: Future[None] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leave = asyncio.Event()
        self._ended: Future[None] = Future()
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
    call = _blocking(Supervisor.call)

    @property
    def status(self) -> Status:
        """How the session stands."""
        return self.supervisor.status

    def stop(self) -> None:
        """Stop, keeping the session."""
        self.supervisor.stop()

    def resume(self) -> None:
        """Try again now, with a fresh budget of retries."""
        self.supervisor.resume()

    def relink(self) -> None:
        """Log out, clear the session away and pair afresh."""
        self.supervisor.relink()

    def steps(self) -> Iterator[Step]:
        """Iterate over the steps from now on, see `Supervisor.steps`."""
        return self._iterate(self.supervisor.steps)

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
        """Wait for a coroutine of the session, on its loop. Raises Misused outside the context."""
        if self._loop is None or self._ended.done():
            if asyncio.iscoroutine(work):
                work.close()
            raise Misused("a session is used within its context")

        async def on_loop() -> T:
            return await work

        future = asyncio.run_coroutine_threadsafe(on_loop(), self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def _iterate(self, make: Callable[[], AsyncIterator[T]]) -> Iterator[T]:
        async def begin() -> AsyncIterator[T]:
            return make()

        items = self.wait(begin())  # now, so that nothing is missed before the first is asked for

        def each() -> Iterator[T]:
            while (found := self.wait(_next(items))) is not None:
                yield found[0]

        return each()

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
        async with self.supervisor:
            self._opened.set_result(None)
            await self._leave.wait()

    def _end(self) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed already
                self._loop.call_soon_threadsafe(self._leave.set)
        self._thread.join(LEAVING_BOUND + _JOINING)


async def _next(items: AsyncIterator[T]) -> tuple[T] | None:
    """Return the next item; None at the end, as StopAsyncIteration cannot leave a coroutine."""
    try:
        return (await anext(items),)
    except StopAsyncIteration:
        return None
