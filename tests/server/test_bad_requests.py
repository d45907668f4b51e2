"""Requests that nobody should send, to every route: each gets a sentence with a 4xx, and the server goes on."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import sys
import time
import urllib.error
import urllib.request
import zlib
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiohttp import ClientSession, FormData, web
from yarl import URL

from execution.check import check_prompt
from execution.convert import to_prompt
from execution.fingerprints import Fingerprints
from heddle.graph.registry import Registry
from server.app import build_app
from server.keys import Limits
from server.routes.bodies import DEEPEST
from tests.server.fake_worker import CATALOGUE, record
from tests.server.front_desk import GRAPH, Desk, front_desk, parts_at
from tests.server.test_start import a_server

HUGE = b"9" * 5000
BODIES: dict[str, bytes] = {
    "nothing": b"",
    "cut short": b'{"a": [1, 2',
    "not utf-8": b'{"a": "\xff\xfe"}',
    "a list": b"[1, 2]",
    "a number": b"7",
    "a text": b'"text"',
    "null": b"null",
    "not a number": b'{"prompt": NaN, "limit": Infinity, "job_ids": [NaN], "delete": [NaN], "clear": NaN}',
    "a huge number": b'{"prompt": ' + HUGE + b"}",
    "a large number": b'{"prompt": 1e400, "number": 1e400, "prompt_id": 1e400, "clientId": 1e400}',
    "deep lists": b"[" * 100_000,
    "deep enough to be read": b'{"prompt": ' + b"[" * 600 + b"]" * 600 + b', "extra_data": {}}',
    "names twice": b'{"prompt": {}, "prompt": [], "delete": [], "delete": {}}',
    "wrong types": b'{"prompt": [], "delete": {}, "clear": [], "job_ids": "x", "prompt_id": {}, "clientId": [],'
    b' "enabled": "x", "extra_data": 5, "client_id": {}, "unload_models": {}, "free_memory": []}',
    "lone surrogates": b'{"prompt": {"\\ud800": {}}, "delete": ["\\udfff"], "job_ids": ["\\udfff"],'
    b' "clientId": "\\ud800"}',
    "not json at all": bytes(range(256)) * 40,
    "a form": b"--x\r\nContent-Disposition: form-data; name=image\r\n\r\n",
}
SEGMENTS = ["x", "..%2f..%2fetc%2fpasswd", "%00", "%ff%fe", "a" * 2000, "%F0%9F%90%B1", "-1", "%25", "con"]
QUERIES = [
    "",
    "limit=-1&offset=-5&max_items=x&since=x",
    f"limit={'9' * 400}&offset={'9' * 400}&max_items={'9' * 400}&since={'9' * 400}",
    f"limit=5&offset={2**63 - 1}&max_items={2**63 - 1}&since={2**63 - 1}",
    "limit=1e3&status=%00&sort_by=%ff&sort_order=1&workflow_id=%ff",
    "status=,,,&limit=&offset=&max_items=&since=",
    "filename=%00&type=%ff&subfolder=%2e%2e&preview=%ff;9e9&channel=%00",
    "filename=a.png&type=input&preview=webp;99999999999999999999&channel=rgb",
    "dir=%00&path=%00&recurse=maybe&full_info=2&split=x&overwrite=%ff",
    "dir=..&path=..%2f..&overwrite=perhaps",
    "a=" + "b" * 7000,
    "%ff=%fe&&&==;",
]
TYPES = [
    "application/json",
    "multipart/form-data; boundary=x",
    "multipart/form-data",
    "multipart/mixed; boundary=x",
    "text/plain; charset=nonsense",
    "not a type",
]


def routes_of(app: web.Application) -> list[tuple[str, str]]:
    """(method, path with its {names}) of everything that the app answers, without the second paths behind `/api`."""
    paths = {(route.method, route.resource.canonical) for route in app.router.routes() if route.resource is not None}
    twins = {(method, f"/api{path}") for method, path in paths}
    return sorted(paths - twins)


def addresses(canonical: str, segments: list[str] = SEGMENTS) -> list[str]:
    if "{" not in canonical:
        return [canonical]
    return [re.sub(r"\{[^}]*\}", lambda _, each=each: each, canonical) for each in segments]


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    return routes_of(build_app(parts_at(tmp_path_factory.mktemp("routes"))))


class Prober:
    """Sends what should not be sent, and holds the answer to what was promised."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.statuses: dict[int, int] = {}

    async def ask(self, method: str, path: str, **options: Any) -> None:
        url = URL(str(self._desk.client.make_url("/")).rstrip("/") + path, encoded=True)
        async with asyncio.timeout(30), ClientSession() as client, client.request(method, url, **options) as response:
            body = await response.read()
        place = f"{method} {path[:100]} {str(options)[:200]}: {response.status} {body[:300]!r}"
        assert response.status < 500, place
        if response.status >= 400 and method != "HEAD":
            error = json.loads(body)
            assert {"error", "node_errors"} <= set(error), place
            assert set(error["error"]) == {"type", "message", "details", "extra_info"}, place
            assert error["error"]["details"] != error["error"]["message"], "front ends show both, one behind the other"
            assert b"Traceback" not in body, place
        self.statuses[response.status] = self.statuses.get(response.status, 0) + 1


