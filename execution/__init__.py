"""A graph in, events out: convert, check, plan, cache, run, cancel; the worker."""
