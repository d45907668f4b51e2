"""How often Python looks for garbage that counts itself: seldom enough that large graphs do not feel it."""

from __future__ import annotations

import gc

#: Objects made before the youngest are looked through, and how many such looks make one at the older ones. Python's own
#: 700 has a graph of 10,000 nodes looked through hundreds of times, each time all of what was made so far.
THRESHOLDS = (100_000, 20, 20)


def collect_seldom() -> None:
    """Set a worker's process up, once its rooms are built: what is there now stays, so it is not looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


def collect_after_failure() -> None:
    """An error holds the frames it went through, with the tensors in them, in circles that only a look finds."""
    gc.collect()
