"""The description of the interface, its page, and the figures for monitoring."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from server.metrics import MOST_CLASSES, Metrics
from tests.server.fake_worker import in_a_process
from tests.server.front_desk import GRAPH, Desk, front_desk
from tests.server.v1.test_jobs import JOBS, asked, submitted


def test_the_front_desk_starts_without_models_and_without_figures() -> None:
    program = "import sys, server.serve; print([m for m in ('pydantic', 'prometheus_client') if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


async def test_every_route_is_described_and_nothing_else(desk: Desk) -> None:
    described = await desk.json("/api/v1/openapi.json")
    told = {(method.upper(), path) for path, each in described["paths"].items() for method in each}
    app: Any = desk.client.server.app  # type: ignore[union-attr]
    there = {(r.method, r.resource.canonical) for r in app.router.routes() if r.resource and r.method != "HEAD"}
    assert told == there and ("POST", "/prompt") in told and ("GET", "/api/v1/jobs/{id}/events") in told
    operations = [each for path in described["paths"].values() for each in path.values()]
    assert all(each["summary"] for each in operations)
    ids = [each["operationId"] for each in operations]
    assert len(set(ids)) == len(ids) and described["openapi"] == "3.1.0"
    schemas = described["components"]["schemas"]
    for name in re.findall(r"#/components/schemas/(\w+)", str(described)):
        assert name in schemas, name
    submit = described["paths"][JOBS]["post"]
    assert submit["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/Submission")
    assert {"batch", "seeds", "count", "webhook"} <= set(schemas["Submission"]["properties"])
    for path, each in described["paths"].items():
        named = set(re.findall("{([^}]+)}", path))
        for operation in each.values():
            assert {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"} == named, path


async def test_the_page_needs_nothing_from_elsewhere(desk: Desk) -> None:
    async with desk.get("/api/v1/docs") as response:
        text, policy = await response.text(), response.headers["Content-Security-Policy"]
    assert "openapi.json" in text and not re.search(r"(?:src|href)=\"(?:https?:)?//", text)
    (nonce,) = set(re.findall(r'nonce="([^"]+)"', text))
    assert f"script-src 'nonce-{nonce}'" in policy and "default-src 'none'" in policy


def value_of(text: str, name: str) -> float:
    (found,) = re.findall(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found)


async def figures(desk: Desk) -> str:
    async with desk.get("/metrics") as response:
        assert response.status == 200 and response.content_type == "text/plain"
        return await response.text()


async def test_figures_count_what_happened(tmp_path: Path) -> None:
    async with front_desk(tmp_path, in_a_process(tmp_path / "output")) as desk:
        for _ in range(2):
            [job_id] = await submitted(desk)
            await desk.json(f"{JOBS}/{job_id}/wait")
        [failed] = await submitted(desk, workflow={**GRAPH, "9": {"class_type": "Die", "inputs": {}}})
        await desk.json(f"{JOBS}/{failed}/wait")
        await asked(desk, "GET", f"{JOBS}/nothing", 404)
        text = await figures(desk)
        assert value_of(text, 'heddle_jobs{state="done"}') == 2 and value_of(text, 'heddle_jobs{state="failed"}') == 1
        assert value_of(text, "heddle_queue_length") == 0
        assert value_of(text, 'heddle_job_seconds_count{outcome="success"}') == 2
        assert value_of(text, 'heddle_node_seconds_bucket{class="Save",le="+Inf"}') == 2
        assert value_of(text, 'heddle_worker_restarts_total{worker="worker 0"}') >= 1
        assert value_of(text, 'heddle_resident_bytes{process="front desk"}') > 10e6
        route = 'method="GET",route="/api/v1/jobs/{id}"'
        assert value_of(text, f'heddle_http_requests_total{{{route},status="404"}}') == 1
        assert "HELP heddle_cache_hits" in text


def test_labels_are_bounded() -> None:
    metrics = Metrics()

    class Job:
        id, started_ms = "a", 0
        prompt = {str(i): {"class_type": f"Class {i}"} for i in range(MOST_CLASSES + 50)}

    job: Any = Job()
    metrics.take_claim(job)
    nodes = {each: {"how": "ran", "seconds": 0.2} for each in Job.prompt}
    metrics.take_events("a", 5, [{"kind": "job_explained", "nodes": nodes | {"x": {"how": "disk"}}}])
    assert len(metrics.node_seconds) == MOST_CLASSES + 1
    assert metrics.node_seconds["other"].buckets()[-1] == ("+Inf", 50.0)
    text = metrics._write({"queued": 0}, {})[0].decode()
    assert value_of(text, 'heddle_cache_hits_total{where="disk"}') == 1
