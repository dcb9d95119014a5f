"""Messages on their way to the bot's handlers, without a client."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, cast

from messages.events import append, writer
from wa_supervisor.messages.segments import INDEX
from wa_supervisor.session.child.deliveries import Deliveries
from wa_supervisor.session.shared import protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wa_supervisor.session.child.bot import BotThread


class Bot:
    """Runs each job at once."""

    def __init__(self) -> None:
        self.handled: list[bytes] = []

    def run(self, job: Callable[[], None], done: Callable[[BaseException | None], None]) -> None:
        try:
            job()
        except Exception as error:  # noqa: BLE001 - as the bot's thread does
            done(error)
        else:
            done(None)

    def handle(self, _uuid: int, data: bytes, _code: int) -> None:
        self.handled.append(data)


def test_a_directory_that_is_away_is_no_failure_of_the_handlers(tmp_path: Path) -> None:
    bot, replies = Bot(), list[str]()
    here, away = tmp_path / "here", tmp_path / "away"
    deliveries = Deliveries(
        here, cast("BotThread", bot), lambda _, problem: replies.append(problem)
    )
    frame = protocol.Deliver(
        generation=1, id=1, number=1, segment=1, offset=0, late=False, redelivered=False
    )
    with closing(writer(here)) as log:
        append(log, b"a message")
    (here / INDEX).touch()
    here.rename(away)
    here.mkdir()  # as where a volume was mounted
    deliveries.take(frame)
    here.rmdir()
    away.rename(here)
    deliveries.take(frame)
    (here / f"{1:016d}.log").unlink()
    deliveries.take(frame)
    assert replies == [protocol.Undelivered.NOT_BEGUN, "", protocol.Undelivered.RAISED]
    assert bot.handled == [b"a message"]
