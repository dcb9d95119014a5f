"""Where the time of a send and of a received message goes: by stages, in memory and on a disk.

Sends with a key and without take turns, so that what the machine does besides meets both.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from wa_loopback import Contact, LoopbackServer, Phone
from wa_supervisor import Settings, Supervisor
from wa_supervisor.gate import Lid
from wa_supervisor.incoming import Incoming
from wa_supervisor.outgoing import Outgoing

from .figures import line
from .message_programs import settings_of
from .messages import on_disk
from .world import Watch, directory

_PAUSE = 0.02
_WITHIN = 60.0

Samples = defaultdict[str, list[float]]


async def stages(runs: int) -> list[str]:
    """Measure in memory, where syncs cost nothing, and on a disk."""
    found = []
    for place, where in {"memory": directory, "disk": on_disk}.items():
        with where() as folder, mock.patch.object(Incoming, "notify", _noted(Incoming.notify)):
            sent, heard = await _measured(folder, max(runs, 20) * 3)
        found += [line(f"{place}: {name}", "ms", **each) for name, each in (sent | heard).items()]
    return found


_told: list[float] = []


def _noted(notify: Callable[[Incoming], None]) -> Callable[[Incoming], None]:
    """Note when the session process says that the log has grown."""

    def noted(self: Incoming) -> None:
        _told.append(time.monotonic())
        notify(self)

    return noted


async def _measured(folder: Path, count: int) -> tuple[dict[str, Samples], dict[str, Samples]]:
    async with LoopbackServer() as server:
        os.environ["HTTPS_PROXY"] = server.endpoint.proxy  # nothing else can be dialled
        watch = Watch()
        settings = Settings.model_validate(settings_of(server, folder))
        async with Supervisor(settings, sinks=[watch]) as session:
            phone, ann = server.phone(), server.contact()
            await phone.scan((await watch.code(0.0))[1])
            await server.wait_connected(phone, timeout=_WITHIN)
            return (
                await _sends(session, ann, count),
                await _receipts(session, server, phone, ann, count),
            )


async def _sends(session: Supervisor, ann: Contact, count: int) -> dict[str, Samples]:
    to = Lid(str(ann.lid).partition("@")[0])
    handed: list[float] = []
    request = Outgoing.request

    async def noted(self: Outgoing, *args: object, **named: object) -> object:
        handed.append(time.perf_counter())
        try:
            return await request(self, *args, **named)  # type: ignore[arg-type]
        finally:
            handed.append(time.perf_counter())

    taken = {"send without a key": Samples(list), "send with a key": Samples(list)}
    with mock.patch.object(Outgoing, "request", noted):
        for number in range(count + 1):
            for kind, samples in taken.items():
                await asyncio.sleep(_PAUSE)
                handed.clear()
                began = time.perf_counter()
                key = f"key {number}" if kind == "send with a key" else None
                await session.send_text(to, f"message {number}", key=key)
                ended = time.perf_counter()
                if number:  # the first of all makes a session of Signal's
                    samples["before"].append((handed[0] - began) * 1e3)
                    samples["in_the_client"].append((handed[1] - handed[0]) * 1e3)
                    samples["after"].append((ended - handed[1]) * 1e3)
                    samples["all"].append((ended - began) * 1e3)
    return taken


async def _receipts(
    session: Supervisor, server: LoopbackServer, phone: Phone, ann: Contact, count: int
) -> dict[str, Samples]:
    (device,) = phone.devices
    samples = Samples(list)
    async with session.messages() as messages:
        for number in range(count + 1):
            await asyncio.sleep(_PAUSE)
            _told.clear()
            said = ann.say(phone, f"message {number}")
            async with asyncio.timeout(_WITHIN):
                await anext(messages)
            handed = time.monotonic()
            sent = said.deliveries[device].sent[0]
            if number and _told:  # else the word of the one before was late, and told of this, too
                samples["until_the_log_has_it"].append((_told[0] - sent) * 1e3)
                samples["until_it_is_handed_out"].append((handed - sent) * 1e3)
            await server.wait_acknowledged(device, timeout=_WITHIN)
    return {"received": samples}
