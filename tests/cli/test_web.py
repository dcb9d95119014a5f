"""`run --web`: where the page is, and what is said of what cannot be."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

import wa_supervisor.cli.run
from wa_supervisor import Loaded, Outcome, Reason, Settings, State, WebSettings
from wa_supervisor.cli.supervise_many import check_apart
from wa_supervisor.cli.web import address_of
from wa_supervisor.errors import ConfigError
from wa_supervisor.setting_sources import Sources

if TYPE_CHECKING:
    from pathlib import Path

    from cli.calling import Cli
    from wa_supervisor.page_address import Address


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Address | None]:
    """Collects where the page would be; nothing is started."""
    seen: list[Address | None] = []

    def pretend(loaded: Loaded, options: Any, *_: object) -> Outcome:
        seen.append(address_of(loaded.settings.web, wanted=options.web))
        return Outcome(State.STOPPED, Reason.STOPPED)

    monkeypatch.setattr(wa_supervisor.cli.run, "supervise", pretend)
    return seen


@pytest.mark.parametrize(
    ("arguments", "url"),
    [
        ((), None),
        (("--web",), "http://127.0.0.1:8765"),
        (("--web", "--json"), "http://127.0.0.1:8765"),
        (("--web", ":9000", "--json"), "http://127.0.0.1:9000"),
        (("--web=9000",), "http://127.0.0.1:9000"),
        (("--web", "--web-origin", "https://bot.example.org"), "https://bot.example.org"),
    ],
)
def test_the_page_is_off_unless_it_is_asked_for_and_its_address_may_be_left_out(
    program: Cli, served: list[Address | None], arguments: tuple[str, ...], url: str | None
) -> None:
    assert program("run", *arguments).code == 0
    (address,) = served
    assert (address and address.url) == url


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--web", "nowhere at all"), "is no HOST:PORT"),
        (("--web-origin", "https://x.example"), "the page, which is off"),
        (("--web", "--web-origin", "x.example"), "is no origin"),
    ],
)
def test_what_cannot_be_is_said_and_starts_nothing(
    program: Cli, served: list[Address | None], arguments: tuple[str, ...], said: str
) -> None:
    ended = program("run", *arguments)
    assert ended.code == 2
    assert said in ended.err
    assert served == []


@pytest.mark.parametrize(
    ("arguments", "url"),
    [
        ((), "http://127.0.0.1:9100"),
        (("--web",), "http://127.0.0.1:9100"),
        (("--web", ":9200"), "http://127.0.0.1:9200"),
        (("--web-origin", "https://bot.example.org"), "https://bot.example.org"),
    ],
)
def test_a_page_in_the_settings_needs_no_option_and_an_option_wins(
    program: Cli,
    served: list[Address | None],
    tmp_path: Path,
    arguments: tuple[str, ...],
    url: str,
) -> None:
    config = tmp_path / "page.toml"
    config.write_text('[web]\nlisten = ":9100"\n')
    assert program("run", "--config", str(config), *arguments).code == 0
    (address,) = served
    assert address is not None
    assert address.url == url
    assert program("config", "check", "--config", str(config)).code == 0
    shown = program("config", "show", "--config", str(config)).out
    assert 'web.listen = ":9100"' in shown


def test_a_wrong_page_is_refused_where_it_is_written(program: Cli, tmp_path: Path) -> None:
    config = tmp_path / "page.toml"
    config.write_text('[web]\nlisten = "nowhere at all"\norigin = "bot.example.org"\n')
    ended = program("config", "check", "--config", str(config))
    assert ended.code == 2
    assert "web.listen in page.toml: 'nowhere at all' is no HOST:PORT" in ended.err
    assert "web.origin in page.toml: 'bot.example.org' is no origin" in ended.err


def test_several_sessions_have_one_page() -> None:
    sources = Sources(None, {}, {}, {}, {})
    here, there = (
        Loaded(Settings(session=name, web={"listen": f":{port}"}), sources, ())
        for name, port in (("a", 9100), ("b", 9200))
    )
    check_apart([here])
    with pytest.raises(ConfigError, match="one page for all"):
        check_apart([here, there])


@pytest.mark.parametrize(
    ("settings", "link"),
    [
        ({}, None),
        ({"web": {"listen": ":9000"}}, None),
        ({"web": {"listen": "0.0.0.0"}}, None),
        ({"web": {"listen": "10.0.0.5"}}, "http://10.0.0.5:8765/s/shop"),
        ({"web": {"origin": "https://bot.example.org"}}, "https://bot.example.org/s/shop"),
        (
            {"web": {"listen": "10.0.0.5"}, "notify": {"page": "https://ops.example.org"}},
            "https://ops.example.org",
        ),
    ],
)
def test_a_notice_links_to_the_page_where_others_can_ask_it(
    settings: dict[str, Any], link: str | None
) -> None:
    assert Settings(session="shop", **settings).page == link


def test_without_its_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "wa_supervisor.web.app", raising=False)
    monkeypatch.delattr("wa_supervisor.web.app", raising=False)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    with pytest.raises(ConfigError, match="needs fastapi") as raised:
        address_of(WebSettings(), wanted=True)
    assert "wa-supervisor[web]" in str(raised.value.hint)
