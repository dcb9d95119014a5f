"""The clocks of everyday: the default policy and whatsmeow's own timers, so each takes minutes."""

from __future__ import annotations

import signal

from wa_supervisor.lifecycle import PROFILES, Policy

from . import acts, host_acts, waits
from .fault import Fault, Recovers
from .programs import POLICY

_USUAL = Policy()
_BACKOFF = PROFILES["wa-web"]
_DEFAULTS = {
    name: getattr(_BACKOFF, name.partition("__")[2]) if "__" in name else getattr(_USUAL, name)
    for name in POLICY
}

SLOW: tuple[Fault, ...] = (
    Fault(
        "slow/mute",
        "WhatsApp answers nothing more; the socket lives",
        (acts.mute,),
        Recovers(120),
        policy=_DEFAULTS,
        keepalive=1.0,
        slow=True,
    ),
    *(
        Fault(
            f"slow/gone-{minutes}-min",
            f"the server is gone for {minutes} minutes while connected",
            (acts.refuse, acts.drop, waits.wait(minutes * 60 + 17), acts.accept),
            Recovers(30),
            policy=_DEFAULTS,
            keepalive=1.0,
            dials=3,
            slow=True,
        )
        for minutes in (3, 8)
    ),
    Fault(
        "slow/hang",
        "the client hangs (SIGSTOP) while connected",
        (host_acts.kill(signal.SIGSTOP),),
        Recovers(130),
        policy=_DEFAULTS,
        keepalive=1.0,
        slow=True,
    ),
)
