"""A world to supervise sessions in: the loopback server, a data directory, and runs.

Every wait has a deadline, and the end of a test checks what must hold in all of them.
"""

from __future__ import annotations

import os
import sys
import textwrap
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import SecretStr

from e2e.canary import Canary
from e2e.runs import Command, Run, Steps
from lab.processes import descendants_of
from wa_loopback import media
from wa_loopback.observations import Dialled, Violation
from wa_supervisor import Endpoint, PairingSettings, Settings
from wa_supervisor.lifecycle.policy import Backoff, Policy
from wa_supervisor.store import SessionFiles

if TYPE_CHECKING:
    import pytest

    from wa_loopback import Connection, Device, LoopbackServer
    from wa_supervisor.session.parent.fork_servers import ForkServers

QUICK = Backoff(base=0.1, cap=0.5, jitter=0)

_S = TypeVar("_S", bound=Steps)


def quick(**numbers: Any) -> Policy:
    """The default policy with short waits between retries."""
    return Policy(**{"backoff": QUICK} | numbers)


@dataclass
class World:
    """The server, the data directory, the secrets, and the runs of one test."""

    server: LoopbackServer
    data_dir: Path
    directory: Path
    """The working directory, of the test and of what it starts."""
    monkeypatch: pytest.MonkeyPatch
    caplog: pytest.LogCaptureFixture
    capfd: pytest.CaptureFixture[str]
    fork_servers: ForkServers
    canary: Canary = field(default_factory=Canary)
    runs: list[Run] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    leak: str | None = None
    """What the canary must say at the end, in a test that leaks on purpose."""

    def endpoint(self, **more: Any) -> Endpoint:
        told = self.server.endpoint
        own: dict[str, Any] = {
            "proxy": SecretStr(told.proxy),
            "ca_file": told.ca_file,
            "noise_root": told.noise_root,
        }
        return Endpoint(**own | more)

    def settings(self, **settings: Any) -> Settings:
        defaults: dict[str, Any] = {
            "data_dir": self.data_dir,
            "endpoint": self.endpoint(),
            "policy": quick(),
            "pairing": PairingSettings(qr=[]),
        }
        made = Settings(**defaults | settings)
        for url in (made.endpoint.proxy, made.database):
            if url is not None:
                self.canary.learn_url(url.get_secret_value())
        return made

    def start(self, *, options: dict[str, Any] | None = None, **settings: Any) -> Run:
        """Start a supervisor in this loop."""
        options = {"launcher": self.fork_servers} | (options or {})
        run = Run(self.canary, self.settings(**settings), **options)
        self.runs.append(run)
        return run

    def environment(self, **variables: str) -> dict[str, str]:
        """The environment of a command: it knows the server and can reach nothing else."""
        told = self.server.endpoint
        own = {
            "HTTPS_PROXY": told.proxy,
            "HOME": str(self.directory),
            "WA_SUPERVISOR_ENDPOINT__PROXY": told.proxy,
            "WA_SUPERVISOR_ENDPOINT__CA_FILE": str(told.ca_file),
            "WA_SUPERVISOR_ENDPOINT__NOISE_ROOT": told.noise_root,
        }
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        return kept | own | variables

    def command(self, *arguments: str, backoff: float = 0.1, **variables: str) -> Command:
        """Start `wa-supervisor run` as a process."""
        config = self.directory / "quick.toml"
        config.write_text(f"[policy.backoff]\nbase = {backoff}\ncap = {5 * backoff}\njitter = 0\n")
        own = ["--data-dir", str(self.data_dir), "--config", str(config)]
        command = Command(
            self.canary,
            [*own, *arguments],
            cwd=self.directory,
            env=self.environment(**variables),
        )
        self.commands.append(command)
        return command

    def bot(self, source: str) -> str:
        """Write a bot whose `register` has this body, and return its name."""
        body = textwrap.indent(textwrap.dedent(source), "    ")
        header = "import os, time\nfrom pathlib import Path\nfrom neonize import events"
        (self.directory / "mybot.py").write_text(f"{header}\n\ndef register(client):{body}\n")
        return "mybot:register"

    def files(self, session: str = "default") -> SessionFiles:
        return SessionFiles.at(session, self.data_dir)

    async def pair(self, run: Steps) -> Device:
        """Scan the code that shows, and wait until the session is connected."""
        await run.reach("Pairing")
        device = await self.server.phone().scan(await run.code())
        await run.reach("Connected")
        return device

    async def connected(self, run: _S) -> tuple[_S, Connection]:
        """Pair a run and return its connection with it."""
        return run, await self.server.wait_connected(await self.pair(run))

    async def paired(self, **settings: Any) -> tuple[Run, Connection]:
        """Start a run in this loop and pair it."""
        return await self.connected(self.start(**settings))

    def started(self) -> list[int]:
        """The processes that this test has started and that live."""
        known = self.fork_servers.pids
        return [pid for pid in descendants_of(os.getpid()) if pid not in known]

    async def finish(self) -> None:
        """End what runs, and check what must hold at the end of every test."""
        try:
            for command in self.commands:
                if not command.task.done():
                    await command.stop()
                command.check()
            for run in self.runs:
                if not run.task.done():
                    await run.stop()
                run.check()
        finally:
            for command in self.commands:
                await command.clear_away()
        assert self.started() == []
        check_server(self.server)

    def gather_output(self) -> None:
        """Let the canary hear everything this process and its children said and wrote."""
        self.canary.learn_server(self.server)
        for phase in ("setup", "call", "teardown"):
            for record in self.caplog.get_records(phase):
                raised = record.exc_info[1] if record.exc_info else None
                trace = "".join(traceback.format_exception(raised)) if raised else ""
                said = f"{record.getMessage()} {record.args!r} {raised!r} {trace}"
                self.canary.hear(f"the log of {record.name}", said)
        for stream, text in zip(("stdout", "stderr"), self.capfd.readouterr(), strict=True):
            self.canary.hear(stream, text)
            getattr(sys, stream).write(text)
        for path in self.data_dir.rglob("*"):
            assert path.stat().st_mode & 0o077 == 0, f"others may read {path.name}"
        self.canary.hear_files(self.data_dir)
        self.canary.hear_files(self.directory)


def check_server(server: LoopbackServer) -> None:
    """At no time two clients of one device, and nobody asked for another host."""
    assert server.overlaps == ()
    targets = {seen.target for seen in server.log if isinstance(seen, Dialled)}
    assert targets <= {"web.whatsapp.com:443", f"{media.HOST}:443"}
    assert [seen for seen in server.log if isinstance(seen, Violation)] == []
