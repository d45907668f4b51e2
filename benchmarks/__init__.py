"""How long people wait, measured: `python -m benchmarks`."""
