from __future__ import annotations

import re
import traceback
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from wa_supervisor.errors import ConfigError
from wa_supervisor.lifecycle.policy import PROFILES, Policy
from wa_supervisor.setting_groups import PairingSettings
from wa_supervisor.setting_sources import leaves
from wa_supervisor.settings import Settings, default_config, load_settings

PHONE = "4915112345678"
PASSWORD = "hunter2-very-secret"
ROOT = "ab" * 32


@pytest.fixture(autouse=True)
def no_file_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def refused(config: Path | None = None, overrides: dict[str, Any] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings(config, overrides)
    shown = "".join(traceback.format_exception(caught.value))
    assert PHONE not in shown
    assert PASSWORD not in shown
    return str(caught.value)


def test_without_anything_the_defaults_hold() -> None:
    loaded = load_settings()
    assert loaded.settings == Settings()
    assert loaded.file is None
    assert loaded.warnings == ()
    assert loaded.settings.session == "default"
    assert loaded.settings.pairing.qr == ["terminal"]
    assert loaded.settings.policy == Policy()


def test_settings_made_in_code_do_not_read_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WA_SUPERVISOR_SESSION", "from-environment")
    assert Settings().session == "default"
    assert load_settings().settings.session == "from-environment"


def test_options_win_over_the_environment_and_that_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(
        tmp_path / "c.toml",
        'session = "file"\nprofile = "zeroclaw"\n[policy.backoff]\nbase = 7\ncap = 70\n',
    )
    monkeypatch.setenv("WA_SUPERVISOR_SESSION", "env")
    monkeypatch.setenv("WA_SUPERVISOR_POLICY__BACKOFF__CAP", "80")
    settings = load_settings(file, {"session": "option", "profile": None}).settings
    assert settings.session == "option"
    assert settings.profile == "zeroclaw"
    assert settings.policy.backoff.cap == 80
    assert settings.policy.backoff.base == 7
    assert load_settings(file).settings.session == "env"


def test_the_file_of_the_user_is_read_if_there_is_one() -> None:
    write(default_config(), 'session = "mine"')
    loaded = load_settings()
    assert loaded.settings.session == "mine"
    assert loaded.file == default_config()


def test_a_named_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    assert "gone.toml: No such file" in refused(tmp_path / "gone.toml")


@pytest.mark.parametrize("text", ["session =", "a = 1\na = 2", '[x\ny="'])
def test_broken_toml_is_an_error_that_names_the_line(tmp_path: Path, text: str) -> None:
    message = refused(write(tmp_path / "c.toml", text))
    assert message.startswith("c.toml is not valid TOML")


def test_a_file_that_is_not_text_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_bytes(b"\xff\xfe")
    assert "UTF-8" in refused(tmp_path / "c.toml")


def test_the_profile_gives_the_backoff() -> None:
    assert (
        load_settings(None, {"profile": "zeroclaw"}).settings.policy.backoff
        == (PROFILES["zeroclaw"])
    )


def test_a_part_of_the_policy_leaves_the_rest_as_it_was(tmp_path: Path) -> None:
    file = write(
        tmp_path / "c.toml",
        'profile = "zeroclaw"\n[policy]\nconflict = "yield"\n'
        "[policy.backoff]\nmax_retries = 3\n[policy.dials]\ncount = 5\n",
    )
    policy = load_settings(file).settings.policy
    assert policy.backoff == PROFILES["zeroclaw"].model_copy(update={"max_retries": 3})
    assert policy.dials == Policy().dials.model_copy(update={"count": 5})
    assert policy.conflict.value == "yield"


@pytest.mark.parametrize(
    ("text", "where", "guess"),
    [
        ('sesion = "x"', "sesion in c.toml", "'session'"),
        ('[endpoin]\nproxy = "x"', "endpoin in c.toml", "'endpoint'"),
        ('[endpoint]\nprox = "x"', "endpoint.prox in c.toml", "'proxy'"),
        ("[policy.backof]\ncap = 3", "policy.backof in c.toml", "'backoff'"),
        ("[policy.backoff]\ncapp = 3", "policy.backoff.capp in c.toml", "'cap'"),
        ('mode = "code"', "mode in c.toml", "'pairing.mode'"),
        ('[policy]\nproxy = "http://x:1"', "policy.proxy in c.toml", "'endpoint.proxy'"),
    ],
)
def test_a_typo_in_the_file_is_an_error_with_a_guess(
    tmp_path: Path, text: str, where: str, guess: str
) -> None:
    message = refused(write(tmp_path / "c.toml", text))
    assert message.startswith(f"{where}: no setting has this name; did you mean {guess}?")


@pytest.mark.parametrize(
    ("name", "guess"),
    [
        ("WA_SUPERVISOR_SESION", "WA_SUPERVISOR_SESSION"),
        ("WA_SUPERVISOR_ENDPOIN__PROXY", "WA_SUPERVISOR_ENDPOINT__PROXY"),
        ("WA_SUPERVISOR_ENDPOINT_PROXY", "WA_SUPERVISOR_ENDPOINT__PROXY"),
        ("wa_supervisor_pairing__phon", "WA_SUPERVISOR_PAIRING__PHONE"),
        ("WA_SUPERVISOR_POLICY__BACKOFF__CAPP", "WA_SUPERVISOR_POLICY__BACKOFF__CAP"),
    ],
)
def test_a_typo_in_the_environment_is_an_error_with_a_guess(
    monkeypatch: pytest.MonkeyPatch, name: str, guess: str
) -> None:
    monkeypatch.setenv(name, PHONE)
    assert refused().startswith(f"{name}: no setting has this name; did you mean {guess!r}?")


@pytest.mark.parametrize(
    "name", ["WA_SUPERVISOR_ENDPOINT", "WA_SUPERVISOR_POLICY__BACKOFF", "WA_SUPERVISOR_PAIRING"]
)
def test_a_whole_section_in_one_variable_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, f'{{"phone": "{PHONE}"}}')
    assert f"{name} is a group of settings: set {name}__" in refused()


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WA_SUPERVISOR_ENDPOINT__PROXY", "")
    monkeypatch.setenv("WA_SUPERVISOR_BOT", "")
    assert load_settings().settings == Settings()


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("session = 3", "session in c.toml", "must be a text"),
        ('session = "a/b"', "session in c.toml", "cannot be a session name"),
        ('profile = "zeroklaw"', "profile in c.toml", "did you mean 'zeroclaw'?"),
        ('profile = "x"', "profile in c.toml", "allowed: wa-web, zeroclaw"),
        ("profile = []", "profile in c.toml", "must be a text"),
        ('[pairing]\nmode = "sms"', "pairing.mode in c.toml", "'qr' or 'code'"),
        ('[pairing]\nmode = "code"', "pairing in c.toml", "needs the phone number"),
        ('[pairing]\nqr = ["tty"]', "pairing.qr in c.toml", "png:PATH, svg:PATH"),
        ('[pairing]\nqr = "pngg:x"', "pairing.qr in c.toml", "did you mean png?"),
        ("pairing = 3", "pairing in c.toml", "is a group of settings"),
        ("policy = 3", "policy in c.toml", "is a group of settings"),
        ("[policy.backoff]\ncap = -1", "policy.backoff.cap in c.toml", "must be more than 0"),
        ('[policy]\nconflict = "fight"', "policy.conflict in c.toml", "'hold', 'yield'"),
        ('bot = "mybot"', "bot in c.toml", "module:function"),
        ('bot = "my bot:run"', "bot in c.toml", "module:function"),
        ('[endpoint]\nca_file = "x"', "endpoint in c.toml", "ca_file may only be set"),
    ],
)
def test_a_wrong_value_in_the_file_is_an_error_that_names_the_key(
    tmp_path: Path, text: str, where: str, what: str
) -> None:
    message = refused(write(tmp_path / "c.toml", text))
    assert message.startswith(f"{where}: ")
    assert what in message


