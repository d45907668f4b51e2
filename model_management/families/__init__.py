"""One folder per model family; `known.py` lists them."""
