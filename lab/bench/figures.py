"""How a figure is stated: a median, its spread, and what it is compared with."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def line(name: str, unit: str, **samples: Sequence[float]) -> str:
    """One line: the median (least to most) of each series, and how many samples it has."""
    parts = [
        f"{label} {statistics.median(values):.3g} {unit} "
        f"({min(values):.3g}-{max(values):.3g}, n={len(values)})"
        for label, values in samples.items()
    ]
    return f"{name}: {'; '.join(parts)}"


def percentile(values: Sequence[float], hundredths: int) -> float:
    """The value that so many hundredths of them do not exceed."""
    return sorted(values)[(len(values) - 1) * hundredths // 100]
