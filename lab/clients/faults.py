"""What happens to each client when the connection, the server or the account goes wrong."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

from wa_loopback import (
    DEVICE_REMOVED,
    Failure,
    Impostor,
    LoopbackError,
    LoopbackServer,
    PairFault,
    StreamError,
)
from wa_loopback.observations import Introduced, Lost

from .program import Client, ProgramEnded, run
from .session import KEEPALIVE, Observer, Session, link, paired, served

_DOWN_SECONDS = 3.0
_BACK_SECONDS = 15.0
_AWAY_SECONDS = 8.0
_LONG_SECONDS = 60.0


class Wish(StrEnum):
    """What should become of a client."""

    BACK = "comes back"
    AWAY = "stays away, and says so"
    RELINKED = "asks to be linked anew, or says so"
    REFUSES = "refuses"


@dataclass(frozen=True)
class Outcome:
    """What became of a client, in words, and whether that is what should."""

    words: str
    right: bool


_Act: TypeAlias = Callable[[Session, Observer], Awaitable[None]]


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong with a client that is connected."""

    name: str
    words: str
    wish: Wish
    act: _Act
    dials: int = 0
    """How often a client must dial to learn of it."""
    within: float = _BACK_SECONDS
    """Seconds in which it should be back."""


async def _drop(session: Session, _seen: Observer) -> None:
    await session.drop()


async def _close(session: Session, _seen: Observer) -> None:
    await session.connection.close()


async def _maintenance(session: Session, _seen: Observer) -> None:
    await session.connection.xmlstreamend()


def _stream_error(error: StreamError) -> _Act:
    async def act(session: Session, _seen: Observer) -> None:
        session.connection.end(error)

    return act


def _next_login(failure: Failure) -> _Act:
    async def act(session: Session, _seen: Observer) -> None:
        session.server.on_login(failure, times=None if failure.reason != 503 else 1)  # noqa: PLR2004
        await session.drop()

    return act


async def _upgrade_503(session: Session, seen: Observer) -> None:
    session.server.upgrade_status = 503
    await session.drop()
    await asyncio.sleep(_DOWN_SECONDS)
    session.server.upgrade_status = None
    seen.possible()


async def _refused(session: Session, seen: Observer) -> None:
    session.server.refuse()
    await session.drop()
    await asyncio.sleep(_DOWN_SECONDS)
    session.server.accept()
    seen.possible()


async def _mute(session: Session, _seen: Observer) -> None:
    session.connection.mute()


async def _freeze(session: Session, _seen: Observer) -> None:
    session.connection.freeze()


async def _revoked_while_away(session: Session, _seen: Observer) -> None:
    session.phone.revoke(session.device, by_phone=True)
    await session.drop()


_GONE = StreamError(DEVICE_REMOVED.code, DEVICE_REMOVED.conflict)


async def _removed(session: Session, _seen: Observer) -> None:
    session.phone.revoke(session.device, by_phone=True)
    session.connection.end(_GONE)


FAULTS = (
    Fault("drop", "the connection is cut (TCP RST)", Wish.BACK, _drop),
    Fault("close", "the server closes the WebSocket", Wish.BACK, _close),
    Fault("maintenance", "the stream is ended for maintenance", Wish.BACK, _maintenance),
    Fault(
        "515", "stream error 515, restart required", Wish.BACK, _stream_error(StreamError("515"))
    ),
    Fault("503", "stream error 503", Wish.BACK, _stream_error(StreamError("503"))),
    Fault(
        "login-503",
        "a login is answered with failure 503, once",
        Wish.BACK,
        _next_login(Failure(503)),
        within=_LONG_SECONDS,
    ),
    Fault(
        "upgrade-503",
        "the upgrade is answered with HTTP 503 for 3 s",
        Wish.BACK,
        _upgrade_503,
        within=_LONG_SECONDS,
    ),
    Fault("refused", "connections are refused for 3 s", Wish.BACK, _refused),
    Fault(
        "silent",
        "nothing is answered any more, pings included",
        Wish.BACK,
        _mute,
        within=_LONG_SECONDS,
    ),
    Fault(
        "half-open",
        "nobody reads any more: a half-open connection",
        Wish.BACK,
        _freeze,
        within=_LONG_SECONDS,
    ),
    Fault(
        "replaced",
        "another client takes the connection over (conflict replaced)",
        Wish.AWAY,
        _stream_error(StreamError(conflict="replaced")),
    ),
    Fault("removed", "the device is unlinked on the phone", Wish.RELINKED, _removed),
    Fault(
        "revoked",
        "it is unlinked while away: failure 401 at the login",
        Wish.RELINKED,
        _revoked_while_away,
        dials=1,
    ),
    Fault(
        "ban",
        "a temporary ban: failure 402, code 101, for an hour",
        Wish.AWAY,
        _next_login(Failure(402, code=101, expire=3600)),
        dials=1,
    ),
    Fault(
        "outdated",
        "the version is too old: failure 405",
        Wish.AWAY,
        _next_login(Failure(405)),
        dials=1,
    ),
)


