"""The simulated world: it acts as the shell does, and lets things happen to the client.

It obeys like the real shell and child do, and notes every order that the real ones must never get.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from wa_supervisor.lifecycle import effects, facts
from wa_supervisor.lifecycle.effects import Effect
from wa_supervisor.lifecycle.facts import Fact

from .client import SIGKILL, Client
from .conditions import Conditions
from .event_queue import EventQueue


class World(Conditions):
    """Everything outside the core."""

    def __init__(self, queue: EventQueue, random: Random, say: Callable[[Fact], None]) -> None:
        super().__init__(queue, random, say)
        self.client: Client | None = None
        self._shift = 0
        self._escaped: effects.StopChild | None = None

    # -- the core's orders

    def obey(self, effect: Effect) -> None:
        """Carry an effect out, as the shell would."""
        match effect:
            case effects.StartChild(generation=generation):
                self._start(generation)
            case effects.StopChild():
                self._stop(effect)
            case effects.PurgeSession():
                self._work(self._purge)
            case effects.RestoreSession():
                self._work(self._restore)
            case _:
                pass  # shown and told to a person, who is modelled by `person`

    def supervisor_died(self) -> None:
        """Take the child along (PDEATHSIG) and leave the work on the files undone."""
        self._shift += 1
        if self.client is not None:
            self.client.vanish()

    def _start(self, generation: int) -> None:
        if self.keys is not None:
            self.snapshot = self.keys
        self.client = Client(self, generation, on_connected=self.connected, on_exit=self.gone)
        self.client.start()

    def _stop(self, order: effects.StopChild) -> None:
        client = self.client
        if client is None:
            return
        if self.unkillable:
            self._escaped = order
            return
        if order.log_out and self.network and client.doing.value == "online":
            self.linked = self.keys = None
        # A client that shows a code cannot be stopped, only killed, which is quick.
        wait = self.draw(0.05, 0.2) if order.pairing else self.draw(0.2, 3.0)
        ending = (None, SIGKILL) if order.pairing else (0, None)
        self.queue.after(wait, lambda: client.exit(*ending) if client.alive else None)

    def _work(self, action: Callable[[], Fact]) -> None:
        shift = self._shift

        def done() -> None:
            if self._shift == shift:
                self.say(action())

        self.queue.after(self.draw(0.05, 0.5), done)

    def _purge(self) -> Fact:
        if self.disk_full:
            return facts.PurgeFailed("no space left on device")
        self.keys = self.snapshot = None
        return facts.PurgeDone()

    def _restore(self) -> Fact:
        if self.snapshot is None or self.disk_full:
            return facts.NothingToRestore()
        self.keys = self.snapshot
        return facts.RestoreDone()

    def connected(self) -> None:
        """Notice that the client is online: a second program with the same keys loses its turn."""
        if self.drops_after is not None:
            self.queue.after(self.drops_after, self.drop)
        if self.rival_returns is not None:
            self.queue.after(self.rival_returns, self.rival_connects)

    def gone(self, client: Client) -> None:
        """Notice that a process ended."""
        if self.client is client:
            self.client = None

    # -- what happens by itself

    def drop(self) -> None:
        """Close the client's connection, as the server does now and then."""
        if self.client is not None:
            self.client.drop()

    def rival_connects(self) -> None:
        """Let another program connect with the same keys."""
        if self.client is not None:
            self.client.hear(facts.StreamReplaced(self.client.generation))

    def lose_network(self, *, silently: bool) -> None:
        """Cut the network."""
        self.network, self.silent_network = False, silently
        if self.client is not None:
            self.client.cut_off(silently=silently)

    def regain_network(self) -> None:
        """Give the network back."""
        self.network = True
        if self.client is not None:
            self.client.hear_again()

    def unlink(self) -> None:
        """Let the person remove the device in the phone's list of linked devices."""
        self.linked = None
        if self.client is not None and self.network:
            self.client.unlinked()

    def make_killable(self) -> None:
        """Let the session process be killed again, also by an order that failed before."""
        self.unkillable = False
        order, self._escaped = self._escaped, None
        if order is not None and self.client is not None:
            self._stop(order)

    def person_comes(self) -> None:
        """Let somebody with the phone look at the codes from now on."""
        self.person = True
        if self.client is not None:
            self.client.offer_seen()
