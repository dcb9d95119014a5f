from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from wa_supervisor.session.parent.environment import binding, for_exec
from wa_supervisor.session.shared.endpoint import Endpoint
from wa_supervisor.session.shared.inheritance import Inheritance
from wa_supervisor.session.shared.secret import ON_THE_WIRE

PROXY = "http://me:hunter2@127.0.0.1:1"


def test_no_proxy_of_ours_and_no_setting_of_ours_is_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WA_SUPERVISOR_PAIRING__PHONE", "15550001111")
    monkeypatch.setenv("wa_supervisor_database", "postgres://me:hunter2@h/d")
    monkeypatch.setenv("TOKEN_OF_THE_BOT", "kept")
    executed = for_exec(Endpoint(proxy=SecretStr(PROXY)))
    handed_over = Inheritance.of_this_program().environment
    for environment in (executed, {n: v.get_secret_value() for n, v in handed_over.items()}):
        assert not {name for name in environment if name.upper().startswith("WA_SUPERVISOR_")}
        assert "hunter2" not in str(environment)
        assert environment["TOKEN_OF_THE_BOT"] == "kept"


def test_the_users_own_proxy_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://corporate:1")
    assert for_exec(Endpoint())["HTTPS_PROXY"] == "http://corporate:1"


def test_the_authority_is_named_by_its_full_path() -> None:
    endpoint = Endpoint(proxy=SecretStr(PROXY), ca_file=Path("ca.pem"))
    assert for_exec(endpoint)["SSL_CERT_FILE"] == str(Path.cwd() / "ca.pem")
    handed_over = Inheritance.of_this_program().environment
    assert "ca.pem" not in str({n: v.get_secret_value() for n, v in handed_over.items()})


@pytest.mark.parametrize(
    "name", ["SSL_CERT_FILE", "https_proxy", "GODEBUG", "PGPASSFILE", "PYTHONPATH", "LD_PRELOAD"]
)
def test_what_is_read_at_exec_needs_another_process(name: str) -> None:
    assert binding({name: "1"}) != binding({name: "2"})


@pytest.mark.parametrize("name", ["PYTEST_CURRENT_TEST", "TOKEN_OF_THE_BOT", "PATH", "PWD"])
def test_what_is_read_later_does_not(name: str) -> None:
    assert binding({name: "1"}) == binding({name: "2"})


def test_a_process_takes_over_what_the_program_has(tmp_path: Path) -> None:
    inheritance = Inheritance(
        environment={"NAME": SecretStr("w\xc3\xb6rt"), "PATH": SecretStr("/bin")},
        directory=str(tmp_path),
        import_path=["", "/one", "/two", "/one"],
    )
    script = """
import os, sys
from wa_supervisor.session.shared.inheritance import Inheritance
own = sys.path[:]
Inheritance.model_validate_json(sys.stdin.read()).adopt()
assert dict(os.environ) == {"NAME": "wört", "PATH": "/bin"}, os.environ
assert os.getcwd() == sys.argv[1]
assert sys.path[:3] == [sys.argv[1], "/one", "/two"], sys.path
assert set(own) <= set(sys.path)
"""
    subprocess.run(
        [sys.executable, "-I", "-c", script, str(tmp_path)],
        env={"OTHER": "gone", "PATH": os.environ["PATH"]},
        input=inheritance.model_dump_json(context=ON_THE_WIRE),
        encoding="utf-8",
        timeout=60,
        check=True,
    )


def test_a_directory_that_is_gone_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert Inheritance.of_this_program().directory is None


@pytest.mark.parametrize(("name", "ours"), [("GOGC", "50"), ("GOMAXPROCS", "1")])
def test_go_takes_little_unless_the_user_says_otherwise(
    name: str, ours: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(name, raising=False)
    assert for_exec(Endpoint())[name] == ours
    assert name not in Inheritance.of_this_program().environment
    monkeypatch.setenv(name, "200")
    assert for_exec(Endpoint())[name] == "200"
