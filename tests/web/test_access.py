"""Who is let in: tokens, links, cookies, names, origins."""

from __future__ import annotations

import stat
import time
from typing import TYPE_CHECKING

import pytest

from wa_supervisor.errors import ConfigError, UnsafePermissions
from wa_supervisor.page_address import Address
from wa_supervisor.web.access import LINK_LIFETIME, Access, Scope, Tokens
from web.conftest import HERE, PAYLOAD

if TYPE_CHECKING:
    from pathlib import Path

    from web.conftest import Site

API = "/api/v1/sessions/shop"
READS = (API, f"{API}/history", "/api/v1/sessions", "/metrics")
CODES = (f"{API}/qr", f"{API}/qr.txt", f"{API}/qr.png", f"{API}/qr.svg")
ORDERS = (f"{API}/resume", f"{API}/restart", f"{API}/stop")


def test_each_token_has_a_private_file_of_its_own_and_stays(tmp_path: Path) -> None:
    tokens = Tokens.read(tmp_path / "web")
    assert Tokens.read(tmp_path / "web") == tokens
    assert len(set(tokens.by_scope.values())) == len(Scope)
    assert not any(token in repr(tokens) for token in tokens.by_scope.values())
    files = sorted((tmp_path / "web").iterdir())
    assert [each.name for each in files] == [
        "messages.token",
        "operate.token",
        "qr.token",
        "view.token",
    ]
    assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}
    assert stat.S_IMODE((tmp_path / "web").stat().st_mode) == 0o700


def test_a_token_that_others_can_read_or_guess_is_refused(tmp_path: Path) -> None:
    Tokens.read(tmp_path / "web")
    path = tmp_path / "web" / "view.token"
    path.chmod(0o644)
    with pytest.raises(UnsafePermissions, match=r"others can read view\.token"):
        Tokens.read(tmp_path / "web")
    path.chmod(0o600)
    path.write_text("1234\n")
    with pytest.raises(UnsafePermissions, match="too short"):
        Tokens.read(tmp_path / "web")


def test_a_link_opens_once_and_in_time(tmp_path: Path) -> None:
    access = Access(Tokens.read(tmp_path))
    code = access.make_link(Scope.OPERATE, now=0.0)
    assert access.open_link(code, now=1.0) is not None
    assert access.open_link(code, now=1.0) is None
    late = access.make_link(Scope.OPERATE, now=0.0)
    assert access.open_link(late, now=LINK_LIFETIME) is None


def test_what_the_owner_of_the_phone_is_given_ends_with_the_link(tmp_path: Path) -> None:
    access = Access(Tokens.read(tmp_path))
    opened = access.open_link(access.make_link(Scope.QR, now=0.0, session="shop"), now=400.0)
    assert opened is not None
    cookie, seconds = opened
    assert seconds == LINK_LIFETIME - 400
    grant = access.of_cookie(cookie, now=LINK_LIFETIME - 1)
    assert grant is not None
    assert grant.allows(Scope.QR, "shop")
    assert not grant.allows(Scope.QR, "club")
    assert not grant.allows(Scope.VIEW, "shop")
    assert access.of_cookie(cookie, now=LINK_LIFETIME) is None


def test_links_and_cookies_are_bounded(tmp_path: Path) -> None:
    access = Access(Tokens.read(tmp_path))
    codes = [access.make_link(Scope.VIEW, now=0.0) for _ in range(100)]
    assert access.open_link(codes[0], now=0.0) is None
    assert access.open_link(codes[-1], now=0.0) is not None


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("127.0.0.1:8765", "http://127.0.0.1:8765"),
        (":9000", "http://127.0.0.1:9000"),
        ("9000", "http://127.0.0.1:9000"),
        ("localhost", "http://localhost:8765"),
        ("[::1]:80", "http://[::1]"),
    ],
)
def test_an_address_may_be_short(text: str, url: str) -> None:
    assert Address.parse(text).url == url


