"""The server under requests that are made up from its own description: no 5xx, and every answer as described.

The front desk runs in a thread with a fake worker; schemathesis makes the requests, bounded in number.
"""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import schemathesis
from aiohttp import web
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from server.app import build_app
from server.serve import bind
from tests.server.front_desk import GRAPH, parts_at
from tests.server.test_bad_requests import real_words

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
WHOLE = {**GRAPH, "1": {"class_type": "Count", "inputs": {"steps": 2, "pause_s": 0.0}}}
# These answer for as long as there is something to say, or for as long as they are told to.
LONG_ANSWERS = ("/ws", "/api/v1/events/ws", "/api/v1/jobs/{id}/wait")
EXAMPLES, EXAMPLES_SLOW = 40, 600  # of each operation and way


class Server:
    """A front desk in a thread of its own."""

    def __init__(self, base: Path) -> None:
        [self._socket] = bind(["127.0.0.1"], 0)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._base = base
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._run()), daemon=True)

    def __enter__(self) -> Server:
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: Any) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)

    async def _run(self) -> None:
        parts = parts_at(self._base)
        runner = web.AppRunner(build_app(parts), access_log=None, shutdown_timeout=1)
        await runner.setup()
        await parts.catalogue.wait(20)
        await asyncio.sleep(0.2)  # the worker's own catalogue is taken in before it is changed
        desk: Any = SimpleNamespace(parts=parts)
        await real_words(desk)
        await web.SockSite(runner, self._socket).start()
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()

    def json(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"} if data else {})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("fuzz")) as server:
        yield server


def fuzzed(description: dict[str, Any], job_ids: list[str]) -> dict[str, Any]:
    """The description without what has no end, each handler once, and with ids of jobs that exist."""
    paths = {
        path: operations
        for path, operations in description["paths"].items()
        if path not in LONG_ANSWERS and (path.startswith("/api/v1/") or not path.startswith("/api/"))
    }
    for path, operations in paths.items():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "path" and parameter["name"] == "id" and "jobs" in path:
                    parameter["schema"] = {"anyOf": [{"enum": job_ids}, parameter["schema"]]}
    return {**description, "paths": paths}


@pytest.mark.timeout(1800)
def test_made_up_requests_are_answered_as_described(server: Server, request: pytest.FixtureRequest) -> None:
    jobs = [server.json("/prompt", {"prompt": WHOLE})["prompt_id"] for _ in range(4)]
    description = fuzzed(server.json("/api/v1/openapi.json"), jobs)
    examples = EXAMPLES_SLOW if request.config.getoption("--slow") else EXAMPLES
    schema = schemathesis.openapi.from_dict(description)
    found: list[str] = []
    results: Any = schema.get_all_operations()
    for result in results:
        operation = result.ok()
        said = description["paths"][operation.path][operation.method]
        can_be_wrong = "requestBody" in said or any(each["in"] == "query" for each in said.get("parameters", ()))
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)[: 1 + can_be_wrong]:

            @seed(1)
            @settings(
                max_examples=examples,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: Any) -> None:
                case.call_and_validate(base_url=server.url, checks=CHECKS, timeout=20)

            try:
                ask()
            except Unsatisfiable:  # nothing that could be sent would be wrong
                assert mode is GenerationMode.NEGATIVE, operation.label
            except BaseException as error:  # a group of several, too; all operations are asked before it is told
                if isinstance(error, KeyboardInterrupt):
                    raise
                found.append(f"{operation.label}, {mode.value}: {error}"[:1500])
    assert not found, "\n\n".join(found)
    assert server.json("/api/v1/jobs?limit=1")["total"] >= 0  # and it still answers


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
nodes = st.fixed_dictionaries(
    {"class_type": st.sampled_from(["Count", "Save", "Fail", "Load"]), "inputs": st.dictionaries(st.text(), values)}
)


@pytest.mark.timeout(900)
def test_made_up_graphs_are_taken_or_refused_and_never_stop_the_queue(
    server: Server, request: pytest.FixtureRequest
) -> None:
    @seed(1)
    @settings(max_examples=2000 if request.config.getoption("--slow") else 80, deadline=None, database=None)
    @given(
        graph=st.dictionaries(st.text(max_size=4), nodes | values, max_size=4),
        more=st.dictionaries(st.sampled_from(["batch", "seeds", "count", "label", "webhook", "seed"]), values),
    )
    def ask(graph: Any, more: dict[str, Any]) -> None:
        data = json.dumps({"workflow": graph, **more}).encode()
        asked = urllib.request.Request(f"{server.url}/api/v1/jobs", data, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(asked, timeout=20) as answer:
                assert answer.status == 201
        except urllib.error.HTTPError as error:
            assert 400 <= error.code < 500, error.read()
            assert set(json.load(error)) == {"error", "node_errors"}

    ask()
    job_id = server.json("/prompt", {"prompt": WHOLE, "front": True})["prompt_id"]
    assert server.json(f"/api/v1/jobs/{job_id}/wait?timeout_s=60")["ended"]
