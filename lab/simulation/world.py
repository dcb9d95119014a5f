"""The simulated world: WhatsApp's server, the network, the disk, the phone and its person.

It reacts to what the core asks for and says what happens. It obeys like the real shell and child
do, and notes every order that the real ones must never get.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from wa_supervisor.lifecycle import effects, facts
from wa_supervisor.lifecycle.effects import Effect
from wa_supervisor.lifecycle.facts import Fact

from .client import SIGKILL, Client
from .event_queue import Agenda
from .server import ACCEPTED, REJECTED, Answer, Then


class World:
    """Everything outside the core. All times are seconds of the agenda's virtual clock."""

    def __init__(self, agenda: Agenda, random: Random, say: Callable[[Fact], None]) -> None:
        self.agenda = agenda
        self.say = say
        self.client: Client | None = None
        self._random = random
        self._shift = 0
        self._escaped: effects.StopChild | None = None

        # The network and WhatsApp
        self.network = True
        self.silent_network = False
        """A network that is away swallows everything instead of refusing it."""
        self.server = ACCEPTED
        self.next_answers: list[Answer] = []
        """Answers to the next logins, before `server` counts again."""
        self.linked: int | None = None
        """The number of the pairing that WhatsApp honours."""
        self.drops_after: float | None = None
        """Seconds after which the server closes each connection."""
        self.rival_returns: float | None = None
        """Seconds until a second program with the same keys takes the session back."""

        # The disk
        self.keys: int | None = None
        """The number of the pairing whose keys are in the session's files."""
        self.snapshot: int | None = None
        self.disk_full = False

        # The process
        self.aborts_at_dial = False
        self.unkillable = False

        # The person
        self.person = True
        """Somebody with the phone looks at the codes."""
        self.scan_takes = 25.0
        self.may_link = True
        """The phone does not say "can't link new devices now"."""

        # What is counted, as WhatsApp would
        self.pairings = 0
        self.redials = 0
        self.dead_logins: list[float] = []
        """When keys were presented that WhatsApp does not honour."""
        self.link: list[tuple[float, bool]] = [(0.0, False)]
        """From when on messages really got through, or not."""

    def draw(self, least: float, most: float) -> float:
        """A duration between these two, in seconds."""
        return self._random.uniform(least, most)

    def begin_paired(self) -> None:
        """Begin with a session that is linked already."""
        self.pairings = 1
        self.keys = self.linked = self.snapshot = 1

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
        self.client = Client(self, generation)
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
        self.agenda.after(wait, lambda: client.exit(*ending) if client.alive else None)

    def _work(self, deed: Callable[[], Fact]) -> None:
        shift = self._shift

        def done() -> None:
            if self._shift == shift:
                self.say(deed())

        self.agenda.after(self.draw(0.05, 0.5), done)

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

    # -- the client's questions

    def answer_login(self) -> Answer:
        """What WhatsApp says to a login with the keys in the files."""
        honoured = self.linked is not None and self.keys == self.linked
        answer = self.next_answers.pop(0) if self.next_answers else self.server
        if not honoured and answer.then is Then.ONLINE:
            answer = REJECTED
        if not honoured:
            self.dead_logins.append(self.agenda.now)
        return answer

    def pair(self) -> bool:
        """Link a new device, if the phone may."""
        if not self.may_link:
            return False
        self.pairings += 1
        self.keys = self.linked = self.pairings
        return True

    def delete_device(self) -> None:
        """Forget the keys, as whatsmeow does by itself when WhatsApp disowns them."""
        self.keys = None

    def connected(self) -> None:
        """Notice that the client is online: a second program with the same keys loses its turn."""
        if self.drops_after is not None:
            self.agenda.after(self.drops_after, self.drop)
        if self.rival_returns is not None:
            self.agenda.after(self.rival_returns, self.rival_connects)

    def gone(self, client: Client) -> None:
        """Notice that a process ended."""
        if self.client is client:
            self.client = None

    def note_link(self, *, up: bool) -> None:
        """Note whether messages really get through from now on."""
        self.link.append((self.agenda.now, up))

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
