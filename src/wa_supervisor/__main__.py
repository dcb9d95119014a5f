"""`python -m wa_supervisor` is `wa-supervisor`."""

from __future__ import annotations

from .cli import main

main()
