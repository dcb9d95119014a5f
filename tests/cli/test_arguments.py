"""Numbers, addresses and texts are not in the list of processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cli.calling import Cli
from wa_supervisor.cli.exits import Exit
from wa_supervisor.settings import Loaded

NUMBER = "+15550001111"

SCRIPT = """
import sys
from pathlib import Path
from wa_supervisor.cli.arguments import hide_private
assert hide_private()
print(Path("/proc/self/cmdline").read_text().split("\\0"))
print(sys.argv[1:])
"""


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        (["run", "--phone", NUMBER, "--json"], ["run", "--phone", "x" * 12, "--json"]),
        (["run", f"--phone={NUMBER}"], ["run", "--phone=" + "x" * 12]),
        (["run", "--phone", "-", NUMBER], ["run", "--phone", "-", NUMBER]),
        (["run", "--session", "shop"], ["run", "--session", "shop"]),
        (
            ["fleet", "worker", "--database", "postgres://u:p@h/d", "--name", "w1"],
            ["fleet", "worker", "--database", "x" * 18, "--name", "w1"],
        ),
        (["send", NUMBER, "hello", "--key", "k"], ["send", "x" * 12, "xxxxx", "--key", "k"]),
        (["send", "--json", NUMBER, "-"], ["send", "--json", "x" * 12, "-"]),
        (
            ["gate", "explain", NUMBER, "--text=hé", "--session", "shop"],
            ["gate", "explain", "x" * 12, "--text=xxx", "--session", "shop"],
        ),
    ],
)
def test_the_kernel_shows_it_no_longer_and_we_still_have_it(
    given: list[str], seen: list[str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *given],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    shown, kept = done.stdout.splitlines()
    assert shown.endswith(f"{str([*seen, ''])[1:]}")
    assert kept == str(given)


def test_it_can_come_by_standard_input(
    program: Cli, supervised: list[Loaded], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "number").write_text(f"{NUMBER}\n")
    with (tmp_path / "number").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert program("run", "--phone", "-").code == 0
    (loaded,) = supervised
    assert loaded.settings.pairing.phone is not None
    assert loaded.settings.pairing.phone.get_secret_value() == NUMBER.removeprefix("+")


def test_everybodys_settings_name_no_program(program: Cli, tmp_path: Path) -> None:
    config = tmp_path / "x.toml"
    config.write_text("bot = 'mybot:register'\n")
    config.chmod(0o666)
    answer = program("run", "--config", str(config))
    assert answer.code == Exit.USAGE
    assert "everybody can write to x.toml, which names the program to run" in answer.err
    assert f"chmod go= {config}" in answer.err


def test_everybodys_settings_are_warned_about(
    program: Cli, tmp_path: Path, supervised: list[Loaded]
) -> None:
    config = tmp_path / "x.toml"
    config.write_text("session = 'shop'\n")
    config.chmod(0o666)
    assert program("run", "--config", str(config)).code == 0
    assert supervised[0].warnings == (f"everybody can write to the settings file {config}",)


@pytest.mark.parametrize("name", ["a\nExecStart=/bin/evil", "a\\", "a ", "a\x1b[2J"])
def test_a_unit_takes_no_path_that_would_add_lines_to_it(program: Cli, name: str) -> None:
    answer = program("unit", "--session", "shop", "--config", name)
    assert answer.code == Exit.USAGE
    assert answer.out == ""
    assert "a unit cannot hold the path" in answer.err


def test_a_unit_for_a_file_that_is_not_there_says_so(program: Cli) -> None:
    answer = program("unit", "--session", "shop", "--config", "nosuch.toml")
    assert answer.code == 0
    assert "warning: there is no file" in answer.err


def test_a_session_name_is_no_option(program: Cli) -> None:
    answer = program("run", "--session=-x")
    assert answer.code == Exit.USAGE
    assert "no '.' or '-' at the start" in answer.err