async def still_works(desk: Desk, graph: Any = None) -> None:
    """The server answers, and a job runs to its end."""
    entry = await desk.ended(await desk.submit(graph))
    assert entry["status"]["completed"] is True
    await desk.json("/system_stats")


@pytest.fixture
def strict(caplog: pytest.LogCaptureFixture) -> Any:
    """Nothing that was asked may have made the server log an exception of its own."""
    yield
    ours = [record for record in caplog.records if record.name.startswith("heddle") and record.levelname == "ERROR"]
    assert [record.getMessage() for record in ours] == []


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("kind", BODIES)
async def test_no_body_makes_a_route_fail(desk: Desk, routes: list[tuple[str, str]], kind: str) -> None:
    await desk.ready()
    prober = Prober(desk)
    for method, canonical in routes:
        if method in ("GET", "HEAD"):
            continue
        for path in addresses(canonical, ["x"]):
            for content_type in TYPES:
                await prober.ask(method, path, data=BODIES[kind], headers={"Content-Type": content_type})
    assert prober.statuses.get(400, 0) > 20
    await still_works(desk)


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("query", QUERIES)
async def test_no_query_makes_a_route_fail(desk: Desk, routes: list[tuple[str, str]], query: str) -> None:
    await desk.ready()
    prober = Prober(desk)
    for method, canonical in routes:
        for path in addresses(canonical, ["x"]):
            await prober.ask(method, f"{path}?{query}")
    await still_works(desk)


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("segment", SEGMENTS)
async def test_no_path_makes_a_route_fail(desk: Desk, routes: list[tuple[str, str]], segment: str) -> None:
    await desk.ready()
    prober = Prober(desk)
    for method, canonical in routes:
        for path in addresses(canonical, [segment]) if "{" in canonical else []:
            await prober.ask(method, path, data=b"{}" if method == "POST" else None)
    await still_works(desk)


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get"])
async def test_no_method_makes_a_route_fail(desk: Desk, routes: list[tuple[str, str]], method: str) -> None:
    await desk.ready()
    prober = Prober(desk)
    for canonical in sorted({canonical for _, canonical in routes}):
        await prober.ask(method, addresses(canonical, ["x"])[0], data=b"{}")
    await still_works(desk)


@pytest.mark.usefixtures("strict")
async def test_bodies_that_lie_about_their_packing_are_refused(desk: Desk) -> None:
    good = json.dumps({"prompt": GRAPH}).encode()
    async with desk.post("/prompt", data=gzip.compress(good), headers={"Content-Encoding": "gzip"}) as response:
        assert response.status == 200, await response.text()
    for encoding, data in (
        ("gzip", good),
        ("gzip", gzip.compress(good)[:-12]),
        ("deflate", b"\xff" * 100),
        ("deflate", zlib.compress(good)[:-6]),
        ("br", good),
        ("nonsense", gzip.compress(good)),
    ):
        headers = {"Content-Encoding": encoding, "Connection": "close"}
        async with desk.post("/prompt", data=data, headers=headers) as response:
            assert 400 <= response.status < 500, (encoding, await response.text())
    await still_works(desk)


