"""What proves wa-supervisor: faults, incidents, benchmarks, a walk of every state. Not shipped."""
