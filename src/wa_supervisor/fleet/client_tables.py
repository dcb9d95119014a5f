"""Have the real client make its tables, or bring them up to date: `python -m …`, the URL on stdin.

It opens the database as every start of a session process does, but never dials.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from ..errors import StoreError, Unreachable

if TYPE_CHECKING:
    from pydantic import SecretStr

SECONDS: Final = 15.0
"""At most; 0.3 s on a server, of which Go needs 0.02."""


def make_tables(url: SecretStr) -> None:
    """Make them in the schema of a session's URL.

    Raises Unreachable if it is not done within 15 s, StoreError if it fails.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", __name__],
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


def main() -> None:
    """Make them, and end at once: Go's threads are not waited for."""
    url = sys.stdin.read()
    code = 1
    try:
        from neonize.client import ClientFactory  # noqa: PLC0415 - not in the worker

        ClientFactory.get_all_devices_from_db(url)  # not parsed if Go sends an error instead
        code = 0
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
