"""`wa-supervisor demo`: its story, its screen, and the chart it lights."""
