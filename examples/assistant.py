"""An assistant: it reads what it is asked and answers, for as long as it runs.

python assistant.py
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime

from wa_supervisor import (
    Hopeless,
    Kind,
    Message,
    SendError,
    State,
    Supervisor,
    load_settings,
)

log = logging.getLogger("assistant")


async def think(question: str) -> str:
    """Find an answer. Here would be your model, your database, your wit."""
    match question.strip().lower():
        case "help":
            return "Ask me for the time, or say anything at all."
        case "time":
            return f"It is {datetime.now(UTC):%H:%M} UTC."
        case _:
            return f"You said {len(question.split())} words."


async def answer(session: Supervisor, message: Message) -> None:
    """Answer one message; a failure costs one answer and not the program."""
    try:
        async with session.typing(message.chat):
            text = await think(message.text)
        # The key makes it one answer: if we die here and get the message again, the same key
        # returns what was sent instead of sending it twice.
        await session.reply(message, text, key=f"answer-{message.id}")
    except SendError as error:
        # `error.retriable` says whether the same could succeed later. Waiting for a connection is
        # done already: by default a message waits until the session is back.
        log.warning("not answered: %s", error)


async def converse(session: Supervisor) -> None:
    """Answer texts. It goes on across reconnects and new processes, and ends with the session."""
    async for message in session.messages(kinds={Kind.TEXT}):
        # A message is acknowledged when the next one is asked for. So until it was answered it is
        # ours: if the program dies, it comes again.
        await answer(session, message)


async def main() -> None:
    """Hold the session. Ctrl-C leaves the context, which stops within seconds."""
    async with Supervisor(load_settings().settings) as session:
        try:
            await session.wait_for(State.CONNECTED, timeout=600)  # time to scan the QR
        except Hopeless as error:
            raise SystemExit(error.advice) from None
        await converse(session)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    asyncio.run(main())
