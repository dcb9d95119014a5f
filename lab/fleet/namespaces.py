"""Machines that are network namespaces, each with two links that can be cut without a word (Linux).

All of it is in one further namespace of networks, mounts and processes: nothing of this machine is
touched, two of them can be there at once, and when its first process ends nothing is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final, Self

_SECONDS: Final = 10.0
_ESTABLISHED: Final = "01"  # include/net/tcp_states.h
_WHO: Final = () if os.geteuid() == 0 else ("--user", "--map-current-user", "--keep-caps")
# A shell is the first process: it takes the children of those that are killed. What is kept in
# memory is kept in a memory of the namespace's own, and is gone with it.
MEMORY: Final = "/dev/shm"
_BEGIN: Final = f'ip link set lo up && mount -t tmpfs fleet {MEMORY} || exit; "$@"; exit $?'
_UNSHARE: Final = (
    *("unshare", *_WHO, "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"),
    *("--", "sh", "-c", _BEGIN, "sh"),
)
_PROBE: Final = (
    "ip link add probe type bridge && ip link add one type veth peer name two"
    " && echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet"
)


class Link(StrEnum):
    """What a machine is reached by, and reaches others by."""

    CONTROL = "control"
    """To the fleet's Postgres."""
    INTERNET = "internet"
    """To WhatsApp."""


NETWORKS: Final = {Link.CONTROL: "10.77.1", Link.INTERNET: "127.77.2"}
"""The second is of loopback addresses, though it goes over links: wa-supervisor believes in a root
key that is not WhatsApp's, and wa-loopback serves, on these alone."""
_LOOPBACK: Final = "127.0.0.1/16"
HUB: Final = {link: f"{network}.254" for link, network in NETWORKS.items()}
"""The addresses of what the machines reach: Postgres and the server are in the hub."""
_MAC: Final = {Link.CONTROL: "02:00:00:00:01:fe", Link.INTERNET: "02:00:00:00:02:fe"}
"""Of the hub's bridges: else they take that of a port, and hear it when it is cut off."""


@cache
def why_no_machines() -> str | None:
    """Say why this machine cannot have them; None if it can."""
    if sys.platform != "linux" or not all(map(shutil.which, ("ip", "nsenter", "unshare"))):
        return "no network namespace here: needs Linux, with ip, unshare and nsenter"
    tried = subprocess.run(
        [*_UNSHARE, "sh", "-c", _PROBE],
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    return f"no network namespace here: {tried.stderr.strip()}" if tried.returncode else None


def within(command: Sequence[str]) -> list[str]:
    """Return the command line that runs a program where machines can be made: in the hub."""
    return [*_UNSHARE, *command]


@dataclass(frozen=True)
class Machine:
    """One, with its two links."""

    name: str
    number: int
    keeper: Process
    """A process that does nothing but live in the namespace."""

    @classmethod
    async def made(cls, name: str, number: int) -> Self:
        """Make a namespace, and connect it with the hub."""
        keeper = await asyncio.create_subprocess_exec(
            *("unshare", "--net", "sh", "-c", "echo made && exec sleep infinity"),
            stdin=DEVNULL,
            stdout=PIPE,
        )
        assert keeper.stdout is not None
        async with asyncio.timeout(_SECONDS):
            await keeper.stdout.readline()
        machine = cls(name, number, keeper)
        await _prepare(within=keeper.pid)
        for link in Link:
            port, end = machine._port(link), str(link)
            own = f"address {machine._mac(link)} netns {keeper.pid}"
            await _ip(f"link add {port} type veth peer name {end} {own}")
            await _ip(f"link set {port} master {link} up")
            await _ip(
                f"addr add {machine.address(link)}/24 dev {end}",
                f"link set {end} up",
                within=keeper.pid,
            )
            # Known by heart, or a cut would be noticed by the address that nobody answers for.
            await _ip(f"neigh add {HUB[link]} lladdr {_MAC[link]} dev {end}", within=keeper.pid)
            await _ip(f"neigh add {machine.address(link)} lladdr {machine._mac(link)} dev {link}")
        return machine

    def address(self, link: Link) -> str:
        """Its address on a link."""
        return f"{NETWORKS[link]}.{self.number}"

    @property
    def prefix(self) -> tuple[str, ...]:
        """What a command line must begin with to run on it, with the same process id."""
        return ("nsenter", f"--net=/proc/{self.keeper.pid}/ns/net", "--")

    async def cut(self, *links: Link) -> None:
        """Let nothing through, in either direction; nobody is told."""
        for link in links:
            await _ip(f"link set {self._port(link)} nomaster")

    async def mend(self, *links: Link) -> None:
        """Undo `cut`."""
        for link in links:
            await _ip(f"link set {self._port(link)} master {link}")

    def sockets(self, link: Link) -> set[int]:
        """Return the local ports of its TCP connections on a link, as its own kernel sees them."""
        own = _hexadecimal(self.address(link))
        table = Path(f"/proc/{self.keeper.pid}/net/tcp").read_text(encoding="ascii")
        rows = (line.split()[1:4] for line in table.splitlines()[1:])
        return {
            int(local.partition(":")[2], 16)
            for local, _, state in rows
            if state == _ESTABLISHED and local.startswith(own)
        }

    def _port(self, link: Link) -> str:
        """The hub's end of a link: on the bridge, or cut off."""
        return f"{link}{self.number}"

    def _mac(self, link: Link) -> str:
        return f"{_MAC[link][:-2]}{self.number:02x}"


@contextlib.asynccontextmanager
async def machines(*names: str) -> AsyncIterator[list[Machine]]:
    """Make them; only in a hub that is empty, see `within`."""
    assert [name for _, name in socket.if_nameindex()] == ["lo"], "this is no hub"
    await _prepare()
    for link in Link:
        await _ip(f"link add {link} address {_MAC[link]} type bridge", f"link set {link} up")
        await _ip(f"addr add {HUB[link]}/24 dev {link}")
    made: list[Machine] = []
    try:
        for number, name in enumerate(names, 1):
            made.append(await Machine.made(name, number))
        yield made
    finally:
        for machine in made:
            machine.keeper.kill()
            await asyncio.wait_for(machine.keeper.wait(), _SECONDS)


async def _prepare(within: int | None = None) -> None:
    """Let loopback addresses, but for the usual ones, be routed as others are."""
    where = () if within is None else ("nsenter", f"--net=/proc/{within}/ns/net", "--")
    everywhere = "echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet"
    process = await asyncio.create_subprocess_exec(*where, "sh", "-c", everywhere, stdin=DEVNULL)
    if await asyncio.wait_for(process.wait(), _SECONDS):
        raise OSError("loopback addresses cannot be routed here")
    await _ip(
        "link set lo up",
        "addr flush dev lo",
        f"addr add {_LOOPBACK} dev lo",
        within=within,
    )


async def _ip(*commands: str, within: int | None = None) -> None:
    """Run `ip` with each. Raises CalledProcessError."""
    prefix = () if within is None else ("nsenter", f"--net=/proc/{within}/ns/net", "--")
    for command in commands:
        line = (*prefix, "ip", *command.split())
        process = await asyncio.create_subprocess_exec(*line, stdin=DEVNULL)
        if await asyncio.wait_for(process.wait(), _SECONDS):
            raise subprocess.CalledProcessError(process.returncode or 0, line)


def _hexadecimal(address: str) -> str:
    """Write an address as the kernel's tables do."""
    return "".join(f"{int(part):02X}" for part in reversed(address.split("."))) + ":"
