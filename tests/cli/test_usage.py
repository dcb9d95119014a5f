"""What the command line answers to those who ask for help, and to those who mistype."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import wa_supervisor.cli.run
from wa_supervisor import Outcome, Reason, State
from wa_supervisor.cli.commands import HOMES
from wa_supervisor.cli.exits import GIVE_UP, Exit
from wa_supervisor.cli.session_options import SessionOptions
from wa_supervisor.lifecycle.reasons import Who

if TYPE_CHECKING:
    from pathlib import Path

    from cli.calling import Cli
    from wa_supervisor.settings import Loaded


# -- help ------------------------------------------------------------------------------------------


def test_help_names_the_commands(program: Cli) -> None:
    answer = program("--help")
    assert answer.code == 0
    width = max(map(len, HOMES))
    for command, home in HOMES.items():
        assert f"\n  {command:{width}}  {home.summary}\n" in answer.out
    assert max(map(len, answer.out.splitlines())) <= 80


def test_no_command_shows_the_help_and_is_a_mistake(program: Cli) -> None:
    answer = program()
    assert answer.code == Exit.USAGE
    assert "Commands:" in answer.out + answer.err


def test_the_help_of_run_names_every_documented_option(program: Cli) -> None:
    answer = program("run", "--help")
    assert answer.code == 0
    for option in (
        "--session",
        "--data-dir",
        "--config",
        "--profile",
        "--phone",
        "--qr",
        "--bot",
        "--on-give-up",
        "--json",
        "--verbose",
    ):
        assert f"{option} " in answer.out
    for word in ("terminal", "png:PATH", "svg:PATH", "payload:PATH", "wa-web", "zeroclaw"):
        assert word in answer.out
    assert max(map(len, answer.out.splitlines())) <= 80


@pytest.mark.parametrize("command", HOMES)
def test_every_command_has_help(program: Cli, command: str) -> None:
    answer = program(command, "--help")
    assert answer.code == 0
    assert "--help" in answer.out


@pytest.mark.parametrize("command", [[], ["status"], ["config"]])
def test_a_short_option_shows_the_help_too(program: Cli, command: list[str]) -> None:
    assert program(*command, "-h").out == program(*command, "--help").out


def test_the_versions_are_printed_with_those_of_what_is_inside(program: Cli) -> None:
    answer = program("--version")
    assert answer.code == 0
    names = [line.split()[0] for line in answer.out.splitlines()]
    assert names == ["wa-supervisor", "neonize", "whatsmeow", "python"]


@pytest.mark.parametrize(
    ("words", "offered"),
    [("wa-supervisor sess", "sessions"), ("wa-supervisor run --ses", "--session")],
)
def test_a_shell_completes_verbs_and_options(
    program: Cli, monkeypatch: pytest.MonkeyPatch, words: str, offered: str
) -> None:
    monkeypatch.setenv("_WA_SUPERVISOR_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    assert program().out.split() == [offered]


# -- mistakes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bogus"], "bogus"),
        (["run", "--bogus"], "--bogus"),
        (["statsu"], "Did you mean 'status'"),
        (["run", "--sesion", "shop"], "(Possible options: --session)"),
        (["run", "--session"], "--session"),
        (["run", "extra"], "unexpected extra argument"),
        (["run", "--on-give-up", "shrug"], "--on-give-up"),
        (["run", "--session", "../shop"], "--session: '../shop' cannot be a session name"),
        (["run", "--profile", "zeroclav"], "--profile: did you mean 'zeroclaw'?"),
        (["run", "--qr", "pgn:x.png"], "--qr: a QR cannot be shown on 'pgn'; did you mean png?"),
        (["run", "--qr", "png"], "--qr: 'png' takes a path"),
        (["run", "--qr", "terminal:x"], "--qr: 'terminal' has no style 'x'"),
        (["run", "--bot", "mybot"], "--bot: write it as module:function"),
        (["run", "--bot", "my bot:register"], "--bot: write it as module:function"),
        (["run", "--config", "absent.toml"], "cannot read the settings file absent.toml"),
        (["run", "--data-dir", "$ABSENT/x"], "ABSENT"),
    ],
)
def test_a_mistyped_command_line_is_named_and_starts_nothing(
    program: Cli, tmp_path: Path, arguments: list[str], said: str
) -> None:
    answer = program(*arguments)
    assert answer.code == Exit.USAGE
    assert said in answer.err
    assert "Traceback" not in answer.err
    assert answer.out == ""
    assert list(tmp_path.rglob("session*")) == []


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        (
            "sesion = 'shop'",
            "sesion in typo.toml: no setting has this name; did you mean 'session'",
        ),
        ("[pairing]\nmodus = 'qr'", "pairing.modus in typo.toml"),
        ("[policy]\nstart_timeoot = 5", "policy.start_timeoot in typo.toml"),
        ("[policy.backoff]\nbase = 0", "policy.backoff.base in typo.toml"),
        ("session = ", "typo.toml is not valid TOML"),
        ("[pairing]\nmode = 'code'", "pairing in typo.toml: mode 'code' needs the phone number"),
        ("[endpoint]\nnoise_root = '00'", "endpoint"),
        (
            f"[endpoint]\nnoise_root = '{'00' * 32}'\nproxy = 'http://192.0.2.1:80'",
            "endpoint in typo.toml: noise_root may only be set together with a proxy on",
        ),
    ],
)
def test_a_mistyped_file_is_named_and_starts_nothing(
    program: Cli, tmp_path: Path, toml: str, said: str
) -> None:
    (tmp_path / "typo.toml").write_text(toml)
    answer = program("run", "--config", "typo.toml")
    assert answer.code == Exit.USAGE
    assert said in answer.err
    assert list(tmp_path.rglob("session*")) == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("WA_SUPERVISOR_SESION", "shop", "WA_SUPERVISOR_SESION: no setting has this name"),
        ("WA_SUPERVISOR_PAIRING__MODUS", "qr", "WA_SUPERVISOR_PAIRING__MODUS"),
        ("WA_SUPERVISOR_PAIRING", "{}", "is a group of settings"),
        ("WA_SUPERVISOR_PROFILE", "zeroclav", "WA_SUPERVISOR_PROFILE: did you mean 'zeroclaw'?"),
        ("WA_SUPERVISOR_ENDPOINT__PROXY", "ftp://x", "WA_SUPERVISOR_ENDPOINT__PROXY"),
    ],
)
def test_a_mistyped_variable_is_named(
    program: Cli, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    answer = program("run")
    assert answer.code == Exit.USAGE
    assert said in answer.err


@pytest.mark.parametrize("number", ["12345", "0155500011112222", "+1 555 CALL ME", "15550001111x"])
def test_a_wrong_phone_number_is_refused_and_not_repeated(program: Cli, number: str) -> None:
    answer = program("run", "--phone", number)
    assert answer.code == Exit.USAGE
    assert "--phone: write the number with its country code" in answer.err
    assert number not in answer.err
    assert number.strip("+x") not in answer.err


def test_a_password_in_a_wrong_proxy_is_not_repeated(
    program: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WA_SUPERVISOR_ENDPOINT__PROXY", "gopher://me:hunter22@192.0.2.1:70")
    answer = program("run")
    assert answer.code == Exit.USAGE
    assert "proxy must be http://host:port" in answer.err
    assert "hunter22" not in answer.err


def test_a_missing_directory_for_an_image_says_how_to_make_it(program: Cli) -> None:
    answer = program("run", "--qr", "png:absent/qr.png")
    assert answer.code == Exit.USAGE
    assert "try: `mkdir -p absent`" in answer.err


def test_a_file_that_is_not_ours_is_not_overwritten_by_a_qr(program: Cli, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    photo.write_bytes(b"\x89PNG my holidays")
    answer = program("run", "--qr", f"png:{photo}")
    assert answer.code == Exit.USAGE
    assert "was not written by wa-supervisor" in answer.err
    assert photo.read_bytes() == b"\x89PNG my holidays"


# -- what is meant ---------------------------------------------------------------------------------


def test_a_phone_number_means_pairing_by_code(program: Cli, supervised: list[Loaded]) -> None:
    assert program("run", "--phone", "+1 555 000-1111").code == 0
    (loaded,) = supervised
    assert loaded.settings.pairing.mode == "code"
    assert loaded.warnings == ()
    assert "555" not in repr(loaded)


def test_options_win_over_variables_which_win_over_the_file(
    program: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, supervised: list[Loaded]
) -> None:
    (tmp_path / "x.toml").write_text("session = 'file'\nbot = 'file:bot'\nprofile = 'zeroclaw'")
    monkeypatch.setenv("WA_SUPERVISOR_SESSION", "variable")
    monkeypatch.setenv("WA_SUPERVISOR_BOT", "variable:bot")
    program("run", "--config", "x.toml", "--session", "option")
    (loaded,) = supervised
    settings = loaded.settings
    assert (settings.session, settings.bot, settings.profile) == (
        "option",
        "variable:bot",
        "zeroclaw",
    )


def test_several_sinks_may_be_given(program: Cli, supervised: list[Loaded]) -> None:
    program("run", "--qr", "terminal", "--qr", "png:a.png", "--qr", "payload:b")
    assert supervised[0].settings.pairing.qr == ["terminal", "png:a.png", "payload:b"]


def test_a_number_without_the_mode_is_warned_about(
    program: Cli, monkeypatch: pytest.MonkeyPatch, supervised: list[Loaded]
) -> None:
    monkeypatch.setenv("WA_SUPERVISOR_PAIRING__PHONE", "15550001111")
    assert program("run").code == 0
    (warning,) = supervised[0].warnings
    assert "pairing.phone is set but not used" in warning
    assert "1555" not in warning


# -- exit codes ------------------------------------------------------------------------------------


def _reasons_to_give_up() -> list[Reason]:
    return sorted(GIVE_UP, key=lambda reason: reason.value)


@pytest.mark.parametrize("reason", _reasons_to_give_up())
def test_a_give_up_says_who_must_do_what_and_exits_with_its_code(
    program: Cli, monkeypatch: pytest.MonkeyPatch, reason: Reason
) -> None:
    def pretend(*_: object) -> Outcome:
        return Outcome(State.GAVE_UP, reason)

    monkeypatch.setattr(wa_supervisor.cli.run, "supervise", pretend)
    answer = program("run", "--on-give-up", "exit")
    assert answer.code == GIVE_UP[reason] >= 69
    told = reason.explanation
    assert told.who is not Who.NOBODY
    assert f"gave up: {told.sentence}" in answer.err
    advice = SessionOptions().advice(*told.hints)
    assert f"{told.who.value.capitalize()} must act: {advice}" in answer.err
