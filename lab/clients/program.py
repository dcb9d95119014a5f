"""Runs a client's program and talks to it: JSON objects, one a line.

It is given its options as JSON: `ws`, `proxy`, `ca_file` and `noise_root` of the server, a
`directory` for what it must keep, `keepalive` in seconds, and `pair_code`, the number to link by a
code instead of a QR.

It says `{"kind": "qr", "payload"}`, `code` with `code`, `paired`, `open`, `closed` with `reason`,
`ended` when it will not come back, `message` with `text` and `chat`. It hears
`{"action": "send", "to", "text"}` and answers `done` or `failed`. It ends with its standard input.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wa_loopback import Endpoint

from .install import installed

_SECONDS = 30.0


class ProgramEnded(Exception):
    """Raised when a program ends before it says what was waited for."""


@dataclass(frozen=True)
class Client:
    """A client that is run here: how it is called, what runs it, and what it cannot do."""

    name: str
    version: str
    runtime: str
    """`node`, `python`, or `ours` for what is in this environment."""
    program: str
    pairs_by_code: bool = True
    comes_back: bool = True
    """Whether it connects again by itself, or its README's program does."""
    pings: str = ""
    """How often it asks whether the connection is alive, if a program cannot say how often."""
    keeps: bool = True
    """Whether it keeps its login for another process."""

    def command(self) -> list[str]:
        """Return what starts it, installed first if need be. Raises `Unavailable`."""
        if self.runtime == "ours":
            return [sys.executable, "-m", f"lab.clients.programs.{Path(self.program).stem}"]
        where = installed(self.runtime)
        runner = "node" if self.runtime == "node" else str(where / "venv" / "bin" / "python")
        return [runner, str(where / self.program)]


CLIENTS = (
    Client("baileys", "7.0.0-rc14", "node", "baileys.mjs"),
    Client("zapo-js", "0.3.0", "node", "zapo.mjs", keeps=False, pings="every 10 s"),
    Client("pyaileys", "0.1.5", "python", "pyaileys_client.py", pairs_by_code=False),
    Client(
        "pywhats",
        "0.2.0",
        "python",
        "pywhats_client.py",
        pairs_by_code=False,
        comes_back=False,
    ),
)
"""Those that are not ours."""

BESIDE = (
    Client("neonize, bare", "0.5.2", "ours", "neonize_client.py"),
    Client("wa-supervisor", "this", "ours", "supervisor_client.py"),
)
"""neonize as a script uses it, and under the supervisor."""


@dataclass
class Running:
    """One run of a program."""

    process: asyncio.subprocess.Process
    said: list[dict[str, Any]] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when its process has ended."""
    _heard: asyncio.Condition = field(default_factory=asyncio.Condition)
    _position: int = 0

    async def read(self) -> None:
        """Take what it says until it ends."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            with contextlib.suppress(ValueError):  # libraries print, too
                found = json.loads(line)
                if isinstance(found, dict):
                    async with self._heard:
                        self.said.append(found)
                        self._heard.notify_all()
        async with self._heard:
            self.said.append({"kind": "exit"})
            self.ended.set()
            self._heard.notify_all()

    async def expect(self, kind: str, *, within: float = _SECONDS) -> dict[str, Any]:
        """Return the next thing of a kind that it says. Raises `ProgramEnded`, TimeoutError."""
        async with asyncio.timeout(within), self._heard:
            while True:
                while self._position < len(self.said):
                    found = self.said[self._position]
                    self._position += 1
                    if found["kind"] == kind:
                        return found
                    if found["kind"] == "exit":
                        raise ProgramEnded(f"the program ended before {kind!r}: {self.said}")
                await self._heard.wait()

    def tell(self, action: str, **fields: str) -> None:
        """Tell it to do something."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"action": action, **fields}).encode() + b"\n")

    def kinds(self, since: int = 0) -> list[str]:
        """Return the kinds of what it said."""
        return [each["kind"] for each in self.said[since:]]


@contextlib.asynccontextmanager
async def run(
    client: Client,
    endpoint: Endpoint,
    directory: Path,
    *,
    pair_code: str | None = None,
    keepalive: float = 30.0,
) -> AsyncIterator[Running]:
    """Run a client's program; it is dead afterwards. Raises `Unavailable`."""
    options = {
        "ws": endpoint.ws,
        "proxy": endpoint.proxy,
        "ca_file": str(endpoint.ca_file),
        "noise_root": endpoint.noise_root,
        "directory": str(directory),
        "keepalive": keepalive,
        "pair_code": pair_code,
    }
    process = await asyncio.create_subprocess_exec(
        *await asyncio.to_thread(client.command),
        json.dumps(options),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=_environment(endpoint, keepalive),
        cwd=None if client.runtime == "ours" else directory,
        limit=2**20,
    )
    running = Running(process)
    reading = asyncio.ensure_future(running.read())
    try:
        yield running
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await reading


def _environment(endpoint: Endpoint, keepalive: float) -> Mapping[str, str]:
    """What it may know: whatever it dials beside the server goes to the server's proxy, too."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    proxies = dict.fromkeys(("HTTPS_PROXY", "https_proxy", "HTTP_PROXY"), endpoint.proxy)
    trust = {"SSL_CERT_FILE": str(endpoint.ca_file), "NODE_EXTRA_CA_CERTS": str(endpoint.ca_file)}
    here = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    return {**kept, **proxies, **trust, **here, "PYWHATS_KEEPALIVE_INTERVAL": str(keepalive)}
