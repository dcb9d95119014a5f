"""Figures: `uv run python -m bench [--runs N] [NAME ...]`, a line for each."""