def test_a_wrong_value_in_the_environment_names_the_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WA_SUPERVISOR_POLICY__BACKOFF__CAP", "soon")
    assert refused() == "WA_SUPERVISOR_POLICY__BACKOFF__CAP: must be a number"


def test_values_that_contradict_each_other_name_the_variables_at_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WA_SUPERVISOR_PAIRING__MODE", "code")
    assert refused().startswith("WA_SUPERVISOR_PAIRING__MODE: mode 'code' needs the phone number")


def test_a_wrong_option_is_named_as_on_the_command_line() -> None:
    message = refused(None, {"pairing": {"phone": "0" + PHONE}, "bot": "x"})
    assert "--phone: write the number with its country code" in message
    assert "--bot: write it as module:function" in message


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    message = refused(write(tmp_path / "c.toml", 'sesion = "x"\nbot = "y"\n'))
    assert len(message.splitlines()) == 2


@pytest.mark.parametrize(
    "text",
    [
        "+49 151 1234-5678",
        "4915112345678",
        " +4915112345678",
        "49-151-12345678",
        "+49 (151) 1234/5678",
        "+49.151.12345678",
    ],
)
def test_a_phone_number_is_normalised(text: str) -> None:
    phone = PairingSettings(phone=text).phone
    assert phone is not None
    assert phone.get_secret_value() == PHONE


