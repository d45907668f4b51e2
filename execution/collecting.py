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

#: Nodes may have left much in a few circles by then. A look takes some milliseconds.
LOOK_EVERY_S = 1.0


def collect_seldom(objects: int) -> None:
    """Set a process up, once its rooms are built: what is there now stays, so it is not looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(objects, LOOKS, LOOKS)


class Garbage:
    """What nodes leave behind, looked for by the time that jobs have taken since the last look."""

    def __init__(self) -> None:
        self._carried_s = 0.0  # of the jobs that ended since then
        self._began = 0.0

    def job_begins(self) -> None:
        self._began = time.perf_counter()

    def node_ends(self) -> None:
        """Look if jobs have taken long enough."""
        if self._carried_s + time.perf_counter() - self._began >= LOOK_EVERY_S:
            self.look()

    def job_ends(self, *, failed: bool) -> None:
        """Look after a failure: an error holds the frames it went through, with the tensors in them."""
        self._carried_s += time.perf_counter() - self._began
        if failed:
            self.look()

    def look(self) -> None:
        gc.collect()
        self._carried_s, self._began = 0.0, time.perf_counter()
