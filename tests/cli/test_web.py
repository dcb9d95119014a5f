"""`run --web`: where the page is, and what is said of what cannot be."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

import wa_supervisor.cli.run
from wa_supervisor import Outcome, Reason, State
from wa_supervisor.cli.web import address_of
from wa_supervisor.errors import ConfigError

if TYPE_CHECKING:
    from cli.calling import Cli
    from wa_supervisor.web.address import Address


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Address | None]:
    """Collects where the page would be; nothing is started."""
    seen: list[Address | None] = []

    def pretend(_: object, options: Any, *__: object) -> Outcome:
        seen.append(options.web)
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


def test_without_its_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "wa_supervisor.web.app", raising=False)
    monkeypatch.delattr("wa_supervisor.web.app", raising=False)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    with pytest.raises(ConfigError, match="needs fastapi") as raised:
        address_of("", None)
    assert "wa-supervisor[web]" in str(raised.value.hint)
