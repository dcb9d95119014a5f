from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from wa_supervisor.errors import ConfigError
from wa_supervisor.redaction import url_secrets
from wa_supervisor.settings import Settings, load_settings
from wa_supervisor.store.postgres.url import check_url

PASSWORD = "canary-password"


@pytest.mark.parametrize(
    "url",
    [
        f"postgres://bot:{PASSWORD}@db.example:5432/bot?sslmode=require",
        f"postgresql://bot:{PASSWORD}%40%25@db/bot",
        f"postgres://bot:{PASSWORD}@[::1]:5432/bot",
        "postgres:///bot?host=/run/postgresql",
    ],
)
def test_a_url_of_postgres_is_given_back(url: str) -> None:
    assert check_url(SecretStr(url)).get_secret_value() == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "session.db",
        f"mysql://bot:{PASSWORD}@db/bot",
        f"postgres:bot:{PASSWORD}",
        f"host=db password={PASSWORD}",
        f"POSTGRES://bot:{PASSWORD}@db/bot",
        f"postgres://bot:{PASSWORD} x@db/bot",
        f"postgres://bot:{PASSWORD}%zz@db/bot",
        f"postgres://bot:{PASSWORD}%4@db/bot",
        f"postgres://bot:{PASSWORD}#@db/bot",
        f"postgres://bot:{PASSWORD}@x@db/bot",
        f"postgres://bot:{PASSWORD}@db:port/bot",
        f"postgres://bot:{PASSWORD}@db:99999/bot",
        f"postgres://bot:{PASSWORD}@db:0/bot",
        f"postgres://bot:{PASSWORD}@one:5432,two:5432/bot",
        f"postgres://bot:{PASSWORD}[x]@db/bot",
        f"postgres://bot:{PASSWORD}@[::1/bot",
        f"postgres://bot:{PASSWORD}\n@db/bot",
    ],
)
def test_anything_else_is_refused_by_the_name_of_the_key_alone(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(_file(tmp_path, url))
    assert str(caught.value).startswith("database in c.toml: ")
    assert PASSWORD not in str(caught.value)
    with pytest.raises(ConfigError, match="database") as again:
        Settings(database=SecretStr(url))
    assert PASSWORD not in str(again.value)


def test_the_url_is_read_from_the_environment_and_in_no_repr(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = f"postgres://bot:{PASSWORD}@db/bot"
    monkeypatch.setenv("WA_SUPERVISOR_DATABASE", url)
    settings = load_settings().settings
    assert settings.database is not None
    assert settings.database.get_secret_value() == url
    assert PASSWORD not in repr(settings) + str(settings) + settings.model_dump_json()


def test_the_secrets_of_a_url_are_its_password_as_written_and_as_meant() -> None:
    url = "postgres://bot:p%40ss%2Fword@db/bot?sslpassword=other&x=1"
    assert url_secrets(url) == (url, "p%40ss%2Fword", "p@ss/word", "other")


def _file(directory: Path, url: str) -> Path:
    path = directory / "c.toml"
    path.write_text("database = " + '"' + url.replace("\n", "\\n") + '"\n')
    return path
