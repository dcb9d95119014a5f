"""Have the real client make its tables, or bring them up to date, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Final

from ..errors import StoreError, Unreachable

if TYPE_CHECKING:
    from pydantic import SecretStr

SECONDS: Final = 15.0
"""At most; 0.3 s on a server, of which Go needs 0.02."""

_PROGRAM: Final = "wa_supervisor.session.child.make_tables"


def make_tables(url: SecretStr) -> None:
    """Make them in the schema of a session's URL.

    Raises Unreachable if it is not done within 15 s, StoreError if it fails.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", _PROGRAM],
            input=url.get_secret_value().encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # Go quotes the URL in some of its errors
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unreachable(
            f"the client did not make its tables in the session's schema within {SECONDS:g} s"
        ) from None
    except OSError as error:
        raise StoreError(f"the client cannot be started to make its tables: {error}") from error
    if done.returncode != 0:
        raise StoreError(
            "the client could not make its tables in the session's schema: see the log of Postgres"
        )
