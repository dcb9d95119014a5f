"""The address of a Postgres database, checked before anything else reads it.

What Go cannot parse it repeats in its error, password and all (net/url, Error). So it gets nothing
which it could not parse.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from pydantic import SecretStr

SCHEMES = frozenset({"postgres", "postgresql"})

_PLAIN = re.compile(r"[!-~]+", re.ASCII)  # printable, without the space
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NEVER = re.compile(r'[\\"<>^`{}|\[\]]')
"""What has to be escaped in a URL. Addresses of IPv6 are the exception, see `check_url`."""
_IPV6 = re.compile(r"\[[0-9A-Fa-f:.]+\](?=[:/?]|$)")


def check_url(value: SecretStr) -> SecretStr:
    """Give the URL back if both ends can read it. Raises ValueError, which quotes nothing of it."""
    url = value.get_secret_value()
    if url.partition("://")[0] not in SCHEMES or "://" not in url:
        raise ValueError("write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE")
    if _PLAIN.fullmatch(url) is None:
        raise ValueError("it has a space or a character that must be written as %XX")
    if _BROKEN_ESCAPE.search(url):
        raise ValueError("it has a '%' that starts no %XX; write a '%' itself as %25")
    if "#" in url or _NEVER.search(_IPV6.sub("", url, count=1)):
        raise ValueError("it has a character that must be written as %XX, such as %23 for '#'")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("its host or port cannot be understood") from None
    if parts.netloc.count("@") > 1:
        raise ValueError("its user or password has an '@' that must be written as %40")
    if port == 0:
        raise ValueError("its port must not be 0")
    return value
