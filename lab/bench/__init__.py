"""Figures: `uv run python -m lab.bench [--runs N] [NAME ...]`, a line for each."""
