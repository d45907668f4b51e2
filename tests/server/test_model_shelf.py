"""Model files by pages, with what their headers say, and their hashes."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from server import keys, model_files, model_shelf
from server.model_shelf import summarize
from tests.server.front_desk import Desk, front_desk

SHELF = "/heddle/models"


def safetensors(**metadata: Any) -> bytes:
    header = json.dumps(
        {"__metadata__": metadata, "w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    ).encode()
    return struct.pack("<Q", len(header)) + header + bytes(4)


def put(desk: Desk, kind: str, name: str, data: bytes) -> Path:
    path = desk.parts.folders.models(kind)[0] / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


async def asked(desk: Desk, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    async with desk.client.request(method, path, json=body) as response:
        assert response.status == status, await response.text()
        return json.loads(await response.text())


async def hashed(desk: Desk, *names: str, kind: str = "loras") -> list[dict[str, Any]]:
    """The hashes, once all of them are there or given up."""
    body = {"models": [{"folder": kind, "name": name} for name in names]}
    told = await asked(desk, "POST", f"{SHELF}/hash", body)
    assert [each["name"] for each in told["models"]] == list(names)

    async def ended() -> Any:
        models = (await desk.json(f"{SHELF}/hash"))["models"]
        found = {each["name"]: each for each in models if each["state"] in ("known", "failed")}
        return [found[name] for name in names] if found.keys() >= set(names) else None

    return await desk.until(ended)


async def test_a_page_tells_what_headers_say(desk: Desk) -> None:
    tags = json.dumps({"10_a": {"red": 3, "cat ": 9}, "5_b": {"red": 1}})
    trained = {
        "ss_output_name": "Cats",
        "ss_base_model_version": "sd_v1",
        "ss_tag_frequency": tags,
        "ss_network_dim": "8",
    }
    put(desk, "loras", "animals/cats.safetensors", safetensors(**trained))
    pixel = io.BytesIO()
    Image.new("RGB", (2, 2)).save(pixel, "PNG")
    shown = f"data:image/png;base64,{base64.b64encode(pixel.getvalue()).decode()}"
    told = {"modelspec.title": "B", "modelspec.trigger_phrase": "ohwx, a style ,", "modelspec.thumbnail": shown}
    put(desk, "loras", "b #1.safetensors", safetensors(**told))
    put(desk, "loras", "c.safetensors", safetensors())
    put(desk, "loras", "damaged.safetensors", b"\xff" * 30)
    put(desk, "loras", "plain.pt", b"1")
    put(desk, "loras", "plain.preview.png", pixel.getvalue())
    page = await desk.json(f"{SHELF}/loras")
    found = {each["name"]: each for each in page["models"]}
    assert page["total"] == len(found) == 5
    put(desk, "text_encoders", "cats too.safetensors", safetensors())
    again = {"folders": [str(place) for place in desk.parts.folders.models("loras")], "extensions": [".safetensors"]}
    desk.parts.folders.take_kinds({"more_loras": again})  # a kind of a pack that names the same folder
    every = await desk.json(f"{SHELF}?text=cats")
    assert every["total"] == 2
    assert [(each["folder"], each["name"]) for each in every["models"]] == [
        ("loras", "animals/cats.safetensors"),
        ("text_encoders", "cats too.safetensors"),
    ]
    cats = found["animals/cats.safetensors"]
    assert (cats["path_index"], cats["sha256"], cats["preview"], cats["problem"]) == (0, None, None, None)
    assert cats["metadata"] | {"title": "Cats", "base_model": "sd_v1", "network_dim": "8"} == cats["metadata"]
    assert cats["metadata"]["tags"] == ["cat", "red"] and cats["metadata"]["trigger_words"] == []
    assert found["b #1.safetensors"]["metadata"]["trigger_words"] == ["ohwx", "a style"]
    assert found["c.safetensors"]["metadata"] is None and found["plain.pt"]["metadata"] is None
    assert "damaged" in found["damaged.safetensors"]["problem"]
    for name in ("b #1.safetensors", "plain.pt"):
        async with desk.get(found[name]["preview"]) as response:
            assert response.status == 200 and response.content_type == "image/webp"
            tag = response.headers["ETag"]
        async with desk.get(found[name]["preview"], headers={"If-None-Match": tag}) as response:
            assert response.status == 304


async def test_pages_are_searched_and_sorted(desk: Desk) -> None:
    for size, name in enumerate(("Red cat.pt", "blue cat.pt", "dogs/red.pt", "x.pt")):
        put(desk, "loras", name, bytes(10 - size))

    async def names(query: str) -> list[str]:
        return [each["name"] for each in (await desk.json(f"{SHELF}/loras?{query}"))["models"]]

    assert await names("") == ["blue cat.pt", "dogs/red.pt", "Red cat.pt", "x.pt"]
    assert await names("text=RED") == ["dogs/red.pt", "Red cat.pt"]
    assert await names("text=cat%20red") == ["Red cat.pt"]
    assert await names("sort=size&limit=2") == ["x.pt", "dogs/red.pt"]
    assert await names("sort=size&order=desc&limit=1&offset=1") == ["blue cat.pt"]
    assert (await desk.json(f"{SHELF}/loras?limit=0"))["total"] == 4
    for bad in ("sort=best", "order=up", "limit=-1", "offset=x"):
        await asked(desk, "GET", f"{SHELF}/loras?{bad}", status=400)
    await asked(desk, "GET", f"{SHELF}/nothing", status=404)


async def test_a_header_is_read_once_for_each_version_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    real = model_files.metadata_of
    monkeypatch.setattr(model_files, "metadata_of", lambda path, most: read.append(path.name) or real(path, most))
    for title in ("one", "one", "another"):
        async with front_desk(tmp_path) as desk:
            if title == "another" or not read:
                put(desk, "loras", "a.safetensors", safetensors(**{"modelspec.title": title}))
            for _ in range(2):
                (model,) = (await desk.json(f"{SHELF}/loras"))["models"]
                assert model["metadata"]["title"] == title
    assert read == ["a.safetensors"] * 2


async def test_hashes_are_computed_kept_and_forgotten_with_the_file(desk: Desk) -> None:
    data = {"a.pt": b"one", "b.pt": bytes(9_000_000), "sub/c.pt": b""}
    for name, content in data.items():
        put(desk, "loras", name, content)
    told = await hashed(desk, *data)
    assert [each["sha256"] for each in told] == [hashlib.sha256(each).hexdigest() for each in data.values()]
    assert [each["autov2"] for each in told] == [each["sha256"][:10] for each in told]
    assert {each["percent"] for each in told} == {100.0}
    page = {each["name"]: each for each in (await desk.json(f"{SHELF}/loras"))["models"]}
    assert page["a.pt"]["autov2"] == hashlib.sha256(b"one").hexdigest()[:10]
    at_once = await asked(desk, "POST", f"{SHELF}/hash", {"models": [{"folder": "loras", "name": "a.pt"}]})
    assert at_once["models"][0]["state"] == "known"
    put(desk, "loras", "a.pt", b"another one")
    page = {each["name"]: each for each in (await desk.json(f"{SHELF}/loras"))["models"]}
    assert page["a.pt"]["sha256"] is None and page["b.pt"]["sha256"] is not None
    (again,) = await hashed(desk, "a.pt")
    assert again["sha256"] == hashlib.sha256(b"another one").hexdigest()


async def test_what_cannot_be_hashed_says_why_and_holds_up_no_other(desk: Desk, tmp_path: Path) -> None:
    put(desk, "loras", "a.pt", b"one")
    names = ["../a.pt", "nothing.pt", "a.pt"]
    told = {each["name"]: each for each in await hashed(desk, *names)}
    assert [told[name]["state"] for name in names] == ["failed", "failed", "known"]
    assert told["../a.pt"]["reason"] and str(tmp_path) not in told["../a.pt"]["reason"]
    (none,) = (await asked(desk, "POST", f"{SHELF}/hash", {"models": [{"folder": "no", "name": "a.pt"}]}))["models"]
    assert none["state"] == "failed"
    for bad in ({"models": []}, {"models": [{"folder": "loras"}]}, {"models": "a.pt"}, {}):
        await asked(desk, "POST", f"{SHELF}/hash", bad, status=400)


async def test_a_file_that_changes_while_it_is_hashed_gets_no_hash(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(desk, "loras", "a.pt", bytes(1000))
    real = hashlib.sha256

    def changing() -> Any:
        path.write_bytes(bytes(2000))
        return real()

    monkeypatch.setattr(model_shelf.hashlib, "sha256", changing)
    (told,) = await hashed(desk, "a.pt")
    assert told["state"] == "failed" and "changed while it was read" in told["reason"]


async def test_clients_that_know_the_word_hear_of_hashes_and_the_end_waits_for_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_shelf, "TELL_EVERY_S", 0.01)
    async with front_desk(tmp_path) as desk:
        put(desk, "loras", "a.pt", b"one")
        knows = await desk.socket("knows", heddle_models=True)
        await hashed(desk, "a.pt")
        heard: list[dict[str, Any]] = []
        while not heard or heard[-1]["state"] != "known":
            message = await knows.receive_json(timeout=60)
            heard += message["data"]["models"] if message["type"] == "heddle_models" else []
        path = put(desk, "loras", "large.pt", b"")
        with path.open("wb") as file:
            file.truncate(16 << 30)  # takes no room, and ten seconds to read
        await asked(desk, "POST", f"{SHELF}/hash", {"models": [{"folder": "loras", "name": "large.pt"}]})
        await asyncio.sleep(0.05)
        shelf = desk.client.app[keys.MODELS]
    (last,) = [each for each in shelf.hashes if each.name == "large.pt"]
    assert (last.state, last.reason) == ("failed", "the server stops")


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"ss_tag_frequency": "{"}, None),
        ({"ss_tag_frequency": '{"a": {"b": "many"}}'}, None),
        ({"ss_tag_frequency": "[" * 5000}, None),
        ({"ss_tag_frequency": 3, "modelspec.title": ["x"], "modelspec.tags": {"a": 1}}, "{'a': 1}"),
        ({"modelspec.title": "t" * 5000}, None),
        ({"ss_output_name": "None", "modelspec.title": " "}, None),
    ],
)
def test_strange_headers_are_no_trouble(tmp_path: Path, metadata: dict[str, Any], words: str | None) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(safetensors(**metadata))
    told = summarize(path).get("metadata")
    assert told is None or len(str(told["title"])) <= 500
    assert words is None or (told is not None and told["tags"] == [words])


@pytest.mark.parametrize("data", [b"", b"\0" * 8, struct.pack("<Q", 2**40), struct.pack("<Q", 2) + b"[]"])
def test_damaged_files_say_so(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(data)
    assert "damaged" in summarize(path)["problem"]
