"""One simulated whatsmeow client and the process it lives in, with whatsmeow's own timing."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from pydantic import SecretStr

from wa_supervisor.lifecycle import Logout, facts
from wa_supervisor.lifecycle.facts import ChildFact

from .server import OUTDATED, Then

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conditions import Conditions
    from .event_queue import Action

CODE_LIVES = (60.0, 20.0, 20.0, 20.0, 20.0, 20.0)
"""Seconds each QR lives, 160 in all (whatsmeow qrchan.go)."""
PING_EVERY = (20.0, 30.0)
PING_DEADLINE = 10.0
PING_GIVES_UP = 180.0
"""Seconds between keepalives, until one counts as failed, and until whatsmeow reconnects because
they fail (whatsmeow keepalive.go)."""
REDIAL_STEP = 2.0
"""Each failed redial in a row adds this many seconds to the wait (whatsmeow client.go)."""
TCP_GIVES_UP = 30.0
"""Seconds until a dial into a silent network fails (Go's default dialer)."""
SIGABRT = 6
SIGKILL = 9


class Doing(enum.Enum):
    """What a client is busy with."""

    STARTING = "starting"
    OFFERING = "offering"
    LINKING = "linking"
    LOGGING_IN = "logging in"
    ONLINE = "online"
    DEAF = "deaf"  # the socket is open, nothing comes through
    REDIALLING = "redialling"
    IDLE = "idle"  # alive, but nothing more will come of it


class Client:
    """A client of one generation. It dies with its process and is then never heard of again."""

    def __init__(
        self,
        conditions: Conditions,
        generation: int,
        *,
        on_connected: Callable[[], None],
        on_exit: Callable[[Client], None],
    ) -> None:
        self.generation = generation
        self.alive = True
        self.doing = Doing.STARTING
        self._conditions = conditions
        self._on_connected, self._on_exit = on_connected, on_exit
        self._turn = 0
        self._errors = 0
        self._hangs = False

    # -- its life

    def start(self) -> None:
        """Let the process come up and dial."""
        self._then(self._conditions.draw(0.1, 0.3), self._dial)

    def exit(self, returncode: int | None, signal: int | None = None, detail: str = "") -> None:
        """Let the process end and be reaped."""
        self.vanish()
        self._conditions.say(facts.ChildExited(self.generation, returncode, signal, detail))

    def vanish(self) -> None:
        """Let the process end with nobody left to notice."""
        self._become(Doing.IDLE)
        self.alive = False
        self._on_exit(self)

    # -- what the world does to it

    def cut_off(self, *, silently: bool) -> None:
        """Lose the network: with a reset of the socket, or silently."""
        match self.doing:
            case Doing.OFFERING:  # neonize reports a dropped socket as `timeout`, too
                self._become(Doing.IDLE)
                self._say(facts.PairingTimedOut(self.generation))
            case Doing.ONLINE if silently:
                self.go_deaf()
            case Doing.ONLINE | Doing.DEAF if not silently:
                self.drop()
            case Doing.LOGGING_IN if not silently:  # the keys are stored: whatsmeow redials
                self._lose_socket()
            case Doing.LOGGING_IN | Doing.LINKING:
                self._become(Doing.IDLE)
            case _:
                pass

    def go_deaf(self, *, hangs: bool = False) -> None:
        """Keep the socket, but let nothing come through; `hangs`: whatsmeow never reconnects."""
        self._hangs = hangs
        self._become(Doing.DEAF)
        self._await_ping(errors=1, silent_for=0.0)

    def drop(self) -> None:
        """Lose the socket while online; whatsmeow redials by itself."""
        if self.doing in {Doing.ONLINE, Doing.DEAF}:
            self._lose_socket()

    def hear_again(self) -> None:
        """Have the network back before the socket was given up."""
        if self.doing is Doing.DEAF:
            self._become(Doing.ONLINE)
            self._then(self._conditions.draw(1.0, 5.0), self._restored)

    def hear(self, fact: ChildFact) -> None:
        """Be told by the server, while online, that this connection is over for good."""
        if self.doing in {Doing.ONLINE, Doing.DEAF}:
            self._become(Doing.IDLE)
            self._say(fact)

    def unlinked(self) -> None:
        """Be removed from the account's linked devices while online."""
        if self.doing in {Doing.ONLINE, Doing.DEAF}:
            self._conditions.delete_device()
            self.hear(facts.LoggedOut(self.generation, Logout.REMOVED))

    def offer_seen(self) -> None:
        """Be noticed by a person with the phone, who needs a while to scan."""
        if self.doing is Doing.OFFERING:
            self._then(self._conditions.scan_takes, self._scanned)

    # -- what whatsmeow does

    def _dial(self) -> None:
        conditions = self._conditions
        if conditions.aborts_at_dial:
            self.exit(None, SIGABRT, "panic: simulated")
        elif not conditions.network:
            self._become(Doing.IDLE)
            wait = TCP_GIVES_UP if conditions.silent_network else conditions.draw(0.02, 0.2)
            self._then(wait, lambda: self._say(facts.DialFailed(self.generation, "dial failed")))
        elif conditions.keys is None and conditions.server is OUTDATED:  # err-client-outdated
            self._become(Doing.IDLE)
            self._say(facts.ClientOutdated(self.generation))
        elif conditions.keys is None:
            self._offer()
        else:
            self._log_in()

    def _offer(self) -> None:
        self._become(Doing.OFFERING)
        self._show(0)
        if self._conditions.person:
            self.offer_seen()

    def _show(self, index: int) -> None:
        if index == len(CODE_LIVES):
            self._become(Doing.IDLE)
            self._say(facts.PairingTimedOut(self.generation))
            return
        code = SecretStr(f"simulated-code-{self.generation}-{index}")
        self._say(facts.QrOffered(self.generation, code, CODE_LIVES[index]))
        self._then(CODE_LIVES[index], lambda: self._show(index + 1))

    def _scanned(self) -> None:
        if not self._conditions.pair():
            return
        self._become(Doing.LINKING)
        self._say(facts.PairSucceeded(self.generation))
        # The server closes with 515 and whatsmeow dials again, once.
        self._then(
            self._conditions.draw(1.0, 3.0), self._log_in if self._conditions.network else _nothing
        )

    def _log_in(self) -> None:
        self._become(Doing.LOGGING_IN)
        self._then(self._conditions.draw(0.4, 1.5), self._answered)

    def _answered(self) -> None:
        answer = self._conditions.answer_login()
        match answer.then:
            case Then.ONLINE:
                self._errors = 0
                self._become(Doing.ONLINE)
                self._say(facts.Connected(self.generation))
                self._on_connected()
                return
            case Then.REDIAL:
                self._lose_socket()
            case Then.UNLINKED:
                self._conditions.delete_device()
                self._become(Doing.IDLE)
            case Then.OVER | Then.SILENT:
                self._become(Doing.IDLE)
        if answer.fact is not None:
            self._say(answer.fact(self.generation))

    def _lose_socket(self) -> None:
        self._become(Doing.REDIALLING)
        self._say(facts.Disconnected(self.generation))
        self._await_redial()

    def _await_redial(self) -> None:
        wait = self._errors * REDIAL_STEP
        self._errors += 1
        self._then(wait, self._redial)

    def _redial(self) -> None:
        self._conditions.redials += 1
        if self._conditions.network:
            self._log_in()
        else:
            self._await_redial()

    def _await_ping(self, errors: int, silent_for: float) -> None:
        wait = self._conditions.draw(*PING_EVERY) + PING_DEADLINE
        self._then(wait, lambda: self._ping_failed(errors, silent_for + wait))

    def _ping_failed(self, errors: int, silent_for: float) -> None:
        self._say(facts.KeepAliveTimeout(self.generation, errors))
        if silent_for > PING_GIVES_UP and not self._hangs:
            self._become(Doing.REDIALLING)  # whatsmeow says nothing about this one
            self._await_redial()
        else:
            self._await_ping(errors + 1, silent_for)

    def _restored(self) -> None:
        self._say(facts.KeepAliveRestored(self.generation))

    # -- the small change

    def _become(self, doing: Doing) -> None:
        """Do something else: what was going on is over."""
        if (doing is Doing.ONLINE) != (self.doing is Doing.ONLINE):
            self._conditions.note_link(up=doing is Doing.ONLINE)
        self.doing = doing
        self._turn += 1

    def _then(self, seconds: float, action: Action) -> None:
        """Do something later, if the process still lives and does the same until then."""
        turn = self._turn

        def due() -> None:
            if self.alive and self._turn == turn:
                action()

        self._conditions.queue.after(seconds, due)

    def _say(self, fact: ChildFact) -> None:
        self._conditions.say(fact)


def _nothing() -> None:
    """Nothing more comes of it: the dial after pair-success is tried once."""
