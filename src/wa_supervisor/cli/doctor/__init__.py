"""`wa-supervisor doctor`: what it looks at, one module for each thing that may be wrong."""