async def play(client: Client, fault: Fault) -> Outcome:
    """Let a fault happen to a client that was paired by QR. Raises `Unavailable`."""
    async with _place() as (server, directory), paired(client, server, directory) as session:
        await asyncio.sleep(0.5)  # what it still does after its login
        seen = Observer(server, session.running, session.device)
        old = session.connection
        await fault.act(session, seen)
        if fault.wish is Wish.BACK:
            back = await seen.back(within=fault.within)
            if back is not None:
                return Outcome(f"back after {back:.1f} s", right=True)
        else:
            await seen.watch(_AWAY_SECONDS)
        return _judged(fault, seen, still=old.open and not old.frozen)


def _judged(fault: Fault, seen: Observer, *, still: bool) -> Outcome:
    """Put into words what became of a client that is not back."""
    if "exit" in seen.said:
        told = "ended" in seen.said or "closed" in seen.said
        words = "ends, and says so" if told else "its process ends without a word"
        return Outcome(words, right=told and fault.wish is not Wish.BACK)
    return _not_back(fault, seen, still=still) if fault.wish is Wish.BACK else _away(fault, seen)


def _not_back(fault: Fault, seen: Observer, *, still: bool) -> Outcome:
    closed, after = "closed" in seen.said, f"{fault.within:.0f} s"
    if seen.codes:
        return Outcome("forgets its login, and asks to be linked anew", right=False)
    if still and not closed:
        return Outcome(f"notices nothing for {after}", right=False)
    noticed = "says it is closed" if closed else "says nothing"
    tried = "1 attempt" if seen.attempts == 1 else f"{seen.attempts} attempts"
    return Outcome(f"{noticed}; not back after {after}, {tried}", right=False)


def _away(fault: Fault, seen: Observer) -> Outcome:
    if seen.codes:
        return Outcome("asks to be linked anew", right=fault.wish is Wish.RELINKED)
    if seen.attempts > fault.dials:
        again = seen.attempts - fault.dials
        return Outcome(f"dials on: {again} more in {_AWAY_SECONDS:.0f} s", right=False)
    if "ended" in seen.said:
        return Outcome("stays away, and says so", right=True)
    told = "closed" in seen.said
    words = "stays away, and says only that it is closed" if told else "stays away without a word"
    return Outcome(words, right=told)


async def forged(client: Client, fault: PairFault | Impostor) -> Outcome:
    """Forge what the server or the phone signs, and see whether the client minds."""
    async with _place() as (server, directory):
        server.timeout = 4.0
        if isinstance(fault, Impostor):
            server.impostor = fault
        async with run(client, server.endpoint, directory, keepalive=KEEPALIVE) as running:
            try:
                if isinstance(fault, Impostor):
                    await server.changes.until(
                        lambda: _came(server) or None, within=_LONG_SECONDS, what="the client"
                    )
                    await running.expect("qr", within=_AWAY_SECONDS)
                    return Outcome("shows its QR to a server that is not WhatsApp's", right=False)
                device = await link(server, running, by_code=False, fault=fault)
                await server.wait_connected(device, timeout=_AWAY_SECONDS)
            except (LoopbackError, ProgramEnded, TimeoutError):
                came = _came(server)
                return Outcome("refuses" if came else "does not come", right=came)
    return Outcome("takes it, and logs in", right=False)


def _came(server: LoopbackServer) -> bool:
    return any(isinstance(each, Lost | Introduced) for each in server.log)


FORGERIES: tuple[tuple[str, PairFault | Impostor], ...] = (
    ("the Noise certificates begin at another root key", Impostor.NOISE_ROOT),
    ("the HMAC over the device identity is wrong", PairFault.BAD_HMAC),
    ("the account's signature over the device is wrong", PairFault.BAD_SIGNATURE),
)


async def killed(client: Client) -> Outcome:
    """Kill the client's process while it is connected, and start it again."""
    async with _place() as (server, directory):
        async with paired(client, server, directory) as session:
            device = session.device
            await asyncio.sleep(0.5)
        if not client.keeps:
            return Outcome("keeps its login in memory only", right=True)
        async with run(client, server.endpoint, directory, keepalive=KEEPALIVE) as running:
            seen = Observer(server, running, device)
            back = await seen.back(within=_BACK_SECONDS)
            if back is None:
                return Outcome("is not back", right=False)
            return Outcome(f"back after {back:.1f} s", right=True)


@contextlib.asynccontextmanager
async def _place() -> AsyncIterator[tuple[LoopbackServer, Path]]:
    with tempfile.TemporaryDirectory(prefix="wa-lab-") as name:
        async with served() as server:
            yield server, Path(name)
