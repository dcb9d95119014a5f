"""Whether WhatsApp's host can be reached. Only if it is asked for: nothing here dials by itself."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from ...hints import Hint
from ...session.parent.network_probe import HOST, PORT, reachable
from .finding import Finding, Verdict

if TYPE_CHECKING:
    from ...session.shared.endpoint import Endpoint

_PROXIES: Final = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


def proxy(endpoint: Endpoint) -> Iterator[Finding]:
    """Say which way the client would go; nothing is opened."""
    if endpoint.proxy is not None:
        where = _place(endpoint.proxy.get_secret_value())
        yield Finding("proxy", Verdict.OK, f"{where}, by the settings")
    elif found := next((name for name in _PROXIES if os.environ.get(name)), None):
        said = (
            f"{found} is set here, so the client takes it; a service has an environment of its own"
        )
        fix = Hint(note="write it into the settings (`endpoint.proxy`) to be sure")
        yield Finding("proxy", Verdict.NOTE, said, fix)
    else:
        yield Finding("proxy", Verdict.OK, "none")


def names(endpoint: Endpoint) -> Iterator[Finding]:
    """Have the host's name resolved: the proxy's, if there is one, which then resolves the rest."""
    host = HOST
    if endpoint.proxy is not None:
        host = urlsplit(endpoint.proxy.get_secret_value()).hostname or HOST
    try:
        found = socket.getaddrinfo(host, PORT, type=socket.SOCK_STREAM)
    except OSError as error:
        said = f"{host} has no address here: {error.strerror}"
        fix = Hint(note="check /etc/resolv.conf, or the proxy's name")
        yield Finding("dns", Verdict.BAD, said, fix)
        return
    yield Finding("dns", Verdict.OK, f"{host} has {len({each[4][0] for each in found})} addresses")


def host(endpoint: Endpoint) -> Iterator[Finding]:
    """Open TCP and TLS to WhatsApp's host, the way the client goes; no login, no account."""
    if asyncio.run(reachable(endpoint)):
        yield Finding("network", Verdict.OK, f"{HOST}:{PORT} answers with a trusted certificate")
    else:
        said = f"{HOST}:{PORT} cannot be reached, or its certificate is not trusted"
        fix = Hint(note="check the network, the firewall, the proxy and the clock")
        yield Finding("network", Verdict.BAD, said, fix)


def _place(url: str) -> str:
    """Name a proxy without the password that its URL may hold."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port or ''}".rstrip(":")
