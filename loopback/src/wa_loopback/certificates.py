"""TLS contexts of servers that claim to be WhatsApp's, honest and dishonest ones.

Go trusts an authority when the client's process is started with `SSL_CERT_FILE` pointing at it.
"""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta

import trustme

_DAY = timedelta(days=1)


def tls_context(authority: trustme.CA, *hosts: str, expired: bool = False) -> ssl.SSLContext:
    """Return the TLS context of a server for these hosts, whose certificate `authority` signed."""
    now = datetime.now(UTC)
    leaf = authority.issue_cert(
        *hosts, not_before=now - 2 * _DAY, not_after=now - _DAY if expired else now + _DAY
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    return context
