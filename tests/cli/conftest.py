from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

import wa_supervisor.cli.run
from cli.calling import Answer, Cli
from wa_supervisor import Outcome, Reason, State
from wa_supervisor.cli import main
from wa_supervisor.session.parent import begun_server
from wa_supervisor.settings import Loaded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Cli:
    """Call `wa-supervisor` as a person does who has no settings yet, at home in `tmp_path`."""
    for name in [name for name in os.environ if name.upper().startswith("WA_SUPERVISOR")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["wa-supervisor", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr()
        return Answer(int(str(left.value.code)), said.out, said.err)

    return call


@pytest.fixture(autouse=True)
def _no_server_is_left() -> Iterator[None]:
    """A `run` in this process begins a fork server before it knows whether it needs one."""
    yield
    while begun_server._early:
        begun_server.take_early(lambda _: False)


@pytest.fixture
def shop(program: Cli, tmp_path: Path) -> Cli:
    """Call a command for the session `shop` in `tmp_path`."""

    def call(command: str, *arguments: str) -> Answer:
        return program(command, "--session", "shop", "--data-dir", str(tmp_path), *arguments)

    return call


@pytest.fixture
def supervised(monkeypatch: pytest.MonkeyPatch) -> list[Loaded]:
    """Collects what would be supervised; nothing is started."""
    seen: list[Loaded] = []

    def pretend(loaded: Loaded, *_: object) -> Outcome:
        seen.append(loaded)
        return Outcome(State.STOPPED, Reason.STOPPED)

    monkeypatch.setattr(wa_supervisor.cli.run, "supervise", pretend)
    return seen
