"""What can be done to a session from outside: verbs for the server, the network and the phone.

Each verb returns an act. Acts that mend what an earlier one broke say so to the stage: from then
on recovery is possible, and its time is taken.
"""

from __future__ import annotations

import asyncio
import contextlib

from wa_loopback import (
    DEVICE_REMOVED,
    Failure,
    Impostor,
    LoopbackError,
    PairFault,
    Refs,
    Silence,
    Step,
    StreamError,
)
from wa_loopback.answers import LoginAnswer, RegistrationAnswer

from .fault import Act
from .rig import Stage

REPLACED_OPEN = StreamError(conflict="replaced", close=False)

# -- the server, to who is connected --------------------------------------------------------------


def says(code: str | None = None, conflict: str | None = None, *, close: bool) -> Act:
    """Send a stream error, and hang up or leave the socket open."""

    async def act(stage: Stage) -> None:
        stage.connection.end(StreamError(code, conflict, close))

    return act


def unlinks(*, close: bool) -> Act:
    """Unlink the device on the phone."""

    async def act(stage: Stage) -> None:
        assert stage.device is not None
        connection = stage.connection
        stage.phone.revoke(stage.device, by_phone=True)
        ending = StreamError(DEVICE_REMOVED.code, DEVICE_REMOVED.conflict, close)
        connection.end(ending)

    return act


async def drop(stage: Stage) -> None:
    """Reset the TCP connection."""
    await stage.connection.drop()


async def close(stage: Stage) -> None:
    """Close the WebSocket as it should be closed."""
    await stage.connection.close()


async def end_stream(stage: Stage) -> None:
    """End the stream as a server does which goes down."""
    await stage.connection.xmlstreamend()


async def mute(stage: Stage) -> None:
    """Answer nothing more on this connection; TCP lives on."""
    stage.connection.mute()


async def unmute(stage: Stage) -> None:
    """Answer again."""
    stage.connection.unmute()
    stage.mended()


async def freeze(stage: Stage) -> None:
    """Read nothing more from this connection."""
    stage.connection.freeze()


async def panic(stage: Stage) -> None:
    """Make the client's Go code panic."""
    await stage.connection.panic()


def typing(times: int = 1) -> Act:
    """Let somebody type: what a bot hears of."""

    async def act(stage: Stage) -> None:
        for _ in range(times):
            stage.connection.typing(stage.phone.jid)

    return act


def flood(times: int) -> Act:
    """Send so many stream errors without closing: events, as fast as they go."""

    async def act(stage: Stage) -> None:
        connection = stage.connection
        for number in range(times):
            connection.end(StreamError("500", close=False))
            if number % 100 == 0:
                await asyncio.sleep(0)

    return act


# -- the server, to who comes ---------------------------------------------------------------------


def answers_logins(*answers: LoginAnswer) -> Act:
    """Answer the next logins so."""

    async def act(stage: Stage) -> None:
        for answer in answers:
            stage.server.on_login(answer)

    return act


def rejects(reason: int, *, close: bool = True, times: int = 1) -> Act:
    """Answer the next logins with a failure."""
    return answers_logins(*[Failure(reason, close=close)] * times)


def bans(code: int, *, seconds: int | None = None, times: int = 1, close: bool = True) -> Act:
    """Answer the next logins with a temporary ban."""
    return answers_logins(*[Failure(402, code=code, expire=seconds, close=close)] * times)


silent_login = answers_logins(Silence())


def answers_registrations(answer: RegistrationAnswer) -> Act:
    """Answer the next registration so."""

    async def act(stage: Stage) -> None:
        stage.server.on_registration(answer)

    return act


def offers(codes: int) -> Act:
    """Offer so many QR codes at the next registration."""
    return answers_registrations(Refs(codes))


async def ignores_requests(stage: Stage) -> None:
    """Let logins succeed, but never answer what clients ask for then."""
    stage.server.answer_iqs = False


async def answers_requests(stage: Stage) -> None:
    """Answer requests again."""
    stage.server.answer_iqs = True
    stage.mended()


# -- the network ----------------------------------------------------------------------------------


async def refuse(stage: Stage) -> None:
    """Refuse connections."""
    stage.server.refuse()


def proxy_answers(status: int) -> Act:
    """Let the proxy refuse with an HTTP status."""

    async def act(stage: Stage) -> None:
        stage.server.proxy_status = status

    return act


def upgrade_answers(status: int) -> Act:
    """Refuse the WebSocket with an HTTP status."""

    async def act(stage: Stage) -> None:
        stage.server.upgrade_status = status

    return act


def stall(step: Step) -> Act:
    """Accept clients, but never answer from this step on."""

    async def act(stage: Stage) -> None:
        stage.server.stall(step)

    return act


def pose_as(impostor: Impostor) -> Act:
    """Fail to prove to be WhatsApp."""

    async def act(stage: Stage) -> None:
        stage.server.impostor = impostor

    return act


def slow(seconds: float) -> Act:
    """Delay every answer."""

    async def act(stage: Stage) -> None:
        stage.server.latency = seconds

    return act


async def accept(stage: Stage) -> None:
    """Mend the network."""
    server = stage.server
    server.proxy_status = server.upgrade_status = server.impostor = None
    server.latency = 0.0
    server.accept()
    stage.mended()


# -- the phone ------------------------------------------------------------------------------------


def scans(fault: PairFault | None = None) -> Act:
    """Scan, or type, the code that shows. A refusal by either side is part of the story."""

    async def act(stage: Stage) -> None:
        with contextlib.suppress(LoopbackError):
            stage.device = await stage.scan(fault=fault)

    return act


async def scans_with_an_old_phone(stage: Stage) -> None:
    """Scan with a phone that cannot link devices."""
    old = stage.server.phone(multidevice=False)
    code = await stage.until(stage.code_that_works, what="a code to scan")
    with contextlib.suppress(LoopbackError):
        await old.scan(code)


async def types_a_wrong_code(stage: Stage) -> None:
    """Mistype the pair code."""
    await stage.until(stage.code_that_works, what="a code to type")
    with contextlib.suppress(LoopbackError):
        await stage.phone.enter_code("AAAAAAAA")


async def limits_pair_codes(stage: Stage) -> None:
    """Refuse pair codes for being asked too often."""
    stage.server.rate_limit_pair_codes = True


async def grants_pair_codes(stage: Stage) -> None:
    """Hand out pair codes again."""
    stage.server.rate_limit_pair_codes = False
    stage.mended()


async def asks_for_passkey(stage: Stage) -> None:
    """Insist on a passkey in place of a scan."""
    stage.server.connections[-1].ask_for_passkey()


async def rotate_secret(stage: Stage) -> None:
    """Retire the secret in the code that shows."""
    stage.server.connections[-1].rotate_secret()


async def drop_pairing(stage: Stage) -> None:
    """Reset the connection whose code shows."""
    await stage.server.connections[-1].drop()


def pairing_says(ending: Failure | StreamError) -> Act:
    """Say this to the client whose code shows."""

    async def act(stage: Stage) -> None:
        stage.server.connections[-1].end(ending)

    return act
