"""What can be done to a session from outside: verbs for the server, the network and the phone.

Each verb returns an act. Acts that mend what an earlier one broke say so to the rig: from then
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
from wa_loopback.nodes import Node

from .fault import Act
from .rig import Rig

REPLACED_OPEN = StreamError(conflict="replaced", close=False)

# -- the server, to who is connected --------------------------------------------------------------


def says(code: str | None = None, conflict: str | None = None, *, close: bool) -> Act:
    """Send a stream error, and hang up or leave the socket open."""

    async def act(rig: Rig) -> None:
        rig.connection.end(StreamError(code, conflict, close))

    return act


def unlinks(*, close: bool) -> Act:
    """Unlink the device on the phone."""

    async def act(rig: Rig) -> None:
        assert rig.device is not None
        connection = rig.connection
        rig.phone.revoke(rig.device, by_phone=True)
        ending = StreamError(DEVICE_REMOVED.code, DEVICE_REMOVED.conflict, close)
        connection.end(ending)

    return act


async def drop(rig: Rig) -> None:
    """Reset the TCP connection."""
    await rig.connection.drop()


async def close(rig: Rig) -> None:
    """Close the WebSocket as it should be closed."""
    await rig.connection.close()


async def end_stream(rig: Rig) -> None:
    """End the stream as a server does which goes down."""
    await rig.connection.xmlstreamend()


async def mute(rig: Rig) -> None:
    """Answer nothing more on this connection; TCP lives on."""
    rig.connection.mute()


async def unmute(rig: Rig) -> None:
    """Answer again."""
    rig.connection.unmute()
    rig.mended()


async def freeze(rig: Rig) -> None:
    """Read nothing more from this connection."""
    rig.connection.freeze()


async def panic(rig: Rig) -> None:
    """Make the client's Go code panic."""
    await rig.connection.panic()


def typing(times: int = 1) -> Act:
    """Let somebody type: what a bot hears of."""

    async def act(rig: Rig) -> None:
        for _ in range(times):
            rig.connection.typing(rig.phone.jid)

    return act


async def unknown_receipt(rig: Rig) -> None:
    """Send a receipt of a kind that neonize has no word for, and again until it is acknowledged."""
    assert rig.device is not None
    mailbox = rig.device.mailbox
    mailbox.lose_receipts = True
    sender = rig.server.contact("Ann").lid
    mailbox.post(Node("receipt", {"from": sender, "id": "A1B2", "t": "1", "type": "novel"}))


def flood(times: int) -> Act:
    """Send so many stream errors without closing: events, as fast as they go."""

    async def act(rig: Rig) -> None:
        connection = rig.connection
        for number in range(times):
            connection.end(StreamError("500", close=False))
            if number % 100 == 0:
                await asyncio.sleep(0)

    return act


# -- the server, to who comes ---------------------------------------------------------------------


def answers_logins(*answers: LoginAnswer) -> Act:
    """Answer the next logins so."""

    async def act(rig: Rig) -> None:
        for answer in answers:
            rig.server.on_login(answer)

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

    async def act(rig: Rig) -> None:
        rig.server.on_registration(answer)

    return act


def offers(codes: int) -> Act:
    """Offer so many QR codes at the next registration."""
    return answers_registrations(Refs(codes))


async def ignores_requests(rig: Rig) -> None:
    """Let logins succeed, but never answer what clients ask for then."""
    rig.server.answer_iqs = False


async def answers_requests(rig: Rig) -> None:
    """Answer requests again."""
    rig.server.answer_iqs = True
    rig.mended()


# -- the network ----------------------------------------------------------------------------------


async def refuse(rig: Rig) -> None:
    """Refuse connections."""
    rig.server.refuse()


def proxy_answers(status: int) -> Act:
    """Let the proxy refuse with an HTTP status."""

    async def act(rig: Rig) -> None:
        rig.server.proxy_status = status

    return act


def upgrade_answers(status: int) -> Act:
    """Refuse the WebSocket with an HTTP status."""

    async def act(rig: Rig) -> None:
        rig.server.upgrade_status = status

    return act


def stall(step: Step) -> Act:
    """Accept clients, but never answer from this step on."""

    async def act(rig: Rig) -> None:
        rig.server.stall(step)

    return act


def pose_as(impostor: Impostor) -> Act:
    """Fail to prove to be WhatsApp."""

    async def act(rig: Rig) -> None:
        rig.server.impostor = impostor

    return act


def slow(seconds: float) -> Act:
    """Delay every answer."""

    async def act(rig: Rig) -> None:
        rig.server.latency = seconds

    return act


async def accept(rig: Rig) -> None:
    """Mend the network."""
    server = rig.server
    server.proxy_status = server.upgrade_status = server.impostor = None
    server.latency = 0.0
    server.accept()
    rig.mended()


# -- the phone ------------------------------------------------------------------------------------


def scans(fault: PairFault | None = None) -> Act:
    """Scan, or type, the code that shows. A refusal by either side is part of the story."""

    async def act(rig: Rig) -> None:
        with contextlib.suppress(LoopbackError):
            rig.device = await rig.scan(fault=fault)

    return act


async def scans_with_an_old_phone(rig: Rig) -> None:
    """Scan with a phone that cannot link devices."""
    old = rig.server.phone(multidevice=False)
    code = await rig.until(rig.code_that_works, what="a code to scan")
    with contextlib.suppress(LoopbackError):
        await old.scan(code)


async def types_a_wrong_code(rig: Rig) -> None:
    """Mistype the pair code."""
    await rig.until(rig.code_that_works, what="a code to type")
    with contextlib.suppress(LoopbackError):
        await rig.phone.enter_code("AAAAAAAA")


async def limits_pair_codes(rig: Rig) -> None:
    """Refuse pair codes for being asked too often."""
    rig.server.rate_limit_pair_codes = True


async def grants_pair_codes(rig: Rig) -> None:
    """Hand out pair codes again."""
    rig.server.rate_limit_pair_codes = False
    rig.mended()


async def asks_for_passkey(rig: Rig) -> None:
    """Insist on a passkey in place of a scan."""
    rig.server.connections[-1].ask_for_passkey()


async def rotate_secret(rig: Rig) -> None:
    """Retire the secret in the code that shows."""
    rig.server.connections[-1].rotate_secret()


async def drop_pairing(rig: Rig) -> None:
    """Reset the connection whose code shows."""
    await rig.server.connections[-1].drop()


def pairing_says(ending: Failure | StreamError) -> Act:
    """Say this to the client whose code shows."""

    async def act(rig: Rig) -> None:
        rig.server.connections[-1].end(ending)

    return act
