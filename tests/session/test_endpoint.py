from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from wa_supervisor.session.shared.endpoint import Endpoint

ROOT = "ab" * 32


@pytest.mark.parametrize(
    "proxy",
    ["http://127.0.0.1:8080", "https://user:word@proxy.example:3128", "socks5://[::1]:1080"],
)
def test_a_proxy_url_is_taken_as_it_is(proxy: str) -> None:
    taken = Endpoint(proxy=SecretStr(proxy)).proxy
    assert taken is not None
    assert taken.get_secret_value() == proxy


@pytest.mark.parametrize(
    "proxy", ["", "127.0.0.1:8080", "ftp://127.0.0.1", "http://", "http://h:port", "http://[::1"]
)
def test_what_is_no_proxy_url_is_refused_without_quoting_it(proxy: str) -> None:
    with pytest.raises(ValidationError, match="proxy") as caught:
        Endpoint(proxy=SecretStr(proxy))
    assert not proxy.strip("htp:/") or proxy not in str(caught.value)


def test_a_password_in_a_refused_proxy_stays_out_of_the_error() -> None:
    with pytest.raises(ValidationError) as caught:
        Endpoint.model_validate({"proxy": "gopher://me:hunter2@127.0.0.1:1"})
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(Endpoint(proxy=SecretStr("http://me:hunter2@127.0.0.1:1")))


@pytest.mark.parametrize(
    "given", [{"ca_file": Path("ca.pem")}, {"noise_root": ROOT}, {"keepalive": 0.5}]
)
@pytest.mark.parametrize(
    "proxy",
    [None, "http://proxy.example:8080", "http://127.0.0.1@proxy.example:1", "http://10.0.0.1:1"],
)
def test_what_replaces_trust_needs_a_proxy_on_loopback(
    given: dict[str, Any], proxy: str | None
) -> None:
    with pytest.raises(ValidationError, match=f"{next(iter(given))}.*loopback"):
        Endpoint.model_validate({"proxy": proxy, **given})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "[::1]", "localhost"])
def test_a_test_server_on_loopback_may_be_trusted(host: str) -> None:
    Endpoint(proxy=SecretStr(f"http://{host}:1"), ca_file=Path("ca.pem"), noise_root=ROOT)


@pytest.mark.parametrize(
    "wrong", [{"noise_root": "ab"}, {"noise_root": "x" * 64}, {"keepalive": 0}, {"keepalive": 2}]
)
def test_a_malformed_test_setting_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Endpoint.model_validate({"proxy": "http://127.0.0.1:1", **wrong})
