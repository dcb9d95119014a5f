"""The chart as a Promela model."""
