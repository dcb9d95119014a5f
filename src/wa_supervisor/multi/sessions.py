"""Many sessions in one program, each supervised as if it were alone."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import random
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Self

from ..bounds import finished
from ..clock import RealClock
from ..errors import Misused
from ..lifecycle import facts
from ..session.parent.link import SessionLink, best_launcher
from ..status import people_first
from ..supervisor import LEAVING_BOUND, Supervisor
from .breaker import Breaker
from .dials import Dials, Pace
from .network_looks import NetworkLooks
from .permits import Permits
from .room import check_room

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from ..lifecycle import Step
    from ..seams import Clock, MakeLink
    from ..session.shared.endpoint import Endpoint
    from ..settings import Settings
    from ..status import Status
    from ..supervisor import Outcome
    from .permits import Permit

log = logging.getLogger("wa_supervisor")

_ITS_TURN = "sessions dial one after the other"

STOPPING_AT_ONCE: Final = 50
"""Of more each would have too little of the machine to end within its bound, and would be killed:
of 500 at once on two cores 378 were. Measured; see docs/many.md."""


class Sessions(Mapping[str, Supervisor]):
    """The sessions of one program, by their names.

        async with Sessions(Settings(session="shop"), Settings(session="club")) as sessions:
            await sessions["shop"].send_text("+4915112345678", "hello")
            await sessions.add(Settings(session="new"))

    They share one fork server and one look at the network. Their dials are paced, and all wait
    while many fail alike (see `breaker`); `held` says so. A full disk, a hostile bot or a panic of
    one touches no other: each has its own process, directory, journal and lock.

    Leaving the context stops fifty at a time, each within its bound. `permit` is asked before each
    dial and returns once the session of that name may; while it raises or hangs the session waits,
    and is asked for again. `link` and `clock` are the seams for tests.
    """

    def __init__(
        self,
        *settings: Settings,
        pace: Pace | None = None,
        permit: Permit | None = None,
        link: MakeLink | None = None,
        clock: Clock | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._first = settings
        self._launcher = best_launcher()
        self._looks = NetworkLooks()
        self._make_link: MakeLink = link or functools.partial(
            SessionLink, launcher=self._launcher, look=self._looks.reachable
        )
        self._clock = clock or RealClock()
        self._jitter = jitter
        self._breaker = Breaker()
        self._dials = Dials(pace or Pace(), self._breaker)
        self._all: dict[str, _OneOfMany] = {}
        self._changed = asyncio.Event()
        self._permits: Permits | None = None
        if permit is not None:
            self._permits = Permits(permit, self._dials, dial=self._dial, changed=self._changed.set)
        self._pacing: asyncio.Task[None] | None = None

    # -- what there is

    def __getitem__(self, name: str) -> Supervisor:
        return self._all[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    @property
    def held(self) -> str | None:
        """Why all wait but one at a time; None while each dials in its turn."""
        breaker = self._breaker
        if breaker.reason is None:
            return None
        return (
            f"{breaker.failed} of {len(self)} sessions failed alike ({breaker.reason.value}); "
            "one at a time tries until one comes up"
        )

    def statuses(self) -> tuple[Status, ...]:
        """How all of them stand; those that need a person come first."""
        return people_first(each.status for each in self._all.values())

    # -- at run time

    async def add(self, settings: Settings, **options: Any) -> Supervisor:  # noqa: ANN401
        """Take a session and begin to run it; `options` are those of `Supervisor`.

        Raises Misused if there is one of that name, TooManySessions if the machine has no room for
        it, and what `Supervisor.run` raises as it begins. The others do not notice.
        """
        name = settings.session
        if self._pacing is None:
            raise Misused("sessions are added within the context of `async with Sessions(...)`")
        if name in self._all:
            raise Misused(f"there is a session {name!r} already")
        check_room(len(self))
        session = _OneOfMany(settings, link=self._make_link, **options)
        session.post(facts.DialsHeld(self.held or _ITS_TURN))
        session.on_step(functools.partial(self._hear, name))
        self._all[name] = session
        self._dials.add(name)
        try:
            return await session.__aenter__()
        except BaseException:
            self._forget(name)
            raise

    async def remove(self, name: str) -> None:
        """Stop a session, and forget it; its keys stay. Raises KeyError if there is none.

        One that failed by a defect of ours has been told in the log, and is only forgotten.
        """
        session = self._all[name]
        with contextlib.suppress(Exception):  # logged when it failed, see _OneOfMany
            await self._end(session)

    async def stop(self) -> None:
        """Stop all, fifty at a time, and wait until they have; none dials any more.

        They stay here, and can still be asked how they stand.
        """
        await self._stop_pacing()
        turns = asyncio.Semaphore(STOPPING_AT_ONCE)
        await asyncio.gather(*(session.stopped(turns) for session in self._all.values()))

    async def _stop_pacing(self) -> None:
        if self._pacing is not None:
            self._pacing.cancel()
            await asyncio.gather(self._pacing, return_exceptions=True)
            self._pacing = None

    async def _end(self, session: _OneOfMany) -> None:
        try:
            await session.__aexit__(None, None, None)
        finally:
            self._forget(session.settings.session)

    async def ended(self, name: str) -> None:
        """Wait until a session's run is over, well or not. Raises KeyError if there is none."""
        await self._all[name].over.wait()

    async def prestart(self, endpoint: Endpoint) -> None:
        """Start the fork server ahead of the first session. Raises SessionError if it cannot be."""
        await self._launcher.ready(endpoint)

    def renew(self, until: float) -> None:
        """Let all session processes live until then, in seconds of CLOCK_BOOTTIME.

        From the first call on they are killed at that time unless it was put off, even if this
        program is frozen. Raises Misused where there is no fork server (before Linux 5.3).
        """
        self._launcher.renew(until)

    def kill(self) -> None:
        """End every session process at once, by SIGKILL, and start no more.

        For who must not hold a connection for a moment longer. The context is then to be left.
        """
        self._launcher.kill()

    async def restart(self, name: str, **options: Any) -> Supervisor:  # noqa: ANN401
        """Stop a session and begin it anew, with the same settings and these options."""
        settings = self._all[name].settings
        await self.remove(name)
        return await self.add(settings, **options)

    async def __aenter__(self) -> Self:
        """Begin with the sessions that were handed in. If one cannot be had, none is begun."""
        self._pacing = asyncio.create_task(self._pace(), name="pace of dials")
        try:
            for settings in self._first:
                await self.add(settings)
        except BaseException as error:
            await self.__aexit__(type(error), error, error.__traceback__)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop all, and wait until everything has ended."""
        ends: list[asyncio.Task[None]] = []
        try:
            await self.stop()
        finally:
            ends += [asyncio.create_task(self._end(session)) for session in self._all.values()]
            if ends:
                await asyncio.wait(ends)
            if self._permits is not None:
                await self._permits.aclose()
            await self._looks.aclose()
            await self._launcher.aclose()
        faults = [fault for end in ends if isinstance(fault := end.exception(), Exception)]
        if faults and error is None:
            raise ExceptionGroup("not all sessions ended well", faults)

    # -- whose turn it is

    def _hear(self, name: str, step: Step) -> None:
        if self._dials.hear(name, step, self._clock.time()):
            why = self.held
            if why is None:
                log.info("a session came up: the others follow, one after the other")
            else:
                log.error("all sessions wait: %s", why)
            for session in self._all.values():
                session.post(facts.DialsHeld(why or _ITS_TURN))
        self._changed.set()

    async def _pace(self) -> None:
        while True:
            self._changed.clear()
            now = self._clock.time()
            name = self._dials.grant(now, self._jitter())
            if name is not None:
                if self._permits is None:
                    self._dial(name)
                else:
                    self._permits.ask(name)
                continue
            with contextlib.suppress(TimeoutError):
                async with self._clock.timeout_at(self._dials.deadline(now)):
                    await self._changed.wait()

    def _dial(self, name: str) -> None:
        if name in self._all and self._dials.use(name, self._clock.time()):
            self._all[name].post(facts.DialAllowed())

    def _forget(self, name: str) -> None:
        self._all.pop(name, None)
        if self._permits is not None:
            self._permits.forget(name)
        self._dials.remove(name)
        self._changed.set()


class _OneOfMany(Supervisor):
    def __init__(self, settings: Settings, **options: Any) -> None:  # noqa: ANN401 - as `Sessions.add`
        super().__init__(settings, **options)
        self.over = asyncio.Event()

    async def stopped(self, turns: asyncio.Semaphore) -> None:
        """Stop in one of these turns, and wait for that; how it ended is not asked here."""
        assert self._running is not None
        async with turns:
            self.stop()
            await finished(self._running, LEAVING_BOUND + self.settings.stop.drain)

    async def run(self) -> Outcome:
        """Run, and say at once what a program with one session says by ending: a defect."""
        try:
            return await super().run()
        except Exception:
            if self._shell is not None:  # else it was not begun, and whoever adds it is told
                name = self.settings.session
                log.exception("%s: the supervisor failed; the other sessions go on", name)
            raise
        finally:
            self.over.set()
