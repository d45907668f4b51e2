"""What runs of nets took beside weights, measured, and kept on disk for the first run of the next time."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path
from typing import Any

from heddle.graph.errors import FileProblem
from heddle.media.whole_files import write_whole

log = logging.getLogger("heddle.weights")

#: Kinds of nets, and sizes of one, that are kept: those that were seen last.
MOST_NETS, MOST_SIZES = 200, 40
#: So much more is something new.
MORE = 1.05
#: Of what a file may say.
MOST_BYTES = 1 << 50


class Estimates:
    """See above.

    Args:
        path: of the file; None = nothing is kept on disk. One that is damaged counts for nothing, and is replaced.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        # By a net's kind, then by the size of what it is run with. What was seen last is last.
        self._seen: dict[str, dict[int, int]] = {} if path is None else _read(path)
        self._new: dict[str, dict[int, int]] = {}

    def of(self, kind: str) -> NetEstimates:
        """Those of one kind of net."""
        return NetEstimates(self, kind)

    def note(self, kind: str, size: int, nbytes: int) -> None:
        """A run took so much."""
        with self._lock:
            known = self._seen.get(kind, {}).get(size, 0)
            _put(self._seen, kind, size, max(nbytes, known))
            if nbytes > MORE * known:
                _put(self._new, kind, size, nbytes)

    def expected(self, kind: str, size: int | None) -> int | None:
        """What a run will take. size: None = as the last one. Returns: None, if nothing like it was seen."""
        with self._lock:
            seen = self._seen.get(kind)
            if not seen:
                return None
            if size is None:
                return seen[next(reversed(seen))]
            if (larger := min((each for each in seen if each >= size), default=None)) is not None:
                return seen[larger]
            largest = max(seen)
            return min(MOST_BYTES, seen[largest] * size // largest)

    def save(self) -> None:
        """Write what is new. What cannot be written is learned again next time."""
        with self._lock:
            new, self._new = self._new, {}
        if not new or self._path is None:
            return
        kept = _read(self._path)  # other workers write there, too
        for kind, sizes in new.items():
            for size, nbytes in sizes.items():
                _put(kept, kind, size, max(nbytes, kept.get(kind, {}).get(size, 0)))
        try:
            write_whole(self._path, json.dumps({"version": 1, "beside_bytes": kept}, indent=1).encode())
        except FileProblem as problem:
            log.debug("what was measured is not kept: %s", problem.message)


class NetEstimates:
    """What runs of one kind of net took."""

    def __init__(self, all_of_them: Estimates, kind: str) -> None:
        self._all, self._kind = all_of_them, kind

    def note(self, size: int, nbytes: int) -> None:
        self._all.note(self._kind, size, nbytes)

    def expected(self, size: int | None = None) -> int | None:
        return self._all.expected(self._kind, size)


def _put(seen: dict[str, dict[int, int]], kind: str, size: int, nbytes: int) -> None:
    """The last of its kind from now on; what was seen longest ago makes room."""
    sizes = seen.pop(kind, {})
    sizes.pop(size, None)
    sizes[size] = nbytes
    seen[kind] = sizes
    while len(sizes) > MOST_SIZES:
        sizes.pop(next(iter(sizes)))
    while len(seen) > MOST_NETS:
        seen.pop(next(iter(seen)))


def _read(path: Path) -> dict[str, dict[int, int]]:
    """What a file says, as far as it can be meant."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    kinds = found.get("beside_bytes") if isinstance(found, dict) and found.get("version") == 1 else None
    seen: dict[str, dict[int, int]] = {}
    for kind, sizes in kinds.items() if isinstance(kinds, dict) else ():
        for size, nbytes in sizes.items() if isinstance(sizes, dict) else ():
            if size.isascii() and size.isdecimal() and len(size) < 16 and int(size) and _is_size(nbytes):
                _put(seen, kind, int(size), nbytes)
    return seen


def _is_size(nbytes: Any) -> bool:
    return isinstance(nbytes, int) and not isinstance(nbytes, bool) and 0 <= nbytes <= MOST_BYTES
