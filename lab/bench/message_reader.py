"""A program that embeds a supervisor and reads its messages: to be killed, and started again.

`python -m lab.bench.message_reader SETTINGS ACK`: the settings as JSON. It says what it does, one
JSON object a line: `{"qr": ...}`, `{"handed": TEXT, "again": REDELIVERED}`, and `{"acked": TEXT}`
when the message was acknowledged. With ACK "auto" that is when the next one has come.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys

from pydantic import SecretStr

from wa_supervisor import Settings, Supervisor


class Qr:
    """A sink that says the payload."""

    def show_qr(self, payload: SecretStr, lifetime: float) -> None:
        del lifetime
        say(qr=payload.get_secret_value())

    def show_code(self, code: SecretStr, lifetime: float) -> None:
        raise NotImplementedError

    def hide(self) -> None:
        """Nothing is to be hidden: it was said."""

    close = hide


def say(**what: object) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


async def read(session: Supervisor, *, is_manual: bool) -> None:
    last: str | None = None
    async for message in session.messages(ack="manual" if is_manual else "auto"):
        if last is not None:
            say(acked=last)
        say(handed=message.text, again=message.redelivered)
        if is_manual:
            await message.ack()
            say(acked=message.text)
        else:
            last = message.text


async def main(settings: Settings, *, is_manual: bool) -> None:
    """Read until SIGTERM; then leave the context, which drains and stops the session."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with Supervisor(settings, sinks=[Qr()]) as session:
        reading = asyncio.create_task(read(session, is_manual=is_manual))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({reading, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if reading.done():
            await reading  # it has failed: say why
        reading.cancel()


if __name__ == "__main__":
    given = Settings.model_validate_json(sys.argv[1])
    asyncio.run(main(given, is_manual=sys.argv[2] == "manual"))
