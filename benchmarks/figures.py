"""What a figure is, and the two measures that stand beside each so that machines can be compared."""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LOOP_ROUNDS = 2_000_000
WRITES = 5
ROW_BYTES = 1000


class CannotMeasure(Exception):
    """Something that the figure needs is not here; the text says what, and how to get it."""


@dataclass(frozen=True)
class Place:
    """Where a measurement may write and what it may use.

    scratch: a folder of its own, removed afterwards. cache: kept between runs, for the large checkpoint.
    """

    scratch: Path
    cache: Path
    is_cold: bool = False


@dataclass(frozen=True)
class Figure:
    """One thing that is measured.

    measure: runs it the given number of times and returns as many values, with what else is worth writing down.
    limit: the value that it should not exceed, in `unit`.
    """

    name: str
    what: str
    unit: str
    limit: float
    measure: Callable[[Place, int], Measurement]


@dataclass(frozen=True)
class Measurement:
    values: tuple[float, ...]
    notes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Calibration:
    """How fast this machine was just then, in seconds."""

    loop_s: float
    write_s: float


def calibrate(folder: Path) -> Calibration:
    """Time the fixed loop and one durable write in this folder."""
    return Calibration(loop_s=time_loop(), write_s=time_write(folder))


def time_loop(rounds: int = LOOP_ROUNDS) -> float:
    """Seconds for a fixed number of integer steps in plain Python, on one core: a linear congruential generator."""
    start = time.perf_counter()
    state = 1
    for _ in range(rounds):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
    return time.perf_counter() - start


def time_write(folder: Path) -> float:
    """Median seconds for one row of 1 kB, committed to an SQLite file in WAL mode with synchronous=FULL."""
    times = []
    with tempfile.TemporaryDirectory(dir=folder) as place:
        database = sqlite3.connect(Path(place) / "write.sqlite", isolation_level=None)
        try:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=FULL")
            database.execute("CREATE TABLE rows (content BLOB)")
            for _ in range(WRITES):
                start = time.perf_counter()
                database.execute("INSERT INTO rows VALUES (?)", (b"x" * ROW_BYTES,))
                times.append(time.perf_counter() - start)
        finally:
            database.close()
    return statistics.median(times)


def median_of(calibrations: Sequence[Calibration]) -> Calibration:
    return Calibration(
        loop_s=statistics.median(each.loop_s for each in calibrations),
        write_s=statistics.median(each.write_s for each in calibrations),
    )
