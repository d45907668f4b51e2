"""How long a gallery waits for a page of a hundred thousand results."""

from __future__ import annotations

import http.client
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from benchmarks.figures import CannotMeasure, Measurement, Place
from benchmarks.object_info import a_front_desk
from benchmarks.submitting import ONE_PIXEL

FILES, FOLDERS = 100_000, 50
TRIES = 20
WALK_S = 120.0


def measure_outputs_page(place: Place, runs: int) -> Measurement:
    """Milliseconds for the first page over HTTP once the folder is known; beside it, for others and for the walk."""
    with tempfile.TemporaryDirectory(dir=place.scratch) as folder:
        base = Path(folder)
        for number in range(FOLDERS):
            below = base / "output" / f"day {number:02}"
            below.mkdir(parents=True)
            for each in range(FILES // FOLDERS):
                (below / f"picture_{each:05}_.png").write_bytes(ONE_PIXEL)
        values: list[float] = []
        with a_front_desk(base) as asking:
            start = time.perf_counter()
            first = ask(asking, "")
            while first["scanning"] or first["total"] < FILES:
                if time.perf_counter() - start > WALK_S:
                    raise CannotMeasure(f"the folder of results is not listed after {WALK_S:.0f} s")
                time.sleep(0.02)
                first = ask(asking, "")
            walk_s = time.perf_counter() - start
            middle = ask(asking, f"?limit=1&offset={FILES // 2}")["next_cursor"]
            others = {
                "far_back_ms": f"?after={quote(middle)}",
                "leap_ms": f"?offset={FILES - 200}",
                "text_ms": "?text=picture%2001234",
                "folder_ms": f"?folder={quote('day 07')}",
                "videos_ms": "?kind=video",
            }
            times: dict[str, list[float]] = {name: [] for name in others}
            for _ in range(runs):
                values.append(time_page(asking, ""))
                for name, query in others.items():
                    times[name].append(time_page(asking, query))
    told = {name: statistics.median(each) for name, each in times.items()}
    return Measurement(tuple(values), {"files": FILES, "walk_s": walk_s, **told})


def time_page(connection: http.client.HTTPConnection, query: str) -> float:
    """Milliseconds: the median of some tries, each to the last byte."""
    times: list[float] = []
    for _ in range(TRIES):
        start = time.perf_counter()
        ask(connection, query)
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def ask(connection: http.client.HTTPConnection, query: str) -> Any:
    connection.request("GET", f"/heddle/outputs{query}")
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise CannotMeasure(f"/heddle/outputs answered {answer.status}: {body[:300]!r}")
    return json.loads(body)
