"""Have the client make its tables, or bring them up to date: `python -m …`, the URL on stdin.

It opens the database as every start of a session process does, but never dials.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Make them, and end at once: Go's threads are not waited for."""
    url = sys.stdin.read()
    code = 1
    try:
        from neonize.client import ClientFactory  # noqa: PLC0415 - if that fails, it is in the code

        ClientFactory.get_all_devices_from_db(url)  # not parsed if Go sends an error instead
        code = 0
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
