"""Hypothesis profiles: `dev`, `ci` where CI is set, and HYPOTHESIS_PROFILE=soak for a night."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "dev", max_examples=60, stateful_step_count=40, deadline=None, report_multiple_bugs=False
)
settings.register_profile(
    "ci",
    max_examples=300,
    stateful_step_count=60,
    deadline=None,
    derandomize=True,
    print_blob=True,
    database=None,
)
settings.register_profile(
    "soak",
    max_examples=10_000,
    stateful_step_count=100,  # 10^6 facts
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))
