"""How things stand outside the core: WhatsApp's server, the network, the disk, the phone.

The simulated client asks it and tells it what it did; `World` changes it, and acts for the shell.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from wa_supervisor.lifecycle.facts import Fact

from .event_queue import EventQueue
from .server import ACCEPTED, REJECTED, Answer, Then


class Conditions:
    """What is so at the moment. All times are seconds of the queue's virtual clock."""

    def __init__(self, queue: EventQueue, random: Random, say: Callable[[Fact], None]) -> None:
        self.queue = queue
        self.say = say
        self._random = random

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

    def answer_login(self) -> Answer:
        """What WhatsApp says to a login with the keys in the files."""
        honoured = self.linked is not None and self.keys == self.linked
        answer = self.next_answers.pop(0) if self.next_answers else self.server
        if not honoured and answer.then is Then.ONLINE:
            answer = REJECTED
        if not honoured:
            self.dead_logins.append(self.queue.now)
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

    def note_link(self, *, up: bool) -> None:
        """Note whether messages really get through from now on."""
        self.link.append((self.queue.now, up))
