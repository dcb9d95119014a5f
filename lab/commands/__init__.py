"""What `python -m lab` offers."""