async def test_a_small_body_that_unpacks_into_a_large_one_is_cut_off(tmp_path: Path) -> None:
    async with front_desk(tmp_path, limits=Limits(json_bytes=100_000, upload_bytes=100_000)) as desk:
        bomb = gzip.compress(b" " * 50_000_000)
        for path in ("/prompt", "/settings", "/userdata/a.json", "/queue"):
            async with desk.post(path, data=bomb, headers={"Content-Encoding": "gzip"}) as response:
                assert response.status == 413, path
        await still_works(desk)


async def test_a_body_that_never_ends_holds_up_nobody(desk: Desk) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", desk.client.port)
    writer.write(b"POST /prompt HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{")
    await writer.drain()
    await still_works(desk)
    writer.close()
    await still_works(desk)


async def test_clients_that_leave_in_the_middle_are_no_news(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    runner = web.AppRunner(build_app(parts_at(tmp_path)), access_log=None)  # a test's own server breaks handlers off
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        for _ in range(5):
            _, writer = await asyncio.open_connection(*runner.addresses[0])
            writer.write(b"POST /prompt HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{")
            await writer.drain()
            await asyncio.sleep(0.01)
            writer.transport.abort()
        await asyncio.sleep(0.1)
    finally:
        await runner.cleanup()
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /prompt HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        b"POST /prompt HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET //evil.example/../x HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /view?filename=\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET " + b"/x" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
async def test_words_that_are_hardly_http_end_their_own_connection_only(desk: Desk, request_line: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", desk.client.port)
    writer.write(request_line)
    writer.write_eof()
    async with asyncio.timeout(10):
        answer = await reader.read()
    status = answer.split(b" ", 2)[1] if answer.startswith(b"HTTP") else b"400"
    assert not status.startswith(b"5"), answer
    writer.close()
    await still_works(desk)


@pytest.mark.usefixtures("strict")
@pytest.mark.filterwarnings("ignore::aiohttp.multipart.BadContentDispositionHeader")
async def test_damaged_forms_are_refused_wherever_forms_are_taken(desk: Desk) -> None:
    prober = Prober(desk)
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.json"\r\n'
    whole = b"\r\n--x--\r\n"
    for data in (
        b"",
        b"--x--\r\n",
        head,
        head + b"\r\n{",
        head + b"\r\n{}" + whole,
        head + b"\r\n" + b"[" * 100_000 + whole,
        head + b"\r\n" + bytes(range(256)) + whole,
        head + b"Content-Transfer-Encoding: base64\r\n\r\n@@@" + whole,
        head + b"Content-Encoding: gzip\r\n\r\nabc" + whole,
        head + b"Content-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n\r\n--y--" + whole,
        b"--x\r\nContent-Disposition: form-data\r\n\r\nabc" + whole,
        b"--x\r\nContent-Disposition: \xff\xfe\r\n\r\nabc" + whole,
        b"--x\r\n" + b"A: b\r\n" * 2000 + b"\r\nabc" + whole,
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' * 100 + b"--x--\r\n",
        head * 2 + b"\r\n{}" + whole,
    ):
        for path in ("/prompt", "/upload/image", "/upload/mask"):
            await prober.ask("POST", path, data=data, headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert set(prober.statuses) == {400}
    folders = desk.parts.folders
    assert not [p for root in (folders.input, folders.temp) if root.exists() for p in root.glob(".unfinished-*")]
    await still_works(desk)


def nested(depth: int) -> Any:
    value: Any = []
    for level in range(depth - 1):
        value = [value] if level % 2 else {"a": value}
    return value


async def test_nesting_that_could_be_read_and_not_written_is_refused(desk: Desk) -> None:
    for depth, status in ((DEEPEST - 5, 200), (DEEPEST + 5, 400), (700, 400)):
        body = {"prompt": GRAPH, "extra_data": {"deep": nested(depth)}}
        async with desk.post("/prompt", json=body) as response:
            assert response.status == status, depth
        async with desk.post("/settings", json={"deep": nested(depth)}) as response:
            assert response.status == status, depth
        form = FormData()
        form.add_field("file", json.dumps({"nodes": [], "extra": nested(depth)}).encode(), filename="a.json")
        async with desk.post("/prompt", data=form) as response:
            assert response.status == 400, depth
            told = (await response.json())["error"]["message"]
        assert ("inside each other" in told) == (status == 400), told
    many = [{"a": []}] * 2000  # wide is not deep, nor are brackets inside a text
    async with desk.post(
        "/prompt", json={"prompt": GRAPH, "extra_data": {"wide": many, "text": "[" * 5000}}
    ) as response:
        assert response.status == 200
    await still_works(desk)


@pytest.mark.parametrize(
    ("body", "place", "name", "node_id", "input_name"),
    [
        ('{"prompt": {}, "prompt": {"1": {}}}', "the request", "prompt", None, None),
        ('{"prompt": {"1": {"class_type": "A"}, "1": {"class_type": "B"}}}', "prompt", "1", "1", None),
        ('{"prompt": {"1": {"class_type": "A", "class_type": "B"}}}', "prompt.1", "class_type", "1", None),
        ('{"prompt": {"1": {"inputs": {"a": 1, "a": 2}}}}', "prompt.1.inputs", "a", "1", "a"),
        ('{"prompt": {"1": {"inputs": {"a": [{"x": 1, "x": 1}]}}}}', "prompt.1.inputs.a.0", "x", "1", "a"),
        (
            '{"prompt": {"1": {}}, "extra_data": {"a": {"b": 1, "b": {"c": 1, "c": 2}}}}',
            "extra_data.a",
            "b",
            None,
            None,
        ),
    ],
)
async def test_what_stands_twice_in_a_request_is_named(
    desk: Desk, body: str, place: str, name: str, node_id: str | None, input_name: str | None
) -> None:
    async with desk.post("/prompt", data=body) as response:
        answer = await response.json()
    assert response.status == 400 and answer["error"]["type"] == "invalid_json"
    assert answer["error"]["message"] == f"{place}: the name {name!r} stands there twice; leave one of them out"
    assert set(answer["node_errors"]) == ({node_id} if node_id else set())
    for told in answer["node_errors"].values():
        assert [error["extra_info"] for error in told["errors"]] == [{"input_name": input_name}]
    for path in ("/settings", "/queue", "/api/v1/jobs"):
        async with desk.post(path, data=body) as response:
            assert response.status == 400


async def test_of_very_many_broken_nodes_the_first_are_told(desk: Desk) -> None:
    await desk.ready()
    await real_words(desk)
    many = {str(node): {"class_type": "Nope", "inputs": {}} for node in range(5000)}
    async with desk.post("/prompt", json={"prompt": many}) as response:
        answer = await response.json()
    assert response.status == 400 and list(answer["node_errors"]) == [str(node) for node in range(1000)]
    assert "the first 1000 nodes of 5000" in answer["error"]["details"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"client_id": 5}, "client_id must be a text of 1 to 200 printable characters, found 5"),
        ({"prompt": {"a\nb": {}}}, r"a node id must be a text of 1 to 200 printable characters, found 'a\\nb'"),
        ({"partial_execution_targets": 5}, "partial_execution_targets must be a list of node ids, found 5"),
        ({"partial_execution_targets": ["2", True]}, "must hold ids of output nodes, found True"),
        ({"partial_execution_targets": []}, "partial_execution_targets is empty"),
        ({"number": [1] * 1000}, "number must be a number between .*, found \\[1, 1, "),
        ({"options": [5]}, "options must be a JSON object of true and false, found \\[5\\]"),
    ],
)
async def test_what_was_found_is_said(desk: Desk, wrong: dict[str, Any], said: str) -> None:
    async with desk.post("/prompt", json={"prompt": GRAPH, **wrong}) as response:
        assert response.status == 400
        assert re.search(said, (await response.json())["error"]["message"])


