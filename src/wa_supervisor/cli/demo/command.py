"""`wa-supervisor demo`: the whole lifecycle on the real neonize, with no account and no network."""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import SecretStr
from rich.console import Console
from rich.text import Text

from wa_loopback import LoopbackError, LoopbackServer

from ...errors import SupervisorError
from ...lifecycle import Reason
from ...pairing.view import PairingView
from ...session.shared.endpoint import Endpoint
from ...setting_groups import PairingSettings
from ...settings import Settings
from ...supervisor import Supervisor
from ..exits import INTERRUPTED, Exit
from ..screen import Screen
from ..signals import stop_on_signals
from .chart_view import chart
from .script import EXPECTED, CodeBox, Story, Trail

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import ConsoleOptions, RenderableType

    from ...pairing.sink import AsyncSink, Sink
    from ...status import StepRecord

LIMIT = 60.0
"""Seconds after which the demo is called stuck. It takes about 17."""


NO_REAL_PHONE = "Only this demo's own phone can scan this code; no real one can."

_FACTS = {
    "QrOffered": "WhatsApp offers a QR",
    "PairSucceeded": "the phone has linked the device",
    "Connected": "the login is complete",
}
"""Those of the story that come without a reason, in words."""


class DemoScreen(Screen):
    """The chart with the current state lit, the story so far, the last steps, the QR.

    On no terminal it prints a line for each instead.
    """

    def __init__(self, console: Console) -> None:
        view = PairingView(command=None, reserve=2, menu=NO_REAL_PHONE)
        super().__init__(console, command=None, view=view)
        self._started = time.monotonic()
        self._state = "Init"
        self._steps: deque[str] = deque(maxlen=6)
        self._told: list[tuple[str, list[str]]] = [("", [])]
        """Each sentence with its time, and the states that were reached after it."""

    def tell(self, sentence: str) -> None:
        """Show a sentence of the story."""
        self._told.append((f"{self._clock()}  {sentence}", []))
        if self.is_live:
            self.refresh()
        else:
            self.line(sentence)

    def step(self, record: StepRecord) -> None:
        """Show a step."""
        if not record.taken:
            return
        self._state = record.after
        moved = record.before != record.after
        if moved:
            self._told[-1][1].append(record.after)
        what = f"{record.before} -> {record.after}" if moved else record.after
        why = _FACTS.get(record.fact, "")
        if record.reason:
            why = Reason(record.reason).explanation.sentence
        step = f"{what:24} {why}".rstrip()
        self._steps.append(f"{self._clock()}  {step}")
        if self.is_live:
            self.refresh()
        else:
            self.line(step)

    def summarise(self) -> None:
        """Print the whole story, where the screen has shown only the last of it."""
        if not self.is_live:
            return
        for sentence, states in self._told:
            if sentence:
                self.console.print(sentence, style="bold", markup=False, highlight=False)
            if states:
                indent = " " * len(f"{self._clock()}  ")
                self.console.print(f"{indent}-> {' -> '.join(states)}", highlight=False)

    def line(self, text: str) -> None:
        """Print a line with the time since the start."""
        stamped = f"{self._clock()}  {text}"
        # A file or pipe has no width: its lines stay whole.
        self.console.print(stamped, markup=False, highlight=False, soft_wrap=not self.is_live)

    def _clock(self) -> str:
        return f"{time.monotonic() - self._started:5.1f} s"

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        """Draw the chart and the steps; while a QR needs their room, the story alone."""
        below = list(super().__rich_console__(console, options))
        steps = [Text(step, style="dim", no_wrap=True, overflow="ellipsis") for step in self._steps]
        story = Text(self._told[-1][0].strip() or " ", style="bold")
        everything = [chart(self._state), Text(), story, Text(), *steps, Text()]
        rows = sum(len(console.render_lines(part, options)) for part in (*everything, *below))
        yield from everything if rows < options.size.height else [story]
        yield from below


def demo(
    fast: Annotated[bool, typer.Option("--fast", help="Do not pause for the reader.")] = False,
) -> None:
    """Show the whole lifecycle on the real neonize against a server on this machine."""
    # What goes wrong is the story, and the story tells it.
    logging.getLogger("wa_supervisor").setLevel(logging.CRITICAL)
    screen = DemoScreen(Console())
    raise typer.Exit(asyncio.run(_demo(screen, pace=0.0 if fast else 1.0)))


async def _demo(screen: DemoScreen, *, pace: float) -> int:
    trail, codes = Trail(), CodeBox()
    async with LoopbackServer() as server:
        with tempfile.TemporaryDirectory(prefix="wa-supervisor-demo-") as directory:
            sinks: list[Sink | AsyncSink] = [codes, screen] if screen.is_live else [codes]
            supervisor = Supervisor(_settings(server, Path(directory)), sinks=sinks)
            supervisor.on_record(trail.step)
            supervisor.on_record(screen.step)
            story = Story(server, supervisor, trail, codes, screen.tell, pace)
            interrupted = asyncio.Event()

            def interrupt() -> None:
                interrupted.set()
                supervisor.stop()

            with screen.live(supervisor), stop_on_signals(interrupt):
                broken = await _play(story, supervisor)
        if interrupted.is_set():
            screen.line("Stopped before its end, as you wished; nothing of it is left.")
            return INTERRUPTED
        if server.overlaps:
            broken = f"the server saw two clients of one device at once: {server.overlaps}"
    return _verdict(screen, trail, broken)


def _settings(server: LoopbackServer, directory: Path) -> Settings:
    endpoint = server.endpoint
    return Settings(
        session="demo",
        bot=f"{__package__}.bot:register",
        data_dir=directory,
        pairing=PairingSettings(qr=[]),
        endpoint=Endpoint(
            proxy=SecretStr(endpoint.proxy),
            ca_file=Path(endpoint.ca_file),
            noise_root=endpoint.noise_root,
        ),
    )


async def _play(story: Story, supervisor: Supervisor) -> str | None:
    """Run the session and the story side by side; say what broke, if anything did."""
    running = asyncio.create_task(supervisor.run())
    playing = asyncio.create_task(story.play())
    await asyncio.wait({running, playing}, timeout=LIMIT, return_when=asyncio.FIRST_COMPLETED)
    if running.done():  # the story's own stop, or a signal: give it a moment to notice which
        await asyncio.wait({playing}, timeout=1)
    supervisor.stop()
    await running
    if not playing.done():
        playing.cancel()
        return "it was not over in time"
    failure = playing.exception()
    if failure is not None and not isinstance(failure, SupervisorError | LoopbackError):
        raise failure
    return str(failure) if failure else None


def _verdict(screen: DemoScreen, trail: Trail, broken: str | None) -> Exit:
    screen.summarise()
    went = tuple(trail.states)
    if broken is None and went == EXPECTED:
        screen.line(f"Every expected state was reached: {' -> '.join(went)}.")
        return Exit.OK
    screen.line(f"The demo failed: {broken or 'the session went another way'}.")
    screen.line(f"  expected: {' -> '.join(EXPECTED)}")
    screen.line(f"  went:     {' -> '.join(went)}")
    return Exit.FAILED
