"""What a worker's process prints, passed on to the front desk: packs tell there what they do and what went wrong.

A page shows it in its console. The terminal gets everything as before; towards the page lines are left out when a
program prints more than anybody reads.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, TextIO, cast

from heddle.graph.logged import facts_of_line
from heddle.graph.said import facts_of, say

KEPT_FACTS = 100  # of lines that are logged and not printed yet
KEPT_BEFORE = 1000  # lines until somebody listens: packs print while they are imported
LONGEST_LINE = 2000  # characters
MOST_A_SECOND = 100  # lines


class Printed:
    """Takes lines from any thread and hands them on in their order."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lines: deque[tuple[str, dict[str, Any]]] = deque(maxlen=KEPT_BEFORE)
        self._put: Callable[..., None] | None = None
        self._facts: dict[str, dict[str, Any]] = {}  # what lines are made of that are about to be printed
        self._open: dict[int, str] = {}  # what each stream printed since its last line end
        self._second = 0
        self._in_second = 0
        self._using = threading.RLock()  # whoever is told may print

    def tee(self, stream: TextIO) -> TextIO:
        """The same stream, except that what is written to it is heard here, too."""
        return cast("TextIO", _Tee(stream, self))

    def listen(self, put: Callable[..., None]) -> None:
        """Hand over the lines so far, and from now on each one; `said` beside it is what it was made of, if known."""
        with self._using:
            self._put = put
            while self._lines:
                line, said = self._lines.popleft()
                put(line, **said)

    def formatter(self, form: str) -> logging.Formatter:
        """One for the log, whose lines are printed: what they are made of is remembered until then."""
        return _Remembering(form, self._remember)

    def _remember(self, line: str, facts: dict[str, Any]) -> None:
        with self._using:
            self._facts[line[:LONGEST_LINE]] = facts
            if len(self._facts) > KEPT_FACTS:
                del self._facts[next(iter(self._facts))]

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
                self._hand_on(say("({left_out} more lines were printed within a second)", left_out=left_out))
        self._in_second += 1
        if self._in_second <= MOST_A_SECOND:
            self._hand_on(line)

    def _hand_on(self, line: str) -> None:
        facts = self._facts.pop(line, None) or facts_of(line)
        said = {} if facts is None else {"said": facts}
        if self._put is None:
            self._lines.append((line, said))
        else:
            self._put(line, **said)


class _Remembering(logging.Formatter):
    def __init__(self, form: str, remember: Callable[[str, dict[str, Any]], None]) -> None:
        super().__init__(form)
        self._remember = remember

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        if (facts := facts_of_line(record)) is not None:
            self._remember(text.partition("\n")[0], facts)
        return text


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