@pytest.mark.parametrize("text", ["host:port", "1.2.3.4:99999", "http://x:1", "a b", "x:-1"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="HOST:PORT"):
        Address.parse(text)


def test_an_origin_is_no_page() -> None:
    assert Address.parse(":1", "https://bot.example.org/").is_secure
    with pytest.raises(ConfigError, match="no origin"):
        Address.parse(":1", "bot.example.org")


@pytest.mark.parametrize("path", [*READS, *CODES])
async def test_nobody_is_told_anything_without_a_token(site: Site, path: str) -> None:
    await site.offer()
    answer = await site.browser().get(path)
    assert answer.status_code == 401
    assert "CANARY" not in answer.text
    wrong = await site.browser(authorization="Bearer wrong").get(path)
    assert wrong.status_code == 401


async def test_each_scope_allows_its_own_and_no_more(site: Site) -> None:
    await site.offer()
    for scope, allowed in (
        (Scope.VIEW, READS),
        (Scope.QR, CODES),
        (Scope.OPERATE, (*READS, *CODES)),
    ):
        program = site.program(scope)
        for path in (*READS, *CODES):
            answer = await program.get(path)
            assert answer.status_code == (200 if path in allowed else 403), (scope, path)
    for path in ORDERS:
        for scope in (Scope.VIEW, Scope.QR):
            assert (await site.program(scope).post(path)).status_code == 403


async def test_a_link_is_not_used_up_by_a_look_at_it(site: Site) -> None:
    code = site.access.make_link(Scope.OPERATE, now=time.monotonic())
    browser = site.browser()
    for _ in range(3):  # a messenger's preview
        assert (await browser.get(f"/login?code={code}")).status_code == 200
    answer = await browser.post("/login", data={"code": code})
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert (await browser.get("/")).status_code == 200
    again = await site.browser().post("/login", data={"code": code})
    assert again.status_code == 401
    assert "was used" in again.text


async def test_a_browser_logs_in_with_a_token_and_out_again(site: Site) -> None:
    browser = site.browser()
    assert (await browser.get("/")).status_code == 401
    refused = await browser.post("/login", data={"token": "guess"})
    assert refused.status_code == 401
    await browser.post("/login", data={"token": site.access.tokens.by_scope[Scope.VIEW]})
    assert (await browser.get("/")).status_code == 200
    await browser.post("/logout")
    assert (await browser.get("/")).status_code == 401


async def test_a_foreign_name_or_page_is_refused_and_probes_are_not(site: Site) -> None:
    token = site.access.tokens.by_scope[Scope.OPERATE]
    browser = site.browser(host="evil.example:8765", authorization=f"Bearer {token}")
    assert (await browser.get(API)).status_code == 421
    assert (await browser.get("/livez")).status_code == 200
    logged_in = site.browser()
    await logged_in.post("/login", data={"token": token})
    for origin in ("https://evil.example", "null", "http://127.0.0.1:9"):
        answer = await logged_in.post(f"{API}/resume", headers={"origin": origin})
        assert answer.status_code == 403, origin
    del logged_in.headers["origin"]  # no browser leaves it out
    assert (await logged_in.post(f"{API}/resume")).status_code == 403
    assert (await site.program(Scope.OPERATE).post(f"{API}/resume")).status_code == 202


@pytest.mark.parametrize("path", ["/", "/login", "/livez", API, "/static/page.js", "/nowhere"])
async def test_every_answer_is_hardened(site: Site, path: str) -> None:
    headers = (await site.browser().get(path)).headers
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


async def test_a_body_that_is_too_large_is_refused(site: Site) -> None:
    answer = await site.browser().post("/login", content=b"token=" + b"x" * (600 << 10))
    assert answer.status_code == 413


async def test_the_owner_of_the_phone_sees_the_code_and_nothing_else(site: Site) -> None:
    await site.offer()
    operator = site.program(Scope.OPERATE)
    made = (await operator.post(f"{API}/links", json={"kind": "qr"})).json()
    assert made["url"].startswith(f"{HERE}/login?code=")
    owner = site.browser()
    await owner.post("/login", data={"code": made["url"].partition("code=")[2]})
    page = (await owner.get("/")).text
    assert "Link your phone" in page
    assert "What happened" not in page
    assert (await owner.get(f"{API}/qr.txt")).text == PAYLOAD
    for path in READS:
        assert (await owner.get(path)).status_code == 403
