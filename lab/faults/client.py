"""The client's process dies, hangs, is flooded; or the bot beside it misbehaves."""

from __future__ import annotations

import signal

from wa_loopback import Step

from . import acts, host_acts, waits
from .fault import Fault, Given, Holds, PairsAfresh, Recovers, Stays

CLIENT: tuple[Fault, ...] = (
    Fault("client/panic", "a Go panic", (acts.panic,), Recovers(6), soak=True),
    *(
        Fault(
            f"client/{number.name.lower()}",
            f"the client gets {number.name}",
            (host_acts.kill(number),),
            Recovers(6),
            soak=True,
        )
        for number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM)
    ),
    Fault(
        "client/sigstop",
        "the client hangs (SIGSTOP) while connected",
        (host_acts.kill(signal.SIGSTOP),),
        Recovers(10),
        policy={"pulse": 0.5, "pulse_timeout": 1.0},
        dials=1,
    ),
    Fault(
        "client/dies-dialling",
        "the client dies while it dials",
        (acts.stall(Step.TLS), host_acts.kill(), waits.dials(1), host_acts.kill(), acts.accept),
        Recovers(8),
        dials=3,
        soak=True,
    ),
    Fault(
        "client/dies-logging-in",
        "the client dies before its login is answered",
        (acts.silent_login, host_acts.kill(), waits.logs_in, host_acts.kill(), waits.mended),
        Recovers(8),
        dials=3,
        soak=True,
    ),
    Fault(
        "client/dies-pairing",
        "the client dies while a QR shows",
        (host_acts.kill(), waits.withdrawn),
        PairsAfresh(6),
        Given.FRESH,
    ),
    Fault(
        "client/dies-reconnecting",
        "the client dies while whatsmeow redials",
        (acts.refuse, acts.drop, waits.wait(0.5), host_acts.kill(), waits.wait(0.5), acts.accept),
        Recovers(8),
        dials=3,
        soak=True,
    ),
    Fault(
        "client/dies-degraded",
        "the client dies while keepalives go unanswered",
        (acts.mute, waits.misses_pings(1), host_acts.kill()),
        Recovers(8),
        keepalive=0.05,
        soak=True,
    ),
    Fault(
        "client/dies-five-times",
        "the client dies as soon as it is back, five times",
        (*(host_acts.kill(), waits.comes_back) * 4, host_acts.kill(), waits.mended),
        Recovers(8),
        dials=6,
    ),
    Fault(
        "client/crash-loop",
        "the client dies again and again",
        (*(host_acts.kill(), waits.comes_back) * 2, host_acts.kill(), waits.mended),
        Holds("crash_loop"),
        policy={"crashes__count": 2},
    ),
    Fault(
        "client/unknown-release",
        "neonize is upgraded to a release nobody has tried, and the program started again",
        (
            host_acts.supervisor_gets(signal.SIGTERM),
            host_acts.ends,
            host_acts.upgrade_neonize,
            waits.mended,
            host_acts.begin,
        ),
        Holds("client_unusable", within=15),
        dials=0,
        supervisor_only=True,
        records="ClientUnusable",
    ),
    Fault(
        "client/flood",
        "5000 events as fast as they go",
        (acts.flood(5000),),
        Stays(),
        dials=0,
    ),
    Fault(
        "client/hangs-in-stop",
        "the client does not end when it is replaced",
        (acts.unlinks(close=False),),
        PairsAfresh(10),
        bot="lingers",
    ),
    Fault(
        "bot/blocks",
        "a handler of the bot works for 8 s",
        (acts.typing(), waits.wait(1.0), acts.drop),
        Recovers(3),
        bot="blocks",
        policy={"bot_patience": 0.5},
        records="BotBusy",
    ),
    Fault(
        "bot/raises",
        "a handler of the bot raises, ten times",
        (acts.typing(10),),
        Stays(),
        bot="raises",
        dials=0,
    ),
    Fault(
        "bot/exits",
        "a handler of the bot calls sys.exit",
        (acts.typing(),),
        Stays(),
        bot="exits",
        dials=0,
    ),
    Fault(
        "bot/raises-at-start",
        "the bot raises before the client connects, every time",
        (host_acts.begin,),
        Holds("crash_loop", within=15),
        Given.NOTHING,
        dials=0,
        bot="refuses",
        policy={"crashes__count": 2},
        records="BotFailed",
    ),
    Fault(
        "bot/crashes",
        "the bot ends the process without a word",
        (acts.typing(),),
        Recovers(6),
        bot="crashes",
        records="BotFailed",
    ),
    Fault(
        "bot/unknown-receipt",
        "the bot wants receipts, and one comes that neonize cannot hand over, at each login again",
        (acts.unknown_receipt,),
        Recovers(6),
        bot="listens",
        records="BotEventUnusable",
    ),
)
