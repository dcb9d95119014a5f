"""A program on wa-supervisor: what it would do with neonize, it leaves to the session."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from wa_supervisor import Endpoint, GatePolicy, Settings, State, Step, Supervisor
from wa_supervisor.setting_groups import PairingSettings

OPTIONS: dict[str, Any] = json.loads(sys.argv[1])
_USUAL_KEEPALIVE = 25.0  # seconds, the middle of whatsmeow's 20 to 30
_LOOKS = 0.02  # seconds between looks at the file with the code


def say(kind: str, **fields: object) -> None:
    sys.stdout.write(json.dumps({"kind": kind, **fields}) + "\n")
    sys.stdout.flush()


async def main() -> None:
    """Hold a session until standard input ends."""
    shown = Path(OPTIONS["directory"]) / "code"
    number = OPTIONS["pair_code"]
    settings = Settings(
        session="lab",
        data_dir=Path(OPTIONS["directory"]),
        gate=GatePolicy(direct="open"),
        pairing=PairingSettings(
            mode="code" if number else "qr",
            phone=None if number is None else SecretStr(number),
            qr=[f"payload:{shown}"],
        ),
        endpoint=Endpoint(
            proxy=SecretStr(OPTIONS["proxy"]),
            ca_file=Path(OPTIONS["ca_file"]),
            noise_root=OPTIONS["noise_root"],
            keepalive=min(1.0, OPTIONS["keepalive"] / _USUAL_KEEPALIVE),
        ),
    )
    async with Supervisor(settings) as session, asyncio.TaskGroup() as tasks:
        session.on_step(tell)
        helpers = [tasks.create_task(show(shown)), tasks.create_task(receive(session))]
        await obey(session)
        for helper in helpers:
            helper.cancel()


def tell(step: Step) -> None:
    """Say what a step means for a bot."""
    if step.after is State.CONNECTED and step.before is not State.CONNECTED:
        say("open")
    elif step.before is State.CONNECTED and step.after is not State.CONNECTED:
        say("closed", reason=str(step.reason))
    if step.after is State.GAVE_UP and step.before is not State.GAVE_UP:
        say("ended", reason=str(step.reason))


async def show(shown: Path) -> None:
    """Say each code as it is shown."""
    last = ""
    while True:
        await asyncio.sleep(_LOOKS)
        text = await asyncio.to_thread(_text, shown)
        if text and text != last:
            last = text
            if OPTIONS["pair_code"]:
                say("code", code=text)
            else:
                say("qr", payload=text)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""


async def receive(session: Supervisor) -> None:
    async for message in session.messages():
        if message.text:
            say("message", text=message.text, chat="")


async def obey(session: Supervisor) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while line := await reader.readline():
        asked = json.loads(line)
        await session.send_text(asked["to"], asked["text"])
        say("done", action="send")


if __name__ == "__main__":
    asyncio.run(main())
