"""Pictures, tables and a model to check, all drawn from the chart itself."""

from __future__ import annotations

from .formats import Format, View, render
from .tables import reactions

__all__ = ["Format", "View", "reactions", "render"]
