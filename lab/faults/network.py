"""The way to WhatsApp is shut, slow, stuck or led elsewhere; then it is mended."""

from __future__ import annotations

from wa_loopback import Impostor, Step

from . import acts, host_acts, waits
from .fault import Act, Fault, Recovers

_START = {"start_timeout": 2.0}
_IN_IT = 0.7
"""Seconds from a dial until its client is stuck at the last step at the latest."""


def _at_login(name: str, what: str, breaks: Act, *, dials: int = 2, within: float = 8) -> Fault:
    """Break the network, let the client start anew, mend it when it has failed so often."""
    return Fault(
        f"network/{name}",
        what,
        (breaks, host_acts.kill(), waits.dials(dials), waits.wait(_IN_IT), acts.accept),
        Recovers(within),
        dials=dials + 3,
        policy=_START,
        soak=True,
    )


NETWORK: tuple[Fault, ...] = (
    Fault(
        "network/refused",
        "connections are refused while the client starts, for 2 s",
        (acts.refuse, host_acts.kill(), waits.wait(2), acts.accept),
        Recovers(8),
        soak=True,
    ),
    Fault(
        "network/gone",
        "the server is gone for 3 s while connected",
        (acts.refuse, acts.drop, waits.wait(3), acts.accept),
        Recovers(8),
        soak=True,
    ),
    Fault(
        "network/gone-for-long",
        "the server is gone for longer than whatsmeow may redial",
        (acts.refuse, acts.drop, waits.wait(5), acts.accept),
        Recovers(8),
        policy={"reconnect_timeout": 2.0},
    ),
    Fault(
        "network/gone-in-a-long-wait",
        "the server comes back early in a wait of five minutes",
        (acts.refuse, acts.drop, waits.wait(6), acts.accept),
        Recovers(6),
        dials=3,
        policy={
            "reconnect_timeout": 1.0,
            "backoff__base": 300.0,
            "backoff__cap": 300.0,
            "network_check_every": 1.0,
        },
    ),
    Fault("network/reset", "the TCP connection is reset", (acts.drop,), Recovers(5), soak=True),
    Fault(
        "network/flapping",
        "the TCP connection is reset, five times as soon as it is up",
        (*(acts.drop, waits.reconnects) * 4, acts.drop),
        Recovers(10),
        dials=7,
        policy={"flaps__count": 3},
    ),
    _at_login("proxy-407", "the proxy wants a password (407)", acts.proxy_answers(407)),
    _at_login("proxy-502", "the proxy cannot reach WhatsApp (502)", acts.proxy_answers(502)),
    _at_login("upgrade-403", "the WebSocket is refused (403)", acts.upgrade_answers(403)),
    _at_login("upgrade-503", "the WebSocket is refused (503)", acts.upgrade_answers(503)),
    _at_login("tls-expired", "the TLS certificate is expired", acts.pose_as(Impostor.EXPIRED)),
    _at_login(
        "tls-untrusted",
        "the TLS certificate is nobody's who is trusted",
        acts.pose_as(Impostor.UNTRUSTED),
    ),
    _at_login(
        "wrong-root",
        "the Noise certificate is not signed by WhatsApp's root",
        acts.pose_as(Impostor.NOISE_ROOT),
    ),
    *(
        _at_login(f"stall-{step}", f"the server never answers: {step}", acts.stall(step), dials=1)
        for step in (Step.CONNECT, Step.TLS, Step.UPGRADE, Step.HANDSHAKE, Step.LOGIN)
    ),
    Fault(
        "network/stall-redial",
        "a redial of whatsmeow's is never answered",
        (acts.stall(Step.TLS), acts.drop, waits.dials(1), waits.wait(_IN_IT), acts.accept),
        Recovers(10),
        policy={"reconnect_timeout": 2.0},
        dials=3,
        soak=True,
    ),
    Fault(
        "network/slow",
        "every answer takes 0.3 s longer while the client starts",
        (acts.slow(0.3), host_acts.kill()),
        Recovers(12),
        keepalive=0.2,
    ),
)
