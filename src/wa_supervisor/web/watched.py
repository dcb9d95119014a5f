"""The sessions as the server's thread sees them: asked on their own loop, within a deadline."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ..errors import ControlError, JournalError
from ..journal.reader import FileReading
from ..status import people_first
from ..store.layout import SessionFiles

if TYPE_CHECKING:
    from ..control import ShownCode
    from ..journal.entries import Entry
    from ..journal.reader import Numbered, Reading
    from ..settings import Settings
    from ..status import Status, StepRecord
    from ..supervisor import Supervisor

ANSWER_BOUND: Final = 2.0
"""Seconds for a session's loop to answer; then it is said that it does not."""

FRESH: Final = 0.1
"""Seconds in which all who ask get one answer: a flood costs a session ten a second."""

READ_BOUND: Final = 5.0
"""Seconds for a journal to be read; then it is said that it does not answer."""

READS_AT_ONCE: Final = 2
"""Reads of journals that are under way; the threads that do them serve the sessions, too."""

_T = TypeVar("_T")


@dataclass
class Counted:
    """What was counted of one session since the server began, for the metrics."""

    steps: dict[str, int] = field(default_factory=dict)
    """Steps by the state they led to."""
    dials: int = 0
    notified: int = 0
    in_state: dict[str, float] = field(default_factory=dict)
    """Seconds in each state that was left."""
    state: str = "Init"
    since: float = field(default_factory=time.monotonic)

    def hear(self, record: StepRecord) -> None:
        """Count a step."""
        if not record.taken:
            return
        self.steps[record.after] = self.steps.get(record.after, 0) + 1
        self.dials += "StartChild" in record.effects
        self.notified += "Notify" in record.effects
        if record.after != self.state:
            now = time.monotonic()
            self.in_state = self.times(now)
            self.state, self.since = record.after, now

    def times(self, now: float) -> dict[str, float]:
        """Seconds in each state, that of now included."""
        spent = now - self.since
        return self.in_state | {self.state: self.in_state.get(self.state, 0.0) + spent}


def in_its_directory(settings: Settings) -> FileReading:
    """Return the journal of a session that is kept on this machine."""
    return FileReading(SessionFiles.at(settings.session, settings.data_dir).journal)