async def test_a_body_of_more_values_than_any_workflow_holds_is_not_read(desk: Desk) -> None:
    small = b'{"prompt": [' + b"{}," * 1_100_000 + b"0]}"
    async with desk.post("/prompt", data=small) as response:
        assert response.status == 400 and "2,000,000 values" in (await response.json())["error"]["message"]
    form = FormData()
    form.add_field("file", small, filename="a.json")
    async with desk.post("/prompt", data=form) as response:
        assert response.status == 400 and "2,000,000 values" in await response.text()
    await still_works(desk)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("extra_data", "{"),
        ("extra_data", "[1]"),
        ("extra_data", "[" * 100_000),
        ("number", "first"),
        ("number", "nan"),
        ("client_id", "a\nb"),
        ("prompt_id", "x" * 300),
        ("partial_execution_targets", '"1"'),
    ],
)
async def test_a_forms_fields_are_held_to_the_rules_of_a_body(desk: Desk, field: str, value: str) -> None:
    form = FormData()
    form.add_field("file", json.dumps(GRAPH).encode(), filename="a.json")
    form.add_field(field, value)
    async with desk.post("/prompt", data=form) as response:
        answer = await response.json()
        assert response.status == 400 and answer["error"]["message"], answer
    assert (await desk.json("/queue"))["queue_pending"] == []


