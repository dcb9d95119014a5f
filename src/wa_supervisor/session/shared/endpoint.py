"""Where a session process dials: straight out, through a proxy, or a test server on loopback."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

_SCHEMES: Final = frozenset({"http", "https", "socks5"})

_TEST_ONLY: Final = ("ca_file", "noise_root", "keepalive")


def _key(text: str) -> str:
    if re.fullmatch("[0-9a-fA-F]{64}", text) is None:
        raise ValueError("must be the 64 hex digits of a key")
    return text


class Endpoint(BaseModel):
    """How the client reaches WhatsApp.

    All but `proxy` exist for a test server. They are refused unless `proxy` is on this machine, so
    that a session with real keys cannot be led to trust somebody else.
    """

    # A URL may hold a password: no error may quote its input.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    proxy: SecretStr | None = None
    """An http, https or socks5 URL, which may hold credentials; None: the way that the environment
    names, or straight out."""
    ca_file: Path | None = None
    """The PEM file to trust instead of the system's authorities."""
    noise_root: Annotated[str, AfterValidator(_key)] | None = None
    """The 64 hex digits of the key that signs the server's certificates."""
    keepalive: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] | None = None
    """The factor applied to whatsmeow's keepalive timers."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        loopback = False
        if self.proxy is not None:
            loopback = _is_loopback(_proxy_host(self.proxy.get_secret_value()))
        given = [name for name in _TEST_ONLY if getattr(self, name) is not None]
        if given and not loopback:
            raise ValueError(
                f"{', '.join(given)} may only be set together with a proxy on a loopback address "
                "(for example proxy = 'http://127.0.0.1:8443'): they replace what the client trusts"
            )
        return self


def _proxy_host(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("proxy is not a URL; write it as http://host:port") from None
    if parts.scheme not in _SCHEMES or not host or port == 0:
        raise ValueError("proxy must be http://host:port, https://host:port or socks5://host:port")
    return host


def _is_loopback(host: str) -> bool:
    """Tell whether the host is this machine; a name that must be resolved first never is."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