class Watched:
    """The sessions of one program. Made on the loop on which they run.

    `sessions` may change meanwhile: `multi.Sessions` is one, `{name: supervisor}` another.
    `journal_of` says where the journal of a session is, by its settings.
    """

    def __init__(
        self,
        sessions: Mapping[str, Supervisor],
        journal_of: Callable[[Settings], Reading] = in_its_directory,
    ) -> None:
        self._sessions = sessions
        self._journal_of = journal_of
        self._loop = asyncio.get_running_loop()
        self._known: dict[str, tuple[Supervisor, Counted]] = {}
        self._answers: dict[str, tuple[float, Status]] = {}
        self._reading = asyncio.Semaphore(READS_AT_ONCE)
        self.ended = False
        """Whether there is nothing more to follow."""
        self._news: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}

    # -- on the sessions' loop

    def look(self) -> None:
        """Begin to listen to the sessions that are new, and forget those that are gone."""
        for name, session in self._sessions.items():
            known = self._known.get(name)
            if known is None or known[0] is not session:
                counted = Counted()
                self._known[name] = (session, counted)
                session.on_record(counted.hear)
                session.on_record(self._hear)
        for name in self._known.keys() - set(self._sessions):
            del self._known[name]
            self._answers.pop(name, None)

    def _hear(self, record: StepRecord) -> None:
        self._answers.pop(record.session, None)
        self._wake()

    def end(self) -> None:
        """Let those who follow find that it is over. From any thread."""
        self.ended = True
        self._wake()

    def _wake(self) -> None:
        for event, loop in tuple(self._news.items()):
            try:
                loop.call_soon_threadsafe(event.set)
            except RuntimeError:  # the server has ended
                self._news.pop(event, None)

    # -- on the server's loop

    def follow(self, event: asyncio.Event) -> None:
        """Have an event of the running loop set with each step of any session."""
        self._news[event] = asyncio.get_running_loop()

    def leave(self, event: asyncio.Event) -> None:
        """End that."""
        self._news.pop(event, None)

    async def statuses(self) -> tuple[Status, ...]:
        """How all of them stand; those that need a person come first. Raises ControlError."""

        def every() -> dict[str, Status]:
            self.look()
            return {name: session.status for name, session in self._sessions.items()}

        now = time.monotonic()
        known = {name: each for name, each in self._answers.items() if now - each[0] < FRESH}
        if not known or set(known) != set(self._known):
            found = await self._ask(every)
            known = {name: (now, status) for name, status in found.items()}
            self._answers = dict(known)
        return people_first(status for _, status in known.values())

    async def status(self, name: str) -> Status:
        """How one stands. Raises KeyError, ControlError."""
        return {each.session: each for each in await self.statuses()}[name]

    async def code(self, name: str) -> ShownCode | None:
        """Return the code that shows. Raises KeyError, ControlError."""
        session = self._sessions[name]
        return await self._ask(session.shown_code)

    async def order(self, name: str, do: Callable[[Supervisor], object]) -> None:
        """Give an order, such as `Supervisor.resume`. Raises KeyError, ControlError."""
        await self._ask(lambda: do(self._sessions[name]))
        self._answers.pop(name, None)  # who gave it hears what came of it

    async def do(
        self,
        name: str,
        what: Callable[[Supervisor], Coroutine[Any, Any, _T]],
        within: float = ANSWER_BOUND,
    ) -> _T:
        """Have something done by a session. Raises KeyError, ControlError, what it raises."""
        done = await self.ask(name, what, within)
        self._answers.pop(name, None)  # as above
        return done

    async def ask(
        self, name: str, what: Callable[[Supervisor], Coroutine[Any, Any, _T]], within: float
    ) -> _T:
        """As `do`, with what changes nothing of how the session stands."""

        async def asking() -> _T:
            return await what(self._sessions[name])

        return await self._run(asking, within)

    def give(self, do: Callable[[], object]) -> None:
        """Have something called on the sessions' loop, soon; nothing if that has ended."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(do)

    def counted(self) -> dict[str, Counted]:
        """Return what was counted of each."""
        return {name: counted for name, (_, counted) in tuple(self._known.items())}

    async def history(self, name: str, limit: int) -> tuple[Entry, ...]:
        """Return the newest steps, oldest first. Raises KeyError, JournalError."""
        journal = await self._journal(name)
        return (await self._read(lambda: journal.read(limit=limit))).entries

    async def after(self, name: str, number: int, limit: int) -> tuple[Numbered, ...]:
        """Return the steps after this number of the journal. Raises KeyError, JournalError."""
        journal = await self._journal(name)
        return await self._read(lambda: journal.read_after(number, limit))

    async def _journal(self, name: str) -> Reading:
        return self._journal_of(await self._ask(lambda: self._sessions[name].settings))

    async def _read(self, read: Callable[[], _T]) -> _T:
        """Read in a thread. One that hangs counts among `READS_AT_ONCE` until it has ended."""
        try:
            async with asyncio.timeout(READ_BOUND):
                await self._reading.acquire()
                reading = asyncio.ensure_future(asyncio.to_thread(read))
                reading.add_done_callback(self._read_ended)
                return await asyncio.shield(reading)
        except TimeoutError:
            raise JournalError(f"the journal was not read within {READ_BOUND:g} s") from None

    def _read_ended(self, reading: asyncio.Future[Any]) -> None:
        self._reading.release()
        if not reading.cancelled():
            reading.exception()  # whoever asked may have gone

    async def _ask(self, question: Callable[[], _T]) -> _T:
        async def asking() -> _T:
            return question()

        return await self._run(asking, ANSWER_BOUND)

    async def _run(self, make: Callable[[], Coroutine[Any, Any, _T]], within: float) -> _T:
        if self._loop.is_closed():
            raise ControlError("the supervisor has ended")
        asked = asyncio.run_coroutine_threadsafe(make(), self._loop)
        try:
            async with asyncio.timeout(within):
                return await asyncio.wrap_future(asked)
        except TimeoutError:
            raise ControlError(
                f"the supervisor did not answer within {within:g} s: something of its program "
                "blocks it"
            ) from None
