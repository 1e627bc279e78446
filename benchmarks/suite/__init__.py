"""What `python -m benchmarks` is made of: processes, turns, tables."""
