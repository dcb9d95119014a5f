from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from wa_supervisor.cli.diagram import diagram
from wa_supervisor.errors import ConfigError

app = typer.Typer()
app.command()(diagram)


def test_without_options_it_prints_the_overview_as_mermaid() -> None:
    told = CliRunner().invoke(app, [])
    assert told.exit_code == 0
    assert "stateDiagram-v2" in told.stdout
    assert "Backoff" in told.stdout


@pytest.mark.parametrize(
    ("wanted", "sign"),
    [
        ("mermaid", "stateDiagram-v2"),
        ("dot", "digraph session {"),
        ("table", "| `QrOffered` |"),
    ],
)
def test_each_format_is_printed(wanted: str, sign: str) -> None:
    told = CliRunner().invoke(app, ["--format", wanted])
    assert told.exit_code == 0
    assert sign in told.stdout


def test_a_state_leaves_the_rest_out() -> None:
    told = CliRunner().invoke(app, ["--state", "Purging"])
    assert "Purging" in told.stdout
    assert "Pairing" not in told.stdout


@pytest.mark.parametrize(("option", "choice"), [("--format", "mermaid"), ("--view", "overview")])
def test_a_wrong_choice_is_told_the_right_ones(option: str, choice: str) -> None:
    told = CliRunner().invoke(app, [option, "wrong"])
    assert told.exit_code == 2
    assert choice in told.output


def test_a_wrong_state_is_an_error_in_the_settings() -> None:
    told = CliRunner().invoke(app, ["--state", "Asleep"])
    assert isinstance(told.exception, ConfigError)  # `main` tells it and exits with 2
