"""Messages of the bare neonize over the loopback server, its database in memory and on disk."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from wa_loopback import Contact, LoopbackServer, Phone

from ..bare import BareClient, bare_client
from .figures import line
from .world import directory

_BURST = 500
_SENDS = 100


@contextlib.contextmanager
def on_disk() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="wa-bench-", dir=Path.cwd()) as name:
        yield Path(name)


_PLACES = {"memory": directory, "disk": on_disk}


@contextlib.asynccontextmanager
async def _paired(
    server: LoopbackServer, database: Path, *options: str
) -> AsyncIterator[tuple[BareClient, Phone, Contact]]:
    """A client that has heard a contact and was heard by it."""
    async with bare_client(server.endpoint, database, "--messages", *options) as client:
        phone, ann = server.phone(), server.contact()
        await phone.scan((await client.expect("qr"))["payload"])
        await client.event("Connected")
        await client.call("send", to=str(ann.lid), text="hello")
        ann.reply(await ann.next_message(), "hello yourself")
        await server.wait_acknowledged(phone)
        yield client, phone, ann


async def receive(runs: int) -> list[str]:
    """Bursts, sent while the client is there: messages a second, and from send to handler."""
    rates: dict[str, list[float]] = {place: [] for place in _PLACES}
    for place, where in _PLACES.items():
        with where() as folder:
            async with LoopbackServer() as server:
                paired = _paired(server, folder / "session.db", "--tally", str(_BURST))
                async with paired as (client, phone, ann):
                    ann.say(phone, "the first of the tally was heard")
                    for number in range(_BURST - 2):
                        ann.say(phone, f"message {number}")
                    await client.expect("tally")
                    for _ in range(runs):
                        rates[place].append(await _burst(client, phone, ann))
    return [line(f"receive, bursts of {_BURST}", "messages/s", **rates)]


async def _burst(client: BareClient, phone: Phone, ann: Contact) -> float:
    """Messages a second, from the first that is sent to the last that is handled."""
    (device,) = phone.devices
    said = [ann.say(phone, f"message {number}") for number in range(_BURST)]
    handled = (await client.expect("tally"))["handled"]
    seconds: float = handled[-1][1] - said[0].deliveries[device].sent[0]
    return _BURST / seconds


async def hear(runs: int) -> list[str]:
    """One message at a time, from the server's send to the handler."""
    taken: dict[str, list[float]] = {place: [] for place in _PLACES}
    for place, where in _PLACES.items():
        with where() as folder:
            async with LoopbackServer() as server:
                paired = _paired(server, folder / "session.db", "--tally", "1")
                async with paired as (client, phone, ann):
                    (device,) = phone.devices
                    await client.expect("tally")
                    for number in range(runs * 5):
                        said = ann.say(phone, f"message {number}")
                        ((_, at),) = (await client.expect("tally"))["handled"]
                        taken[place].append((at - said.deliveries[device].sent[0]) * 1000)
                        await server.wait_acknowledged(device)
    return [line("sent -> handler entered", "ms", **taken)]


async def send(runs: int) -> list[str]:
    """`send_message`, from its call to its return, in the client."""
    taken: dict[str, list[float]] = {place: [] for place in _PLACES}
    for place, where in _PLACES.items():
        with where() as folder:
            async with LoopbackServer() as server:
                paired = _paired(server, folder / "session.db")
                async with paired as (client, _phone, ann):
                    for _ in range(max(1, runs // 4)):
                        seconds = await client.call("send_many", to=str(ann.lid), count=_SENDS)
                        taken[place] += [each * 1000 for each in seconds]
    return [line("send_message", "ms", **taken)]