def test_a_bare_number_in_the_file_will_do(tmp_path: Path) -> None:
    file = write(tmp_path / "c.toml", f'[pairing]\nmode = "code"\nphone = {PHONE}\n')
    phone = load_settings(file).settings.pairing.phone
    assert phone is not None
    assert phone.get_secret_value() == PHONE


@pytest.mark.parametrize(
    "text",
    ["", "0" + PHONE, "+0" + PHONE, PHONE + "x", PHONE * 2, "123456", "٤٩١٥١١٢٣٤٥٦", "4+915112345"],
)
def test_another_phone_number_is_refused_without_telling_it(text: str) -> None:
    with pytest.raises(ValidationError) as caught:
        PairingSettings(phone=text)
    assert "country code" in str(caught.value)
    assert not text or text not in str(caught.value)


def test_a_zero_in_brackets_is_refused_as_it_would_make_another_number() -> None:
    with pytest.raises(ValidationError, match=r"leave out the \(0\)"):
        PairingSettings(phone="+49 (0)151 12345678")


def test_no_phone_number_or_password_is_told_by_a_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WA_SUPERVISOR_PAIRING__PHONE", PHONE)
    monkeypatch.setenv("WA_SUPERVISOR_PAIRING__MODE", "code")
    monkeypatch.setenv("WA_SUPERVISOR_ENDPOINT__PROXY", f"http://me:{PASSWORD}@proxy.example:3128")
    loaded = load_settings()
    shown = f"{loaded!r} {loaded.settings} {loaded.settings.model_dump_json()}"
    assert PHONE not in shown
    assert PASSWORD not in shown


@pytest.mark.parametrize(
    "proxy", [f"ftp://me:{PASSWORD}@x:1", f"http://me:{PASSWORD}@x:port", PASSWORD]
)
def test_a_wrong_proxy_is_refused_without_telling_its_password(
    monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("WA_SUPERVISOR_ENDPOINT__PROXY", proxy)
    assert refused().startswith("WA_SUPERVISOR_ENDPOINT__PROXY: proxy ")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("terminal", ["terminal"]),
        ("terminal,png:/x/qr.png", ["terminal", "png:/x/qr.png"]),
        ("terminal, svg:a b.svg", ["terminal", "svg:a b.svg"]),
    ],
)
def test_several_sinks_in_one_variable_are_parted_by_commas(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: list[str]
) -> None:
    monkeypatch.setenv("WA_SUPERVISOR_PAIRING__QR", value)
    assert load_settings().settings.pairing.qr == expected


def test_a_phone_number_without_code_mode_is_a_warning() -> None:
    (warning,) = load_settings(None, {"pairing": {"phone": PHONE}}).warnings
    assert "pairing.phone is set but not used" in warning
    assert PHONE not in warning


@pytest.mark.parametrize(
    ("given", "missing", "value"),
    [("noise_root", "ca_file", ROOT), ("ca_file", "noise_root", "ca.pem")],
)
def test_half_given_test_keys_are_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, missing: str, value: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ca.pem").touch()
    endpoint = {"proxy": "http://127.0.0.1:1", given: value}
    (warning,) = load_settings(None, {"endpoint": endpoint}).warnings
    assert warning.startswith(f"endpoint.{given} is set without endpoint.{missing}")


def test_settings_cannot_be_changed_by_accident() -> None:
    with pytest.raises(ValidationError):
        Settings().session = "other"  # type: ignore[misc]


# -- our words -------------------------------------------------------------------------------------