JUNK: list[Any] = [
    *(
        None,
        True,
        0,
        -1,
        1.5,
        float("nan"),
        float("inf"),
        10**300,
        2**64,
        "",
        "x",
        "1",
        "\ud800",
        "a\0b",
        "x" * 100_000,
    ),
    *(
        [],
        {},
        [[]],
        ["1"],
        ["1", 0],
        ["1", 99],
        ["1", -1],
        ["1", "0"],
        ["1", 0.5],
        ["nowhere", 0],
        ["2", 0],
        [None, None],
    ),
    *({"class_type": "Save"}, {"class_type": 5, "inputs": {}}, {"inputs": {}}, {"class_type": "Save", "inputs": []}),
    *({"nodes": []}, {"nodes": [None]}, {"nodes": [{"id": 1}], "links": [[1]]}, {"__value__": 1}),
]


def places_in(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value, as the keys that lead to it."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place, *(each for key, below in inner for each in places_in(below, (*place, key)))]


def with_junk(value: Any, place: tuple[Any, ...], junk: Any) -> Any:
    """A copy with something else in one place."""
    if not place:
        return junk
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[place[0]] = with_junk(value[place[0]], place[1:], junk)
    return copy


SURE_GRAPH = {"1": {"class_type": "Count", "inputs": {"steps": 3, "pause_s": 0.0}}, "2": GRAPH["2"]}
SAVED_NODE = {"id": 1, "type": "Count", "mode": 0, "inputs": [], "outputs": [{"name": "COUNT", "type": "COUNT"}]}
WHOLE: dict[str, Any] = {
    "api": {
        "prompt": SURE_GRAPH,
        "client_id": "me",
        "prompt_id": "mine",
        "number": 1,
        "front": False,
        "extra_data": {"extra_pnginfo": {"workflow": {"id": "w"}}, "preview_method": "auto"},
        "partial_execution_targets": ["2"],
    },
    "saved": {
        "prompt": {
            "version": 0.4,
            "nodes": [
                {**SAVED_NODE, "widgets_values": [1, 0.0]},
                {"id": 2, "type": "Save", "mode": 0, "inputs": [{"name": "count", "type": "COUNT", "link": 1}]},
            ],
            "links": [[1, 1, 0, 2, 0, "COUNT"]],
            "definitions": {"subgraphs": [{"id": "s", "nodes": [], "links": [], "inputs": [], "outputs": []}]},
        }
    },
}


async def real_words(desk: Desk) -> None:
    """Give a desk what the command line gives it: the converter and the checks of a real server."""
    # Whatever passes the checks runs, and must come to its end.
    inputs = {"steps": ["INT", {"default": 3, "min": 0, "max": 9}], "pause_s": ["FLOAT", {"min": 0.0, "max": 0.001}]}
    text = {**record({}), "output": ["STRING"]}
    await desk.parts.catalogue.replace({**CATALOGUE, "Count": record(inputs), "Text": text})
    folders = desk.parts.folders
    has_file = Fingerprints(folders).is_there

    def check(prompt: Any, records: Any, targets: list[str] | None) -> Any:
        known = Registry.from_catalogue(records)
        found = check_prompt(prompt, known, list_files=folders.list_files, has_file=has_file, targets=targets)
        return found.as_answer()

    desk.parts.intake._check = check
    desk.parts.intake._convert = lambda workflow, records, seed: (
        to_prompt(workflow, Registry.from_catalogue(records), seed=seed),
        [],
        [],
    )


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("form", WHOLE)
async def test_no_single_wrong_value_makes_the_queue_fail(desk: Desk, form: str) -> None:
    await desk.ready()
    await real_words(desk)
    prober = Prober(desk)
    await prober.ask("POST", "/prompt", json={**WHOLE[form], "prompt_id": "first"})
    assert prober.statuses == {200: 1}
    for count, place in enumerate(places_in(WHOLE[form])):
        # Every place meets a third of the junk, so that all of it comes by and the test stays short.
        for junk in JUNK[count % 3 :: 3]:
            body = json.dumps(with_junk(WHOLE[form], place, junk))
            await prober.ask("POST", "/prompt", data=body)
    assert prober.statuses[400] > 100
    for path in ("/queue", "/history", "/jobs"):
        await desk.json(path)
    await still_works(desk, SURE_GRAPH)


TEXT = {"3": {"class_type": "Text", "inputs": {}}}


def linked(**inputs: Any) -> dict[str, Any]:
    return {**SURE_GRAPH, "2": {"class_type": "Save", "inputs": {"count": ["1", 0], **inputs}}}


def step(source: str) -> dict[str, Any]:
    return {"class_type": "Step", "inputs": {"count": [source, 0]}}


def counted(**inputs: Any) -> dict[str, Any]:
    return {**SURE_GRAPH, "1": {"class_type": "Count", "inputs": {"steps": 3, "pause_s": 0.0, **inputs}}}


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize(
    ("graph", "node_id", "input_name", "kind", "words"),
    [
        ({**SURE_GRAPH, "2": {"class_type": "Sve"}}, "2", None, "missing_node_type", ["'Sve'", "Save"]),
        ({**SURE_GRAPH, "2": {"inputs": {}}}, "2", None, "missing_node_type", ["class_type"]),
        ({**SURE_GRAPH, "2": 5}, "2", None, "invalid_prompt", ["5", "wanted"]),
        (linked(count=["9", 0]), "2", "count", "bad_linked_input", ["node 9", "not in the graph"]),
        (linked(count=["1", 7]), "2", "count", "bad_linked_input", ["output 7 of node 1", "has 1"]),
        (linked(count=["1", "x"]), "2", "count", "bad_linked_input", ["'x'", "wanted a link"]),
        (
            linked(count=["3", 0]) | {"3": {"class_type": "Text"}},
            "2",
            "count",
            "return_type_mismatch",
            ["STRING", "COUNT"],
        ),
        (linked(count=["3", 0]) | {"3": step("4"), "4": step("3")}, "3", None, "dependency_cycle", ["3", "4"]),
        (counted(steps=10), "1", "steps", "value_bigger_than_max", ["10", "9"]),
        (counted(steps=-1), "1", "steps", "value_smaller_than_min", ["-1", "0"]),
        (counted(steps=10**400), "1", "steps", "value_bigger_than_max", ["1000", "9"]),
        (counted(steps=float("nan")), "1", "steps", "invalid_input_type", ["nan", "whole number"]),
        (counted(steps={}), "1", "steps", "invalid_input_type", ["{}", "whole number"]),
        ({**SURE_GRAPH, "1": {"class_type": "Count", "inputs": {}}}, "1", "steps", "required_input_missing", ["INT"]),
    ],
)
async def test_what_is_wrong_with_a_graph_names_node_input_what_was_expected_and_what_came(
    desk: Desk, graph: Any, node_id: str, input_name: str | None, kind: str, words: list[str]
) -> None:
    await desk.ready()
    await real_words(desk)
    async with desk.post("/prompt", data=json.dumps({"prompt": graph})) as response:
        answer = await response.json()
    assert response.status == 400 and set(answer) == {"error", "node_errors"}, answer
    errors = answer["node_errors"][node_id]["errors"]
    found = [each for each in errors if each["type"] == kind and each["extra_info"].get("input_name") == input_name]
    assert found, answer
    said = f"{found[0]['message']} {found[0]['details']}"
    assert all(word in said for word in words), said
    assert (await desk.json("/queue"))["queue_pending"] == []
    await still_works(desk, SURE_GRAPH)


@pytest.mark.usefixtures("strict")
async def test_ten_thousand_subgraphs_inside_each_other_are_refused_in_words(desk: Desk) -> None:
    await desk.ready()
    await real_words(desk)
    empty = {"links": [], "inputs": [], "outputs": []}
    inside = [{"id": f"s{i}", "nodes": [{"id": 1, "type": f"s{i + 1}"}], **empty} for i in range(10_000)]
    saved = {"version": 0.4, "nodes": [{"id": 1, "type": "s0"}], "links": [], "definitions": {"subgraphs": inside}}
    async with desk.post("/prompt", json={"prompt": saved}) as response:
        answer = await response.json()
    assert response.status == 400 and "256" in answer["error"]["message"] + answer["error"]["details"], answer
    await still_works(desk, SURE_GRAPH)


async def test_what_is_wrong_with_a_saved_workflow_is_told_at_its_node_too(desk: Desk) -> None:
    await desk.ready()
    await real_words(desk)
    circle = [
        {"id": i, "type": "Reroute", "inputs": [{"name": "", "type": "*", "link": 3 - i}], "outputs": []}
        for i in (1, 2)
    ]
    save = {"id": 3, "type": "Save", "inputs": [{"name": "count", "type": "COUNT", "link": 3}]}
    links = [[1, 1, 0, 2, 0, "*"], [2, 2, 0, 1, 0, "*"], [3, 2, 0, 3, 0, "*"]]
    saved = {"version": 0.4, "nodes": [*circle, save], "links": links}
    async with desk.post("/prompt", json={"prompt": saved}) as response:
        answer = await response.json()
    (node_id,) = answer["node_errors"]
    assert response.status == 400 and node_id in ("1", "2")
    assert "circle" in answer["node_errors"][node_id]["errors"][0]["details"]


def body_of(size: int) -> bytes:
    """A prompt of about so many bytes, most of them small values: what takes the most memory when read."""
    pair = b'{"a": [1, 2, 3], "b": "text"}, '
    return b'{"prompt": {"1": {"class_type": "Nope", "inputs": {"x": [' + pair * (size // len(pair)) + b"0]}}}}"


@pytest.mark.skipif(sys.platform == "win32", reason="memory is counted differently there")
@pytest.mark.parametrize("megabytes", [6, pytest.param(60, marks=pytest.mark.slow), 100])
def test_memory_comes_back_after_large_bodies(tmp_path: Path, megabytes: int) -> None:
    body = body_of(megabytes * 2**20)
    with a_server(tmp_path) as (url, process):
        for path, largest in (("/prompt", 64), ("/prompt", 64), ("/settings", 4)):
            before = psutil.Process(process.pid).memory_info().rss
            asked = urllib.request.Request(f"{url}{path}", body, method="POST")
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(asked, timeout=120)
            assert refused.value.code == (413 if megabytes > largest else 400)
            assert json.loads(refused.value.read())["error"]["message"]
            end = time.monotonic() + 30
            while psutil.Process(process.pid).memory_info().rss - before > 64 * 2**20:
                assert time.monotonic() < end, "the memory of a body is not given back"
                time.sleep(0.05)
