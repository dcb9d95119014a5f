"""What proves wa-supervisor: faults, incidents, benchmarks, model checks. Not shipped."""
