"""`wa-supervisor fleet`: what an operator of many workers types."""
