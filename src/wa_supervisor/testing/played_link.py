"""A session process that does what a test says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, Self

from pydantic import SecretStr

from ..lifecycle import facts
from ..messages.errors import ClientGone
from ..messages.log import LogOptions, LogWriter
from ..messages.record import LATE
from ..messages.schema import MESSAGE_EVENT
from ..session.parent.calls import Answer
from ..session.parent.door import BotDoor, Dealt
from .events import OWN

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..lifecycle.facts import ChildFact, Fact
    from ..messages.errors import SendError
    from ..session.shared.endpoint import Endpoint
    from ..session.shared.protocol import Question, Work
    from ..session.shared.spec import ChildSpec, Place

P = ParamSpec("P")

QR = "https://wa.me/settings/linked_devices#CANARY-QR-PAYLOAD"
"""What is offered to scan: a string that is easy to look for where it must not be."""


_MESSAGES: Final = frozenset({"send_text", "send_media", "react", "edit", "revoke"})
_LOG: Final = LogOptions(reserve_bytes=0)


class PlayedLink:
    """Starts no process: it notes what it is asked, and says what it is told to, see `seams.Link`.

    Hand `make` to a supervisor as its `link`.
    """

    def __init__(self) -> None:
        self.specs: list[ChildSpec] = []
        """What was to be started, the newest last."""
        self.stops = 0
        """How often a process was to be stopped."""
        self.requests: list[tuple[Work, dict[str, Any]]] = []
        """What was done with the client: sent, reacted and so on."""
        self.refusals: list[SendError] = []
        self.refusal: SendError | None = None
        """With what every message is answered, if they are to be refused."""
        self.connects = False
        """Whether a process that is started says at once that it is connected, or shows a QR."""
        self.is_running = False
        self.network = True
        """Whether WhatsApp's host can be reached."""
        self.file = b""
        """The file of every message."""
        self.phones: dict[str, str] = {}
        """The numbers that the client knows of LIDs, both as JIDs."""
        self.results: dict[str, object] = {}
        """What methods of neonize's client return to `call`, by name; of others None."""
        self.door = BotDoor()
        """The gate before the bot, and whether messages are held."""
        self._post: Callable[[Fact], None] | None = None
        self._on_received: Callable[[], None] = lambda: None
        self._log: LogWriter | None = None

    def make(
        self,
        post: Callable[[Fact], None],
        *,
        lock_descriptor: int | None,
        on_received: Callable[[], None],
    ) -> Self:
        """Be the link of one run."""
        del lock_descriptor
        self._post, self._on_received = post, on_received
        return self

    @property
    def generation(self) -> int:
        """The number of the newest process."""
        return self.specs[-1].generation if self.specs else 0

    def say(
        self,
        fact: Callable[Concatenate[int, P], ChildFact],
        *particulars: P.args,
        **named: P.kwargs,
    ) -> None:
        """Let the newest process say a fact: its class and its fields after `generation`."""
        self.post(fact(self.generation, *particulars, **named))

    def exit(self, returncode: int | None = 0, signal: int | None = None) -> None:
        """Let the process end."""
        if self.is_running:
            self.is_running = False
            if self._log is not None:
                self._log.close()
                self._log = None
            self.post(facts.ChildExited(self.generation, returncode, signal))

    def receive(self, event: bytes, *, arrived: int, late: bool = False) -> None:
        """Let the process receive a message, as neonize would hand it over; see `events`.

        `arrived` is in nanoseconds since 1970; `late` says that it waited at WhatsApp.
        """
        spec = self.specs[-1]
        assert spec.inbox is not None, "the inbox is switched off"
        if self._log is None:
            self._log = LogWriter.open(
                spec.inbox.directory,
                generation=spec.generation,
                after=spec.inbox.after,
                options=_LOG,
            )
        self._log.append(MESSAGE_EVENT, event, flags=LATE if late else 0, arrived=arrived)
        self._on_received()

    def post(self, fact: Fact) -> None:
        """Let a fact happen."""
        assert self._post is not None, "no supervisor runs"
        self._post(fact)

    @property
    def pid(self) -> int | None:
        """A number, if a process runs."""
        return 1 if self.is_running else None

    def printed(self, generation: int) -> str:
        """Return nothing: it prints nothing."""
        del generation
        return ""

    async def start(self, spec: ChildSpec) -> None:
        """Note that a process is to be started; from now on it runs."""
        self.specs.append(spec)
        self.is_running = True
        if self.connects and spec.paired:
            self.say(facts.Connected)
        elif self.connects:
            self.say(facts.QrOffered, SecretStr(QR), 60.0)

    async def stop(
        self, *, log_out: bool = False, pairing: bool = False, drain: float = 0.0
    ) -> None:
        """End the process at once."""
        del log_out, pairing, drain
        self.stops += 1
        self.exit()

    async def probe(self, generation: int, *, within: float) -> None:
        """Answer that WhatsApp answers."""
        del within
        self.post(facts.ProbeAnswered(generation))

    async def request(self, what: Work, arguments: SecretStr, *, within: float) -> Answer:
        """Note what is to be done in `requests`, and do as if it was; see `refuse`."""
        del within
        asked = json.loads(arguments.get_secret_value())
        error = self.refusals.pop(0) if self.refusals else None
        if error is None and what in _MESSAGES:
            error = self.refusal
        if error is not None:
            return Answer(str(error), error.code)
        if not self.is_running:
            return Answer("no session process runs", ClientGone.code)
        self.requests.append((what, asked))
        answers = [f"FAKE{len(self.requests)}", "1767225600"]
        if what == "download":
            _write(asked["path"], self.file)
        if what == "call":
            answers = [json.dumps(self.results.get(asked["method"]))]
        return Answer(answers=tuple(map(SecretStr, answers)))

    def refuse(self, error: SendError) -> None:
        """Have WhatsApp, or neonize, answer the next request with this error."""
        self.refusals.append(error)

    async def ask(self, what: Question, *, within: float, about: SecretStr | None = None) -> Answer:
        """Say who we are, and which number a LID has; know nothing else."""
        del within
        if what == "who_am_i":
            return Answer(answers=tuple(SecretStr(each.reveal()) for each in OWN.addresses))
        if what == "phone_of" and about is not None:
            known = self.phones.get(about.get_secret_value())
            return Answer(answers=(SecretStr(known),) if known else ())
        return Answer("nobody is there")

    def steer(self, door: BotDoor) -> None:
        """Note what stands before the bot in `door`."""
        self.door = door

    async def deliver(self, place: Place) -> Dealt:
        """Have no bot."""
        del place
        return Dealt.NOT_BEGUN

    async def reachable(self, endpoint: Endpoint) -> bool:
        """Return `network`."""
        del endpoint
        return self.network

    async def aclose(self) -> None:
        """End the process."""
        self.exit()


def _write(path: str, content: bytes) -> None:
    Path(path).write_bytes(content)
