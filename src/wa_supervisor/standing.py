"""What a running supervisor says of itself: its session, and all that is known beside it."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import SecretStr

from .lifecycle import Clock, Session, State
from .status import Status, time_of_day
from .status_parts import Device, PairingNow, ProcessState
from .versions import versions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .clock import Clock as TimeSource
    from .gate import Identity
    from .incoming import Incoming
    from .journal.memory import Memory
    from .notify.notices import Notices
    from .outgoing import Outgoing
    from .pairing.current import CurrentCode
    from .settings import Settings
    from .shell import Shell
    from .status import StepRecord

PHONE_AWAY: Final = timedelta(days=14)
"""How long the phone may stay offline before WhatsApp unlinks its devices (WhatsApp's help page on
linked devices)."""

DEVICE_UNUSED: Final = timedelta(days=30)
"""How long a linked device may stay unused before WhatsApp unlinks it (the same page)."""


@dataclass
class Standing:
    """Makes the status of one run. For the supervisor's loop; read from elsewhere it may be old."""

    clock: TimeSource
    code: CurrentCode
    incoming: Incoming | None
    outgoing: Outgoing
    notices: Notices
    _started_at: datetime | None = None
    _child_at: datetime | None = None
    _substate: str | None = None
    _substate_at: datetime | None = None
    _versions: dict[str, str] = field(default_factory=dict)

    @contextlib.asynccontextmanager
    async def begun(self) -> AsyncIterator[None]:
        """Count the uptime from now on, and look up the versions, which takes a read of a file."""
        self._started_at = self.clock.wall()
        import asyncio  # noqa: PLC0415 - `describe` is for those who ask, and have no loop

        looking = asyncio.create_task(self._look_up())
        try:
            yield
        finally:
            looking.cancel()

    async def _look_up(self) -> None:
        from asyncio import to_thread  # noqa: PLC0415 - as above

        self._versions = await to_thread(versions)

    def heard(self, record: StepRecord) -> None:
        """Take note of when it came about."""
        if "StartChild" in record.effects:
            self._child_at = record.ts
        if record.substate != self._substate or record.before != record.after:
            self._substate, self._substate_at = record.substate, record.ts

    def status(self, settings: Settings, shell: Shell | None) -> Status:
        """Say how a run stands that has begun or, without a shell, one that has not."""
        now, wall = self.clock.time(), self.clock.wall()
        incoming = self.incoming
        received = incoming.state if incoming else None
        restricted_at = self.outgoing.restricted_at
        if shell is None:
            return Status.of(
                Session(),
                settings.session,
                now=now,
                wall=wall,
                policy=settings.policy,
                restricted_at=restricted_at,
                received=received,
            )
        session, recorder = shell.core.session, shell.around.recorder
        memory = recorder.memory
        return Status.of(
            session,
            settings.session,
            now=now,
            wall=wall,
            policy=shell.core.policy,
            since=memory.since if memory else self._started_at,
            substate_since=self._substate_at if session.phase.substate else None,
            process=look_at(os.getpid(), self._started_at),
            client=look_at(shell.around.link.pid, self._child_at),
            versions=self._versions,
            device=describe(
                memory,
                incoming.own if incoming else None,
                is_up=session.phase.state is State.CONNECTED,
                phone_at=incoming.phone_seen_at if incoming else None,
            ),
            pairing=self._pairing(session, settings, now, wall),
            received=received,
            restricted_at=restricted_at,
            ignored=shell.core.ignored.total(),
            journal=recorder.trouble,
            notify=self.notices.trouble,
            order=memory.order if memory else None,
        )

    def _pairing(
        self, session: Session, settings: Settings, now: float, wall: datetime
    ) -> PairingNow | None:
        if session.phase.state is not State.PAIRING:
            return None
        shown = self.code.read()
        return PairingNow(
            kind=shown[0] if shown else None,
            until=wall + timedelta(seconds=shown[2]) if shown else None,
            window_until=time_of_day(session.clocks.get(Clock.PAIRING), now=now, wall=wall),
            shown_on=tuple(settings.pairing.qr),
        )


def describe(
    memory: Memory | None, own: Identity | None, *, is_up: bool, phone_at: datetime | None = None
) -> Device:
    """Say what is known of the linked account; `is_up` while it is connected.

    `phone_at` is when its phone last sent something that came here.
    """
    paired = memory.paired if memory else None
    number = own.phone.user if own and own.phone and paired is not False else None
    signs = (memory.phone_seen_at if memory else None, phone_at)
    seen = max((sign for sign in signs if sign is not None), default=None)
    connected = memory.connected_at if memory and not is_up else None
    return Device(
        paired=paired,
        paired_at=memory.last_pairing if memory else None,
        number=SecretStr(number) if number else None,
        ending=number[-2:] if number else None,
        phone_seen_at=seen,
        session_ends_without_phone=seen + PHONE_AWAY if seen and paired else None,
        connected_at=connected,
        session_ends_unused=connected + DEVICE_UNUSED if connected and paired else None,
    )


def look_at(pid: int | None, started_at: datetime | None) -> ProcessState | None:
    """Describe a process; its memory where there is a /proc to read."""
    if pid is None:
        return None
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])  # proc_pid_statm(5)
    except (OSError, IndexError, ValueError):
        memory = None
    else:
        memory = pages * os.sysconf("SC_PAGE_SIZE")
    return ProcessState(pid=pid, started_at=started_at, memory=memory)
