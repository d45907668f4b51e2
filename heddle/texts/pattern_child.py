"""A program of its own that applies regular expressions, and ends itself when one runs away.

Python's `re` cannot be interrupted: a pattern such as `(a+)+$` may take longer than the universe lasts. `patterns.py`
starts this file and sends it one request a line, as JSON: {ask, text, pattern, flags, seconds, ...}. It answers each
with a line, {found: ...} or {error: why the pattern is none}.
"""

from __future__ import annotations

import faulthandler
import itertools
import json
import re
import sys
from typing import Any

#: No answer is longer than so many letters.
MOST_LETTERS = 50_000_000


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """What a request asks for."""
    try:
        pattern = re.compile(request["pattern"], request["flags"])
        return {"found": _ASKED[request["ask"]](pattern, request)}
    except (re.error, IndexError, OverflowError, RecursionError) as problem:
        return {"error": str(problem) or type(problem).__name__}


def _matches(pattern: re.Pattern[str], request: dict[str, Any]) -> bool:
    return pattern.search(request["text"]) is not None


def _first(pattern: re.Pattern[str], request: dict[str, Any]) -> list[list[str | None]]:
    """The first match: the whole of it, then its groups."""
    found = pattern.search(request["text"])
    return [] if found is None else [[found[0], *found.groups()]]


def _all(pattern: re.Pattern[str], request: dict[str, Any]) -> list[list[str | None]]:
    """Every match: the whole of it, then its groups."""
    matches, letters = [], 0
    for found in pattern.finditer(request["text"]):
        matches.append([found[0], *found.groups()])
        letters += sum(len(each or "") for each in matches[-1])
        _refuse_more_than(letters)
    return matches


def _replaced(pattern: re.Pattern[str], request: dict[str, Any]) -> str:
    replacement, count = request["replacement"], request["count"]
    groups = replacement.count("\\")  # at most
    letters = 0
    for found in itertools.islice(pattern.finditer(request["text"]), count or None) if replacement else ():
        letters += len(replacement) + groups * max(len(each or "") for each in (found[0], *found.groups()))
        _refuse_more_than(letters)
    return pattern.sub(replacement, request["text"], count)


def _refuse_more_than(letters: int) -> None:
    if letters > MOST_LETTERS:
        raise OverflowError(f"the result has more than {MOST_LETTERS} letters")


_ASKED = {"matches": _matches, "first": _first, "all": _all, "replaced": _replaced}


def main() -> None:
    """Answer until nobody asks any more."""
    for line in sys.stdin.buffer:
        request = json.loads(line)
        # Its watch needs no lock of the interpreter, which a match that runs away never lets go.
        faulthandler.dump_traceback_later(request["seconds"], exit=True)
        written = json.dumps(answer(request))
        faulthandler.cancel_dump_traceback_later()
        sys.stdout.write(written + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
