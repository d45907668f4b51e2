"""How long a page waits for the catalogue: `/object_info` of a front desk that knows 900 node types, or of packs."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from benchmarks import listing_nodes
from benchmarks.figures import CannotMeasure, Measurement, Place
from benchmarks.starting import ROOT, a_server
from heddle.settings.folders import Folders
from heddle.settings.options import Settings
from server.pack_door import REFRESH_EVERY_S

CLASSES = 900
MODEL_FILES = 200
REQUESTS = 50
SECONDS = 5
GIVE_UP_S = 30.0


def catalogue_of(count: int) -> dict[str, dict[str, Any]]:
    """So many node types as a worker sends them: the known core nodes, repeated under further names."""
    core = json.loads((ROOT / "tests" / "data" / "core_nodes.json").read_text(encoding="utf-8"))
    records: dict[str, dict[str, Any]] = {}
    while len(records) < count:
        turn = len(records) // len(core)
        for name, node in core.items():
            if len(records) == count:
                break
            full = f"{name} {turn}" if turn else name
            inputs = {section: node["inputs"].get(section, {}) for section in ("required", "optional")}
            records[full] = {
                "input": inputs,
                "input_order": {section: list(names) for section, names in inputs.items()},
                "is_input_list": bool(node.get("input_is_list")),
                "output": [kind for _, kind, _ in node["outputs"]],
                "output_is_list": [is_list for _, _, is_list in node["outputs"]],
                "output_name": [label for label, _, _ in node["outputs"]],
                "output_tooltips": [None for _ in node["outputs"]],
                "name": full,
                "display_name": node.get("display_name") or full,
                "description": "Does to what comes in what its name says, and hands the result on. " * 3,
                "python_module": "nodes",
                "category": node.get("category", ""),
                "output_node": bool(node.get("output_node")),
            }
    return records


def measure_object_info(place: Place, runs: int) -> Measurement:
    """Milliseconds from asking for the gzipped catalogue until its last byte is there; each run a fresh server."""
    values, changed, unchanged, sizes = [], [], [], (0, 0)
    for _ in range(runs):
        base = Path(tempfile.mkdtemp(dir=place.scratch))
        folders = Folders.from_settings(Settings(base_directory=base))
        folder = folders.models("checkpoints")[0]
        folder.mkdir(parents=True)
        for number in range(MODEL_FILES):
            (folder / f"style {number}.safetensors").touch()
        folders.user.mkdir()
        (folders.user / "catalogue.json").write_text(json.dumps({"nodes": catalogue_of(CLASSES)}), encoding="utf-8")
        with a_front_desk(base) as asking:
            body, tag = ask(asking)
            sizes = (len(gzip.decompress(body)), len(body))
            values.append(1000 * statistics.median(time_asking(asking) for _ in range(REQUESTS)))
            unchanged.append(1000 * statistics.median(time_asking(asking, tag) for _ in range(REQUESTS)))
            (folder / "new.safetensors").touch()
            changed.append(1000 * time_asking(asking))
    return Measurement(
        tuple(values),
        {
            "classes": CLASSES,
            "bytes": sizes[0],
            "gzipped_bytes": sizes[1],
            "not_modified_ms": statistics.median(unchanged),
            "after_a_new_file_ms": statistics.median(changed),
        },
    )


def measure_object_info_of_packs(place: Place, runs: int) -> Measurement:
    """Milliseconds for the first who asks in a second, for whom packs list their files again; beside it, for others."""
    base = Path(tempfile.mkdtemp(dir=place.scratch))
    packs = base / "custom_nodes"
    packs.mkdir()
    shutil.copy(listing_nodes.__file__, packs)
    values, others, changed = [], [], []
    with a_server(place.scratch, base / "user", "--base-directory", str(base)) as server:
        server.wait_for_worker()
        connection = http.client.HTTPConnection(server.address.removeprefix("http://"), timeout=GIVE_UP_S)
        ask(connection)
        for run in range(runs):
            first = []
            for _ in range(SECONDS):
                time.sleep(1.1 * REFRESH_EVERY_S)
                first.append(1000 * time_asking(connection))
                others.append(1000 * time_asking(connection))
            values.append(statistics.median(first))
            (packs / f"file {run}").touch()
            time.sleep(1.1 * REFRESH_EVERY_S)
            changed.append(1000 * time_asking(connection))
        connection.close()
    notes = {"pack_classes": listing_nodes.NODES, "others_ms": statistics.median(others)}
    return Measurement(tuple(values), notes | {"after_a_new_file_ms": statistics.median(changed)})


def ask(connection: http.client.HTTPConnection, tag: str | None = None) -> tuple[bytes, str]:
    """The body as it was sent, and its tag."""
    headers = {"Accept-Encoding": "gzip"} | ({"If-None-Match": tag} if tag else {})
    connection.request("GET", "/object_info", headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != (304 if tag else 200):
        raise CannotMeasure(f"/object_info answered {answer.status}: {body[:300]!r}")
    return body, answer.headers["ETag"]


def time_asking(connection: http.client.HTTPConnection, tag: str | None = None) -> float:
    start = time.perf_counter()
    ask(connection, tag)
    return time.perf_counter() - start


@contextlib.contextmanager
def a_front_desk(base: Path) -> Iterator[http.client.HTTPConnection]:
    """A front desk of its own process that has no worker, and a connection to it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [sys.executable, "-m", "benchmarks.object_info", str(base), str(port)]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=GIVE_UP_S)
    try:
        end = time.perf_counter() + GIVE_UP_S
        while True:
            try:
                connection.connect()
                break
            except OSError as error:
                if time.perf_counter() > end or process.poll() is not None:
                    raise CannotMeasure(f"the front desk does not answer ({error})") from error
                time.sleep(0.01)
        yield connection
    finally:
        connection.close()
        process.kill()
        process.wait()


def serve_alone(base: Path, port: int) -> None:
    """Answer with the catalogue that lies in the user folder; no worker ever starts."""
    from server.serve import serve  # only in the process that serves

    def no_worker() -> NoReturn:
        raise OSError("this front desk works alone")

    settings = Settings(base_directory=base, port=port)
    serve(settings, Folders.from_settings(settings), no_worker, lambda prompt, records, targets: ([], None, {}))


if __name__ == "__main__":
    serve_alone(Path(sys.argv[1]), int(sys.argv[2]))
