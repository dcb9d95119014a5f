"""Connected, and yet not: silence, deafness, half-open connections."""

from __future__ import annotations

from . import acts, host_acts, waits
from .fault import Fault, Recovers, Stays

LIVENESS: tuple[Fault, ...] = (
    Fault(
        "liveness/one-ping-missed",
        "a keepalive goes unanswered, the next is answered",
        (acts.mute, waits.misses_pings(1), acts.unmute),
        Stays(seconds=0.5),
        dials=0,
        keepalive=0.05,
        records="KeepAliveTimeout",
        soak=True,
    ),
    Fault(
        "liveness/mute",
        "WhatsApp answers nothing more; the socket lives",
        (acts.mute,),
        Recovers(12),
        keepalive=0.05,
        policy={"keepalive_timeout": 1.0},
        soak=True,
    ),
    Fault(
        "liveness/half-open",
        "the peer is gone without a word; nothing is read any more",
        (acts.freeze,),
        Recovers(12),
        keepalive=0.05,
        policy={"keepalive_timeout": 1.0},
        soak=True,
    ),
    Fault(
        "liveness/requests-unanswered",
        "logged in, but no request is ever answered; mended after 3 s",
        (acts.ignores_requests, host_acts.kill(), waits.wait(3), acts.answers_requests),
        Recovers(10),
        policy={"start_timeout": 2.0},
        dials=4,
        soak=True,
    ),
)
