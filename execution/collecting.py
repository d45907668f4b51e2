"""When Python looks for garbage that counts itself: seldom by the number of objects, and after work that took long.

Its own way, to look whenever 700 objects were made, has a graph of 10,000 nodes looked through hundreds of times, each
time all of what was made so far. And it does not know what objects hold: a circle of ten may keep gigabytes.
"""

from __future__ import annotations

import gc
import time

#: Objects made before a front desk, or a worker, looks through the youngest; each is a few hundred bytes.
FRONT_DESK_OBJECTS = 50_000
WORKER_OBJECTS = 300_000

#: So many looks at the younger objects make one at the older ones.
LOOKS = 20

#: Nodes that computed this long may have left much in a few circles. A look takes some milliseconds, in a worker that
#: keeps very many results more: then nodes compute so many times as long before the next.
LOOK_EVERY_S = 1.0
LOOKS_COST = 20


def collect_seldom(objects: int) -> None:
    """Set a process up, once its rooms are built: what is there now stays, so it is not looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(objects, LOOKS, LOOKS)


class Garbage:
    """What nodes leave behind, looked for by the time that they computed since the last look."""

    def __init__(self) -> None:
        self._computed_s = 0.0
        self._look_s = 0.0

    def computed(self, seconds: float) -> None:
        """A node has computed; look if that was long enough, with those before it."""
        self._computed_s += seconds
        if self._computed_s >= max(LOOK_EVERY_S, LOOKS_COST * self._look_s):
            self.look()

    def look(self) -> None:
        """Look now. After a failure, too: an error holds the frames it went through, with the tensors in them."""
        start = time.perf_counter()
        gc.collect()
        self._computed_s, self._look_s = 0.0, time.perf_counter() - start
