"""The built-in nodes, one folder per menu. `catalogue.py` gathers them."""
