"""Starts `bare_client.py` under a test and reads what it says."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wa_loopback import Endpoint

_ROOT = Path(__file__).parents[1]
_SHM = Path("/dev/shm")
_SECONDS = 40.0


def environment(endpoint: Endpoint) -> dict[str, str]:
    """The environment of a process which may load neonize: it can reach nothing but the server."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "HTTPS_PROXY": endpoint.proxy, "SSL_CERT_FILE": str(endpoint.ca_file)}


@contextlib.contextmanager
def fast_directory(fallback: Path) -> Iterator[Path]:
    """A directory for session databases where an fsync costs nothing, if there is one."""
    if not os.access(_SHM, os.W_OK):
        yield fallback
        return
    with tempfile.TemporaryDirectory(prefix="wa-loopback-", dir=_SHM) as name:
        yield Path(name)


class CallFailed(Exception):
    """Raised when neonize raised, with its words."""


@dataclass
class BareClient:
    """One run of the bare program."""

    process: asyncio.subprocess.Process
    database: Path
    said: list[dict[str, Any]] = field(default_factory=list)
    _unread: list[dict[str, Any]] = field(default_factory=list)

    async def expect(
        self, kind: str, *, within: float = _SECONDS, **details: Any
    ) -> dict[str, Any]:
        """Read on until something of this kind and with these details is said; skip the rest."""
        async with asyncio.timeout(within):
            while True:
                line = await self._next()
                if line is None:
                    raise AssertionError(f"the client ended before {kind} {details}: {self.said}")
                if line["kind"] == kind and details.items() <= line.items():
                    return line

    async def event(self, name: str, *, within: float = _SECONDS) -> dict[str, Any]:
        """Read on until an event, and return its fields."""
        fields: dict[str, Any] = (await self.expect("event", name=name, within=within))["fields"]
        return fields

    def events(self) -> list[str]:
        """The names of the events read so far, without the QR event."""
        return [
            line["name"] for line in self.said if line["kind"] == "event" if line["name"] != "QR"
        ]

    async def silence(self, seconds: float) -> list[dict[str, Any]]:
        """What the client says in the next seconds."""
        heard: list[dict[str, Any]] = []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while (line := await self._next()) is not None:
                    heard.append(line)
        return heard

    def tell(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n".encode())

    async def call(self, call: str, *, within: float = _SECONDS, **arguments: object) -> Any:
        """Have the client carry a call out, and return what it is worth.

        Raises `CallFailed` with neonize's words.
        """
        self.tell(json.dumps({"call": call, **arguments}))
        answer = await self.answer(lambda line: line["kind"] in {"called", "call-failed"}, within)
        if answer["kind"] == "call-failed":
            raise CallFailed(answer["error"])
        return answer["value"]

    async def answer(
        self, is_it: Callable[[dict[str, Any]], bool], within: float = _SECONDS
    ) -> dict[str, Any]:
        """Return the answer to what was just told; what is said before it stays to be read."""
        read = len(self._unread)
        async with asyncio.timeout(within):
            while True:
                if read == len(self._unread) and not await self._hear():
                    raise AssertionError(f"the client ended before it answered: {self.said}")
                if is_it(self._unread[read]):
                    return self._unread.pop(read)
                read += 1

    async def exit(self, *, within: float = _SECONDS) -> int:
        return await asyncio.wait_for(self.process.wait(), within)

    async def _next(self) -> dict[str, Any] | None:
        """Return the next line to be read; None at the end."""
        if not self._unread and not await self._hear():
            return None
        return self._unread.pop(0)

    async def _hear(self) -> bool:
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        if line:
            said: dict[str, Any] = json.loads(line)
            self.said.append(said)
            self._unread.append(said)
        return bool(line)


@contextlib.asynccontextmanager
async def bare_client(
    endpoint: Endpoint, database: Path | str, *options: str, more: Mapping[str, str] | None = None
) -> AsyncIterator[BareClient]:
    """Run the bare program; it is killed and reaped at the end, whatever happened.

    `more` is added to its environment.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", f"{__package__}.bare_client"),
        str(database),
        endpoint.noise_root,
        *options,
        cwd=_ROOT,
        env=environment(endpoint) | dict(more or {}),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=1 << 20,
    )
    try:
        yield BareClient(process, Path(database))
    finally:
        if process.returncode is None:
            process.kill()
        await asyncio.wait_for(process.wait(), _SECONDS)