WRONG: list[Any] = [
    None, True, "", "x", "nan", -1, 0, 0.001, 1.5, 10**30, float("inf"), "\ud800", [], [1], [[]],
    {}, {"x": 1}, {"count": -1}, object(), b"\xff", "0", "9" * 5000,
]  # fmt: skip
THEIRS = re.compile(
    r"Input should|[Vv]alid |unable to parse|[Vv]alidation|Value error|Field required|pydantic"
    r"|pattern|instance of|is not what can stand here|\{[a-z]+"
)
GROUPS = {key[:-1] for key in leaves(Settings) if len(key) > 1}


@pytest.mark.parametrize("key", [*leaves(Settings), *sorted(GROUPS)], ids=".".join)
def test_whatever_is_written_the_answer_is_in_our_words(key: tuple[str, ...]) -> None:
    refused = [said for value in WRONG if (said := _what_is_said_of(key, value))]
    assert len(refused) >= 3
    for said in refused:
        assert not THEIRS.search(said)
        assert said.startswith(key[0])


def _what_is_said_of(key: tuple[str, ...], value: Any) -> str | None:
    tree: Any = value
    for name in reversed(key):
        tree = {name: tree}
    try:
        Settings(**tree)
    except ConfigError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ({"policy": {"windows": {"count": 0}}}, "policy.windows.count: must be at least 1"),
        ({"policy": {"dials": {"count": 0}}}, "policy.dials: count must be at least 1"),
        ({"policy": {"start_timeout": 0.001}}, "policy.start_timeout: must be at least 1 s"),
        ({"policy": {"link_timeout": 0.9}}, "policy.link_timeout: must be at least 1 s"),
        ({"policy": {"backoff": {"base": 5, "cap": 4}}}, "policy.backoff.base: is longer than"),
        ({"policy": {"pairing_pause": 9, "pairing_pause_cap": 8}}, "policy.pairing_pause: is"),
        ({"policy": {"ban_default": 9, "ban_max": 8}}, "policy.ban_default: is longer than"),
        ({"policy": {"stop_timeout": 2}, "stop": {"drain": 2}}, "policy.stop_timeout: must be"),
        ({"pairing": {"qr": ["png:x", "svg:x"]}}, "--qr: names one place twice"),
        ({"pairing": {"qr": ["terminal", "terminal:half"]}}, "--qr: names one place twice"),
    ],
)
def test_values_that_make_no_sense_together_are_refused(tree: dict[str, Any], said: str) -> None:
    assert refused(None, tree).startswith(said)


def test_a_missing_file_of_authorities_is_refused() -> None:
    endpoint = {"proxy": "http://127.0.0.1:1", "noise_root": ROOT, "ca_file": "/absent.pem"}
    assert refused(None, {"endpoint": endpoint}) == "endpoint.ca_file: there is no such file"


def test_a_relative_data_dir_is_warned_about_where_it_is_kept(tmp_path: Path) -> None:
    (warning,) = load_settings(write(tmp_path / "c.toml", 'data_dir = "sessions"')).warnings
    assert warning.startswith("data_dir in c.toml is relative")
    assert load_settings(None, {"data_dir": "sessions"}).warnings == ()
    assert load_settings(write(tmp_path / "c.toml", 'data_dir = "~/sessions"')).warnings == ()


# -- where they come from --------------------------------------------------------------------------


def test_each_value_says_where_it_comes_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "c.toml", 'bot = "a:b"\nprofile = "zeroclaw"\n[watch]\npulse = 9\n')
    monkeypatch.setenv("WA_SUPERVISOR_BOT", "c:d")
    monkeypatch.setenv("WA_SUPERVISOR_DATABASE", "")
    monkeypatch.setenv("wa_supervisor_policy__backoff__cap", "80")
    sources = load_settings(file, {"session": "shop", "pairing": {"mode": "qr"}}).sources
    for key, origin in {
        "session": "command line --session",
        "pairing.mode": "command line --phone",
        "bot": "environment WA_SUPERVISOR_BOT",
        "policy.backoff.cap": "environment wa_supervisor_policy__backoff__cap",
        "policy.backoff.base": "profile zeroclaw",
        "profile": f"file {file}",
        "watch.pulse": f"file {file}",
        "database": "default",
    }.items():
        assert str(sources.origin(tuple(key.split(".")))) == origin
