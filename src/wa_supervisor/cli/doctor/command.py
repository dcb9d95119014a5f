"""`wa-supervisor doctor`: looks at everything that a session needs, and says what is wrong."""

from __future__ import annotations

import textwrap
from functools import partial
from json import dumps
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console

from ...pairing.terminal_query import Offer
from ...redaction import printable
from ..exits import Exit
from ..screen import offer_of
from ..session_options import ConfigOption, DataDirOption, JsonOption, SessionOption, SessionOptions
from . import client, fleet, machine, network, session, terminal
from .finding import Look, Verdict, look

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding

_WIDTH: Final = 80
_NAME: Final = 15
_STYLES: Final = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.BAD: "bold red"}


def doctor(
    session: SessionOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
    with_network: Annotated[
        bool, typer.Option("--network", help="Also resolve WhatsApp's host, and open TLS to it.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Look at everything a session needs, and say what is wrong and what helps.

    It changes nothing and, without --network, opens no connection but to the database of a fleet,
    if the settings name one. Exit code 1 if something is so
    bad that no session can run; a warning does not count.
    """
    options = SessionOptions(session, data_dir, config)
    console = Console()
    offer = offer_of(console, None) if console.file.isatty() else Offer()
    found = [
        finding
        for each in _looks(options, console, offer, with_network=with_network)
        for finding in look(each)
    ]
    bad = any(finding.verdict is Verdict.BAD for finding in found)
    if json:
        checks = [_as_json(finding, options) for finding in found]
        print(dumps({"ok": not bad, "checks": checks}))
    else:
        _tell(console, found, options, offer)
    raise typer.Exit(Exit.FAILED if bad else Exit.OK)


def _looks(
    options: SessionOptions, console: Console, offer: Offer, *, with_network: bool
) -> Iterator[Look]:
    yield Look("python", machine.python)
    yield Look("neonize", client.neonize, client.NEONIZE_SECONDS)
    yield Look("settings", partial(session.settings, options))
    files = session.usable(options)
    if files is not None:
        yield Look("data directory", partial(session.directory, files))
        yield Look("lock", partial(session.lock, files))
        yield Look("disk", partial(session.disk, files))
    yield Look("clock", machine.clock)
    yield Look("open files", machine.descriptors)
    yield Look("memory", machine.memory)
    yield Look("terminal", partial(terminal.terminal, console, offer))
    if files is not None:
        settings = options.settings()
        if (url := settings.fleet.database) is not None:
            yield Look("fleet", partial(fleet.database, url), fleet.SECONDS)
        endpoint = settings.endpoint
        yield Look("proxy", partial(network.proxy, endpoint))
        if with_network:
            yield Look("dns", partial(network.names, endpoint))
            yield Look("network", partial(network.host, endpoint))
    yield Look("media", client.media)
    yield Look("extras", client.extras)


def _as_json(finding: Finding, options: SessionOptions) -> dict[str, str | None]:
    fix = options.advice(finding.fix) if finding.fix else None
    return {
        "name": finding.name,
        "verdict": finding.verdict.value,
        "said": finding.said,
        "fix": fix,
    }


def _tell(console: Console, found: list[Finding], options: SessionOptions, offer: Offer) -> None:
    for finding in found:
        console.print(f"{finding.verdict:8}", style=_STYLES.get(finding.verdict, ""), end="")
        console.out(_wrapped(finding, options), highlight=False)
    if picture := terminal.image(offer, *console.size):
        console.out(f"\nA QR as an image ({offer.style and offer.style.value}):\n")
        console.file.write(picture)
    if console.is_terminal and not console.no_color:
        console.out("\nA QR in each style; the one that your phone's camera reads is right:\n")
        for line in terminal.pictures():
            console.print(line, no_wrap=True, overflow="crop", crop=True)
        console.out("\nAn image is taken, else the largest that fits;")
        console.out("`run --qr terminal:STYLE` chooses one.")
    worst = [finding.name for finding in found if finding.verdict is Verdict.BAD]
    console.out("")
    if worst:
        console.out(f"No session can run here yet: {', '.join(dict.fromkeys(worst))}.")
    else:
        console.out("A session can run here.")


def _wrapped(finding: Finding, options: SessionOptions) -> str:
    """Put the words beside the name, and what helps below them."""
    indent = " " * (len("warning ") + _NAME)
    room = _WIDTH - len(indent)
    texts = [finding.said, f"try: {options.advice(finding.fix)}" if finding.fix else ""]
    first, *more = (
        line
        for text in texts
        for line in textwrap.wrap(
            printable(text), room, break_on_hyphens=False, break_long_words=False
        )
    )
    return "\n".join([f"{finding.name:{_NAME}}{first}", *(f"{indent}{line}" for line in more)])
