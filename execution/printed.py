"""What a worker's process prints, passed on to the front desk: packs tell there what they do and what went wrong.

A page shows it in its console. The terminal gets everything as before; towards the page lines are left out when a
program prints more than anybody reads.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, TextIO, cast

KEPT_BEFORE = 1000  # lines until somebody listens: packs print while they are imported
LONGEST_LINE = 2000  # characters
MOST_A_SECOND = 100  # lines


class Printed:
    """Takes lines from any thread and hands them on in their order."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lines: deque[str] = deque(maxlen=KEPT_BEFORE)
        self._put: Callable[[str], None] | None = None
        self._open: dict[int, str] = {}  # what each stream printed since its last line end
        self._second = 0
        self._in_second = 0
        self._using = threading.RLock()  # whoever is told may print

    def tee(self, stream: TextIO) -> TextIO:
        """The same stream, except that what is written to it is heard here, too."""
        return cast("TextIO", _Tee(stream, self))

    def listen(self, put: Callable[[str], None]) -> None:
        """Hand over the lines so far, and from now on each one."""
        with self._using:
            self._put = put
            while self._lines:
                put(self._lines.popleft())

    def take(self, source: int, text: str) -> None:
        """What one stream printed; a line is told once it has ended."""
        with self._using:
            *lines, rest = (self._open.get(source, "") + text).split("\n")
            end = "\r" if rest.endswith("\r") else ""
            self._open[source] = _last_state(rest)[:LONGEST_LINE] + end
            for line in map(_last_state, lines):
                if line.strip():
                    self._tell(line[:LONGEST_LINE])

    def _tell(self, line: str) -> None:
        second = int(self._clock())
        if second != self._second:
            left_out = self._in_second - MOST_A_SECOND
            self._second, self._in_second = second, 0
            if left_out > 0:
                self._hand_on(f"({left_out} more lines were printed within a second)")
        self._in_second += 1
        if self._in_second <= MOST_A_SECOND:
            self._hand_on(line)

    def _hand_on(self, line: str) -> None:
        (self._lines.append if self._put is None else self._put)(line)


def _last_state(line: str) -> str:
    """What of a line is to be seen in the end: bars of progress write it again and again, each time behind a \\r."""
    return line.rstrip("\r").rpartition("\r")[2]


class _Tee:
    """Stands for a stream. What is not said here, the stream answers: its encoding, whether it is a terminal."""

    def __init__(self, stream: TextIO, printed: Printed) -> None:
        self._stream = stream
        self._printed = printed

    def write(self, text: str) -> int:
        count = self._stream.write(text)
        self._printed.take(id(self), text)
        return count

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
