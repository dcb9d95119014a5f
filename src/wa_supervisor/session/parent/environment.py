"""The environment with which processes are executed, and which part of it binds them.

Go reads its environment once, as it was at exec (runtime/runtime1.go); so do the dynamic loader,
the allocator and Python's start. What they read cannot be changed after a fork, and processes that
need it otherwise need a fork server of their own. All else is handed over with each session.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from ..shared.inheritance import is_own
from .begun_server import GO

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..shared.endpoint import Endpoint

_PREFIXES: Final = ("GO", "LC_", "LD_", "MALLOC_", "PG", "PYTHON", "SSL_")
_NAMES: Final = frozenset(
    # golang.org/x/net/http/httpproxy, either spelling; net/conf.go; time/zoneinfo_unix.go; lib/pq.
    {"HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "LOCALDOMAIN", "RES_OPTIONS", "TZ"}
    | {"HOME", "LANG"}
)


def for_exec(endpoint: Endpoint) -> dict[str, str]:
    """Return the environment of a process whose sessions are to dial this endpoint.

    Its proxy is not in it: neonize is told of that, and nobody else has to know the password.
    """
    variables = GO | {name: value for name, value in os.environ.items() if not is_own(name)}
    if endpoint.ca_file is not None:
        variables["SSL_CERT_FILE"] = str(endpoint.ca_file.absolute())
    return variables


def binding(environment: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    """Return the variables of an environment which are read at exec and hold for good."""
    return frozenset(
        (name, value)
        for name, value in environment.items()
        if name.upper() in _NAMES or name.upper().startswith(_PREFIXES)
    )
