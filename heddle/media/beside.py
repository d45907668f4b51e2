"""Several things made at once, by threads, for whoever takes them one after the other.

What packs pictures (Pillow's encoders, zlib, numpy on large arrays) lets other threads of Python run meanwhile.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")

#: Pixels that may be on their way at once: each takes up to 20 bytes while it is packed.
_MOST_PIXELS = 1 << 26


def threads_for(count: int, pixels: int) -> int:
    """How many threads pack so many pictures of so many pixels each."""
    return max(1, min(os.cpu_count() or 1, count, _MOST_PIXELS // max(1, pixels)))


def made_ahead(items: Iterable[Given], make: Callable[[Given], Made], threads: int) -> Generator[Made, None, None]:
    """What is made of each, in their order.

    At most `threads` of them and one more are held beside the one that was taken, so that no thread rests while that is
    used. The items are gone through on the thread of who takes. Closing it waits for those that are being made; the
    others are never begun.

    Args:
        threads: 1: nothing is made ahead.
    Raises: what making one raises, in its turn.
    """
    if threads <= 1:
        yield from map(make, items)
        return
    waiting: deque[Future[Made]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="packing")
    try:
        for item in items:
            waiting.append(pool.submit(make, item))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
