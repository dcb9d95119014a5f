"""`wa-supervisor notify test`: see whether a person would be reached."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime

import typer

from ..errors import ConfigError
from ..notify.notice import Kind, Notice
from ..notify.notices import say_all
from ..redaction import printable
from .commands import TYPER
from .exits import Exit
from .parameters import WordedCommand
from .session_options import ConfigOption, DataDirOption, SessionOption, SessionOptions

notify = typer.Typer(help="Whom a session calls when a person is needed.", **TYPER)


@notify.callback()
def _group() -> None:
    """Keep `test` a word of its own: a Typer of one command would swallow it."""


@notify.command("test", cls=WordedCommand)
def try_all(
    session: SessionOption = None, data_dir: DataDirOption = None, config: ConfigOption = None
) -> None:
    """Say a test notice on every channel, and what each made of it; exit 1 if one did not take it.

    The heartbeat is asked too. Nothing is remembered of it, and no supervisor need run.
    """
    options = SessionOptions(session, data_dir, config)
    with options.advising():
        settings = options.settings()
        if not settings.notify.is_on:
            raise ConfigError(
                "nobody is notified of anything",
                hint="set notify.urls, notify.webhook, notify.command or notify.heartbeat",
            )
        now = datetime.now(UTC)
        notice = Notice(
            id=f"{settings.session}-test-{int(now.timestamp())}",
            kind=Kind.TEST,
            session=settings.session,
            at=now,
            text="Nothing happened. This is what it looks like when something does.",
            page=settings.page,
        )
        answers = asyncio.run(say_all(settings.notify, notice))
    for name, why in answers.items():
        print(f"{name}: {'taken' if why is None else printable(why)}")
    if any(answers.values()):
        print("wa-supervisor: not everybody would be reached", file=sys.stderr)
        raise typer.Exit(Exit.FAILED)
