"""Regular expressions of Python's `re`, applied where one that runs away harms nobody.

`pattern_child.py` is the program that applies them. It is started for the first pattern and serves the next ones, too.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from heddle.graph.errors import GraphError
from heddle.graph.said import say

#: A pattern that takes longer is given up.
LONGEST_S = 10.0


class BadPattern(GraphError):
    """A regular expression, or the text that is to replace what it finds, cannot be read."""


class RunawayPattern(GraphError):
    """A regular expression took too long."""


def flags_of(case_insensitive: bool, multiline: bool, dotall: bool) -> int:
    """The flags of `re`: case does not count, ^ and $ also at lines' ends, the dot also takes line breaks."""
    chosen = (re.IGNORECASE, case_insensitive), (re.MULTILINE, multiline), (re.DOTALL, dotall)
    return int(sum(flag for flag, is_set in chosen if is_set))


class Patterns:
    """Applies patterns, one after the other. `seconds` is how long one may take.

    All methods raise BadPattern and RunawayPattern. `flags` as of `flags_of`.
    """

    def __init__(self, seconds: float = LONGEST_S) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def matches(self, pattern: str, text: str, flags: int) -> bool:
        """Whether the pattern is found anywhere."""
        return self._ask(ask="matches", pattern=pattern, text=text, flags=flags)

    def first(self, pattern: str, text: str, flags: int) -> list[list[str | None]]:
        """The first match, or none: the whole of it, then its groups; None for groups that took no part."""
        return self._ask(ask="first", pattern=pattern, text=text, flags=flags)

    def all(self, pattern: str, text: str, flags: int) -> list[list[str | None]]:
        """Every match, each as in `first`."""
        return self._ask(ask="all", pattern=pattern, text=text, flags=flags)

    def replaced(self, pattern: str, text: str, replacement: str, flags: int, count: int = 0) -> str:
        r"""The text with matches replaced, the first `count` of them or all; `\1`, `\g<name>` stand for groups."""
        return self._ask(
            ask="replaced", pattern=pattern, text=text, replacement=replacement, flags=flags, count=max(0, count)
        )

    def close(self) -> None:
        """End the program; the next pattern starts it again."""
        with self._lock:
            self._end()

    def _ask(self, **request: Any) -> Any:
        line = json.dumps({**request, "seconds": self._seconds}).encode() + b"\n"
        with self._lock:
            try:
                child = self._started()
                assert child.stdin is not None and child.stdout is not None  # both were asked for
                child.stdin.write(line)
                child.stdin.flush()
                answered = child.stdout.readline()
            except OSError:  # it ended, as after too long a match
                answered = b""
            if not answered.endswith(b"\n"):
                self._end()
                words = (
                    "the pattern {pattern} takes too long, more than {seconds:g} s: it tries too many ways; "
                    "write it without repeats inside of repeats, such as (a+)+, or give it a shorter text"
                )
                said = say(words, pattern=repr(request["pattern"]), seconds=self._seconds)
                raise RunawayPattern(said, input_name="regex_pattern", found=request["pattern"])
        answer = json.loads(answered)
        if "error" in answer:
            said = say(
                "the pattern {pattern} cannot be used: {why}; write it as Python's re reads it",
                pattern=repr(request["pattern"]), why=answer["error"],
            )  # fmt: skip
            raise BadPattern(said, input_name="regex_pattern", found=request["pattern"])
        return answer["found"]

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self._end()
            self._child = subprocess.Popen(
                [sys.executable, "-I", "-S", str(Path(__file__).with_name("pattern_child.py"))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # of Windows
            )
        return self._child

    def _end(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None
