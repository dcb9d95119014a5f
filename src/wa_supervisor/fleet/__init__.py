"""Sessions over many workers, on machines that can fail: exactly one has each session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import exports

if TYPE_CHECKING:
    from .worker import Worker

__all__ = ["Worker"]

# It needs the extra `fleet`.
__getattr__ = exports(__name__, {"Worker": "worker"})
