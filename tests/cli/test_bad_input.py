"""What is typed or written wrong, and what is said of it: the table that a newcomer's tries made.

Of each: the exit code, the words that must be there, and for all of them that nothing is started,
no traceback is shown, pydantic does not speak, and no value that may be a secret is repeated.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from wa_supervisor.cli.exits import Exit

if TYPE_CHECKING:
    from pathlib import Path

    from cli.calling import Cli

SECRETS = ("4915112345678", "hunter2", "0151")
THEIRS = re.compile(
    r"Input should|[Vv]alidation error|Value error|Field required|unable to parse|pydantic"
    r"|valid (string|number|integer|dict|list|bool)|Traceback"
)


@dataclass(frozen=True)
class Bad:
    """One wrong input."""

    said: str
    typed: tuple[str, ...] = ("run",)
    toml: str | bytes | None = None
    variables: dict[str, str] = field(default_factory=dict)
    code: Exit = Exit.USAGE


def named(name: str) -> Bad:
    return Bad("cannot be a session name", ("run", f"--session={name}"))


def written(toml: str | bytes, said: str) -> Bad:
    return Bad(said, ("run", "--config", "x.toml"), toml)


def typed(said: str, *arguments: str, code: Exit = Exit.USAGE) -> Bad:
    return Bad(said, arguments, code=code)


def variable(name: str, value: str, said: str) -> Bad:
    return Bad(said, variables={f"WA_SUPERVISOR_{name}": value})


NAMES = ["", ".", "..", "../x", "a/b", "-x", "a b", "ä", "x" * 65]

FILES = [
    written("session = ", "x.toml is not valid TOML"),
    written("a = 1\na = 2", "x.toml is not valid TOML"),
    written(b"\xff\xfe\x00", "x.toml is not UTF-8 text"),
    written("sesion = 'x'", "did you mean 'session'?"),
    written("[pairing]\nphon = 'x'", "did you mean 'phone'?"),
    written("[polcy]\nx = 1", "did you mean 'policy'?"),
    written("session = 3", "session in x.toml: must be a text"),
    written("profile = 'zeroclav'", "did you mean 'zeroclaw'?"),
    written("profile = []", "profile in x.toml: must be a text"),
    written("bot = 'mybot'", "write it as module:function"),
    written("bot = 3", "bot in x.toml: must be a text"),
    written("data_dir = 3", "data_dir in x.toml: must be a path"),
    written("database = 'mysql://me:hunter2@x/y'", "database in x.toml: "),
    written("allow_unknown_neonize = 'perhaps'", "must be true or false"),
    written("pairing = 3", "pairing in x.toml: is a group of settings"),
    written("[pairing]\nmode = 'cod'", "did you mean 'code'? allowed: 'qr' or 'code'"),
    written("[pairing]\nmode = 'code'", "needs the phone number"),
    written(
        "[notify]\nwebhook = 'hunter2.example/hook'", "webhook in x.toml: must begin with http"
    ),
    written(
        "[notify]\nheartbeat = 'https:///hunter2'", "heartbeat in x.toml: must begin with http"
    ),
    written("[notify]\npage = 'javascript:alert(1)'", "page in x.toml: must begin with http"),
    written("[notify]\nwebhook_secret = 'hunter2!'", "webhook_secret in x.toml: must be base64"),
    written("[pairing]\nphone = '+49 (0)4915112345678'", "leave out the (0)"),
    written("[pairing]\nphone = '0151'", "write the number with its country code"),
    written("[pairing]\nphone = true", "pairing.phone in x.toml: must be a text"),
    written("[pairing]\nqr = ['pgn:x']", "did you mean png?"),
    written("[pairing]\nqr = ['terminal:sixl']", "did you mean sixel?"),
    written("[pairing]\nqr = ['png:a', 'svg:a']", "names one place twice"),
    written("[pairing]\nqr = 3", "pairing.qr in x.toml: must be a list"),
    written("[endpoint]\nproxy = 'ftp://me:hunter2@x:1'", "proxy must be http://host:port"),
    written("[endpoint]\nproxy = 'hunter2'", "proxy must be http://host:port"),
    written("[endpoint]\nca_file = '/etc/hosts'", "ca_file may only be set together with a proxy"),
    written("[endpoint]\nproxy = 'http://127.0.0.1:1'\nca_file = '/no'", "there is no such file"),
    written("[endpoint]\nnoise_root = '00'", "must be the 64 hex digits"),
    written("[endpoint]\nkeepalive = 2", "endpoint.keepalive in x.toml: must be at most 1"),
    written("[snapshots]\nkeep = 0", "snapshots.keep in x.toml: must be at least 1"),
    written("[snapshots]\nkeep = 101", "snapshots.keep in x.toml: must be at most 100"),
    written("[snapshots]\nkeep = 1.5", "must be a whole number"),
    written("[quarantine]\ndays = -1", "quarantine.days in x.toml: must be more than 0"),
    written("[quarantine]\ndays = nan", "must be a finite number"),
    written("[journal]\nkeep_rows = 'all'", "must be a whole number"),
    written("[inbox]\ndurability = 'powr'", "did you mean 'power'?"),
    written("[inbox]\nmax_mib = 0", "must be at least 1"),
    written("[gate]\nallow = ['4915112345678']", "a bare number may be a phone number or a LID"),
    written("[gate]\nallow = 'all'", "gate.allow in x.toml: must be a list"),
    written("[gate]\ndirect = 'opn'", "did you mean 'open'?"),
    written("[stop]\ndrain = 11", "stop.drain in x.toml: must be at most 10"),
    written("[policy]\nstart_timeout = 0.001", "policy.start_timeout in x.toml: must be at least"),
    written("[policy]\nstart_timeout = 0", "policy.start_timeout in x.toml: must be more than 0"),
    written("[policy]\nstart_timeout = 'soon'", "must be a number"),
    written("[policy]\nstart_timeout = inf", "must be a finite number"),
    written("[policy]\nconflict = 'hol'", "did you mean 'hold'?"),
    written("[policy.windows]\ncount = 0", "can never be paired"),
    written("[policy.dials]\ncount = 0", "count must be at least 1"),
    written("[policy.dials]\nwindow = 0", "must be more than 0"),
    written("[policy.backoff]\ncap = 0.5", "policy.backoff.base"),
    written("[policy.backoff]\njitter = 1", "must be less than 1"),
]

OPTIONS = [
    typed("--session", "run", "--sesion", "x"),
    typed("status", "statsu"),
    typed("--session", "run", "--session"),
    typed("unexpected extra argument", "run", "extra"),
    typed("'shrug' is not one of 'wait', 'exit'", "run", "--on-give-up", "shrug"),
    typed("--profile: allowed", "run", "--profile", "x"),
    typed("--phone: write the number", "run", "--phone", "0151"),
    typed("--qr: 'png' takes a path", "run", "--qr", "png"),
    typed("try: `mkdir -p absent`", "run", "--qr", "png:absent/x.png"),
    typed("cannot be written to", "run", "--qr", "png:/proc/x.png"),
    typed("was not written by wa-supervisor", "run", "--qr", "png:photo.png"),
    typed("was not written by wa-supervisor", "run", "--qr", "payload:link"),
    typed("cannot read the settings file absent.toml", "run", "--config", "absent.toml"),
    typed("Is a directory", "run", "--config", "directory"),
    typed("ABSENT, which is not set", "status", "--data-dir", "$ABSENT/x"),
    typed("no home directory", "status", "--data-dir", "~nobody-at-all/x"),
    typed("cannot prepare the files", "run", "--data-dir", "/proc/x", code=Exit.STORE),
    typed("", "run", "--data-dir", "photo.png", code=Exit.STORE),
    typed("must be at least 1", "crashes", "--limit", "0"),
    typed("must be a whole number", "crashes", "--limit", "many"),
    typed("'chek' is not one of", "config", "chek"),
    typed("there is no module 'nobot'", "config", "check", "--bot", "nobot:x"),
    typed("cannot be the name of a module", "init", "--bot", "a-b"),
]

VARIABLES = [
    variable("SESION", "x", "did you mean 'WA_SUPERVISOR_SESSION'?"),
    variable("PAIRING", "{}", "is a group of settings"),
    variable("PAIRING__PHON", "4915112345678", "no setting has this name"),
    variable("PAIRING__PHONE", "0151", "WA_SUPERVISOR_PAIRING__PHONE: write the number"),
    variable("PAIRING__MODE", "code", "WA_SUPERVISOR_PAIRING__MODE: mode 'code' needs"),
    variable("ENDPOINT__PROXY", "http://me:hunter2@x:y", "WA_SUPERVISOR_ENDPOINT__PROXY: proxy"),
    variable("POLICY__BACKOFF__CAP", "soon", "must be a number"),
    variable("STOP__DRAIN", "x", "WA_SUPERVISOR_STOP__DRAIN: must be a number"),
    variable("INBOX__ENABLED", "perhaps", "must be true or false"),
]

TABLE = [*map(named, NAMES), *FILES, *OPTIONS, *VARIABLES]


def _name(bad: Bad) -> str:
    toml = bad.toml.replace("\n", " ") if isinstance(bad.toml, str) else bad.toml
    words = [*bad.typed, *bad.variables, *([str(toml)] if toml else [])]
    return re.sub(r"[^\w.=:/'-]+", " ", " ".join(words)).strip()


def test_the_table_has_no_fewer_cases_than_were_tried() -> None:
    assert len(TABLE) >= 85
    assert len({_name(bad) for bad in TABLE}) == len(TABLE)


@pytest.mark.parametrize("bad", TABLE, ids=_name)
def test_it_is_named_and_nothing_is_started(
    program: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: Bad
) -> None:
    (tmp_path / "photo.png").write_bytes(b"\x89PNG my holidays")
    (tmp_path / "link").symlink_to("photo.png")
    (tmp_path / "directory").mkdir()
    if bad.toml is not None:
        content = bad.toml if isinstance(bad.toml, bytes) else bad.toml.encode()
        (tmp_path / "x.toml").write_bytes(content)
    for name, value in bad.variables.items():
        monkeypatch.setenv(name, value)
    before = sorted(tmp_path.iterdir())
    answer = program(*bad.typed)
    assert answer.code == bad.code, answer.err
    assert bad.said in " ".join(answer.err.split())
    assert not THEIRS.search(answer.said)
    for secret in SECRETS:
        assert secret not in answer.said
    assert answer.out == ""
    assert 0 < len(answer.err.strip().splitlines()) <= 5
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "photo.png").read_bytes() == b"\x89PNG my holidays"
