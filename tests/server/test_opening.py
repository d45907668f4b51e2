"""Opening anything: each carrier, both forms, A1111's settings, and whatever else people drop."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import random
import time
import zlib
from pathlib import Path
from typing import Any

import pytest
from aiohttp import FormData
from PIL import Image

import server.model_files
from server import keys
from server.keys import Limits
from tests.heddle.media import carrier_files as made
from tests.heddle.media.carrier_files import PROMPT, SETTINGS, TEXTS, WORKFLOW
from tests.server.fake_worker import PNG
from tests.server.front_desk import GRAPH, Desk, front_desk

TAGS = {0x010F: b"workflow:" + json.dumps(WORKFLOW).encode(), 0x0110: b"prompt:" + json.dumps(PROMPT).encode()}
BOTH = json.dumps({"workflow": WORKFLOW, "prompt": PROMPT})
CARRIERS = {
    "a.png": made.png(*(made.plain_text(key, text) for key, text in TEXTS.items())),
    "b.png": made.png(*(made.international_text(key, text, packed=True) for key, text in TEXTS.items())),
    "c.apng": made.png(after=made.own_text("workflow", json.dumps(WORKFLOW))),
    "d.webp": made.webp(made.exif(TAGS)),
    "e.avif": made.avif(made.exif(TAGS)),
    "f.jpg": made.jpeg(made.segment(0xE1, b"Exif\0\0" + made.exif(TAGS))),
    "g.gif": made.gif(BOTH.encode()),
    "h.svg": made.svg(made.SVG_DATA),
    "i.mp4": made.mp4(made.movie_metadata(TEXTS)),
    "j.webm": made.matroska(made.tags(TEXTS)),
    "k.flac": made.flac((4, made.vorbis_comment(TEXTS))),
    "l.mp3": made.id3(*(made.id3_frame(made.user_text(key, text)) for key, text in TEXTS.items())),
    "m.glb": made.glb({"asset": {"extras": {"workflow": WORKFLOW, "prompt": PROMPT}}}),
    "n.latent": made.safetensors(TEXTS),
    "o.json": json.dumps(WORKFLOW).encode(),
    "q.exr": made.exr(TEXTS),
    "p.json": b"\xef\xbb\xbf" + json.dumps(WORKFLOW).encode(),
}


async def opened(desk: Desk, data: bytes, filename: str = "my file.png", status: int = 200) -> Any:
    form = FormData()
    form.add_field("file", data, filename=filename)
    async with desk.post("/heddle/open", data=form) as response:
        text = await response.text()
        assert response.status == status, text
        return json.loads(text)


async def opened_text(desk: Desk, text: str | bytes, status: int = 200, query: str = "") -> Any:
    async with desk.post(f"/heddle/open{query}", data=text) as response:
        told = await response.text()
        assert response.status == status, told
        return json.loads(told)


@pytest.mark.parametrize("filename", CARRIERS)
async def test_every_carrier_gives_its_workflow(desk: Desk, filename: str) -> None:
    found = await opened(desk, CARRIERS[filename], filename)
    assert found["kind"] == "workflow" and found["workflow"] == WORKFLOW
    assert found["name"] == filename.partition(".")[0]


async def test_the_order_is_templates_workflow_prompt_parameters(desk: Desk) -> None:
    texts = {**TEXTS, "templates": json.dumps([{"name": "t", "data": "{}"}]), "parameters": SETTINGS}
    for kind in ("templates", "workflow", "prompt", "parameters"):
        data = made.png(*(made.plain_text(key, text) for key, text in texts.items()))
        found = await opened(desk, data)
        assert found["kind"] == kind
        del texts[kind]
    assert (await opened(desk, made.png()))["kind"] == "media"
    assert (await opened_text(desk, json.dumps({"templates": [1]})))["templates"] == [1]


async def test_a_graph_becomes_a_workflow(desk: Desk) -> None:
    await desk.ready()
    for found in (
        await opened(desk, json.dumps(GRAPH).encode(), "graph.json"),
        await opened_text(desk, json.dumps(GRAPH), query="?name=some/graph.json"),
        await opened_text(desk, json.dumps({"prompt": GRAPH, "client_id": "x"}), query="?name=graph.json"),
    ):
        assert (found["kind"], found["name"], found["prompt"]) == ("prompt", "graph", GRAPH)
        count, save = found["workflow"]["nodes"]
        assert (count["type"], count["widgets_values_named"]["steps"], save["inputs"][0]["link"]) == ("Count", 3, 1)
        assert count["pos"][0] < save["pos"][0]
    whole = {"prompt": GRAPH, "extra_data": {"extra_pnginfo": {"workflow": WORKFLOW}}}
    assert (await opened_text(desk, json.dumps(whole)))["workflow"] == WORKFLOW


async def test_unknown_types_and_links_to_nothing_open_all_the_same(desk: Desk) -> None:
    await desk.ready()
    graph = {"1": {"class_type": "Nobody Knows", "inputs": {"a": [1, 2, 3], "b": ["9", 0], "text": "<script>"}}}
    found = await opened_text(desk, json.dumps(graph))
    (node,) = found["workflow"]["nodes"]
    assert node["widgets_values_named"] == {"a": [1, 2, 3], "text": "<script>"}
    assert any("node 1, b" in note for note in found["notes"])


async def test_settings_of_another_program_become_a_workflow(desk: Desk) -> None:
    await desk.ready()
    carried = made.png(made.plain_text("parameters", SETTINGS))
    in_jpeg = made.jpeg(made.segment(0xE1, b"Exif\0\0" + made.exif({}, b"UNICODE\0" + SETTINGS.encode("utf-16-le"))))
    for data, filename in ((carried, "x.png"), (in_jpeg, "x.jpg"), (SETTINGS.encode(), "x.txt")):
        found = await opened(desk, data, filename)
        assert found["kind"] == "parameters" and found["text"].startswith("a red circle")
        assert found["parameters"]["Prompt"] == "a red circle, 丸" and found["parameters"]["Seed"] == "5"
        sampler = next(node for node in found["workflow"]["nodes"] if node["type"] == "KSampler")
        assert sampler["widgets_values_named"]["sampler_name"] == "euler_ancestral"
        assert any("CheckpointLoaderSimple" in note for note in found["notes"])  # the fake worker has no such node
    assert (await opened_text(desk, SETTINGS))["kind"] == "parameters"


async def test_the_checkpoint_of_settings_is_found_by_its_hash(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.ready()
    folder = tmp_path / "models" / "checkpoints"
    folder.mkdir(parents=True)
    data = random.Random(1).randbytes(0x120000)
    (folder / "mine.safetensors").write_bytes(data)
    (folder / "zeros.safetensors").write_bytes(bytes(0x120000))
    old = hashlib.sha256(data[0x100000:0x110000]).hexdigest()[:8]
    for wanted in (hashlib.sha256(data).hexdigest()[:10], old, old.upper()):
        found = await opened_text(desk, f"{SETTINGS}, Model: theirs, Model hash: {wanted}")
        assert found["prompt"]["1"]["inputs"]["ckpt_name"] == "mine.safetensors"
    monkeypatch.setattr(server.model_files, "HASHED_BYTES", 0)  # from here on, only what is known already
    wanted = hashlib.sha256(data).hexdigest()[:10]
    found = await opened_text(desk, f"{SETTINGS}, Model: theirs, Model hash: {wanted}")
    assert found["prompt"]["1"]["inputs"]["ckpt_name"] == "theirs.safetensors"
    models = desk.client.app[keys.MODELS]
    (asked,) = await models.ask([("checkpoints", "mine.safetensors")])
    await desk.until(lambda: asyncio.sleep(0, asked.sha256))
    found = await opened_text(desk, f"{SETTINGS}, Model: theirs, Model hash: {wanted}")
    assert found["prompt"]["1"]["inputs"]["ckpt_name"] == "mine.safetensors"
    found = await opened_text(desk, f"{SETTINGS}, Model: mime, Model hash: 0123456789")
    assert any("mine.safetensors" in note for note in found["notes"])
    at = next(
        i for i, said in enumerate(found["notes_said"]) if said and said["words"].startswith("the checkpoint {name!r}")
    )
    assert found["notes"][at].startswith("the checkpoint 'mime' is not here (similar: 'mine.safetensors'")
    values = found["notes_said"][at]["values"]
    assert values["name"] == "mime" and "mine.safetensors" in values["near"]["values"]["names"]


async def test_a_refusal_tells_what_its_sentence_was_made_of(desk: Desk) -> None:
    await desk.ready()
    answer = await desk.client.post("/heddle/open", data=b'{"some": "thing"}')
    error = (await answer.json())["error"]
    assert (answer.status, error["extra_info"]["said"]["words"]) == (400, error["details"])
    answer = await desk.client.get("/heddle/files/workflows/none.json")
    error = (await answer.json())["error"]
    assert (error["type"], error["message"]) == ("not_found", "there is no workflow 'none.json'")
    assert error["extra_info"]["said"] == {"words": "there is no workflow {name!r}", "values": {"name": "none.json"}}


def picture(form: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(file, form)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "filename", "media"),
    [
        (PNG, "a.png", "image"),
        (picture("JPEG"), "a.jpg", "image"),
        (picture("BMP"), "a.bmp", "image"),
        (made.exr({}), "a.exr", "image"),
        (b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 1\n\1\1\1\1", "a.hdr", "image"),
        (made.mp4(), "a.mp4", "video"),
        (made.mp4(), "a.m4a", "audio"),
        (made.flac(), "a.flac", "audio"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "a.wav", "audio"),
        (made.safetensors({"format": "pt"}), "lora.safetensors", "model"),
        (made.glb({"asset": {}}), "a.glb", "3d"),
    ],
)
async def test_a_file_without_a_workflow_is_what_it_is(desk: Desk, data: bytes, filename: str, media: str) -> None:
    found = await opened(desk, data, filename)
    assert (found["kind"], found["media"]) == ("media", media)


@pytest.mark.parametrize(
    ("data", "filename"),
    [
        (b"\x89PNG\r\n\x1a\n and then nothing of a picture", "a.png"),
        (b"\xff\xd8\xff\xe0 no", "a.jpg"),
        (b"RIFF\x10\0\0\0WEBPnope", "a.webp"),
        (b"just some words about a cat", "a.txt"),
        (b"MZ\x90\0" + bytes(300), "a.exe"),
        (b"\0" * 1000, "a.png"),
        (b"<html><script>alert(1)</script></html>", "a.html"),
    ],
)
async def test_what_is_nothing_is_said_to_be_nothing(desk: Desk, data: bytes, filename: str) -> None:
    assert (await opened(desk, data, filename))["kind"] == "nothing"


async def test_a_damaged_workflow_in_a_picture_leaves_the_picture_and_says_so(desk: Desk) -> None:
    for broken in ('{"nodes": [', "[" * 5000, '{"nodes": 3}'):
        data = made.png(made.plain_text("workflow", broken))
        found = await opened(desk, data)
        assert found["kind"] == "media"
    assert any("workflow" in note for note in (await opened(desk, made.png(made.plain_text("workflow", "{"))))["notes"])
    await desk.ready()
    data = made.png(made.plain_text("workflow", "{"), made.plain_text("prompt", json.dumps(GRAPH)))
    found = await opened(desk, data)
    assert found["kind"] == "prompt" and found["notes"]
    cut = CARRIERS["a.png"][:-40]
    assert (await opened(desk, cut))["kind"] in ("workflow", "prompt", "media")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('{"nodes": [', "JSON"),
        ("[1, 2", "JSON"),
        ("[" * 100_000, "deep"),
        ('{"a": ' * 900 + "1" + "}" * 900, ""),
        ("{}", "not a workflow"),
        ('{"hello": 1}', "not a workflow"),
        ("[1, 2, 3]", "not a workflow"),
        ('{"nodes": {"a": 1}, "version": 1}', "not a workflow"),
        ('{"x": ' + "9" * 5000 + "}", "JSON"),
        ('{"1": {"class_type": 3, "inputs": {}}}', "class_type"),
        ('{"1": {"class_type": "Count", "inputs": [1]}}', "node 1"),
    ],
)
async def test_json_that_is_no_workflow_is_refused_in_words(desk: Desk, text: str, word: str) -> None:
    await desk.ready()
    for told in (await opened_text(desk, text, 400), await opened(desk, text.encode(), "a.json", 400)):
        words = f"{told['error']['message']} {told['error']['details']}"
        assert word in words and len(words) < 1000


async def test_numbers_that_json_has_no_word_for_do_no_harm(desk: Desk) -> None:
    await desk.ready()
    found = await opened_text(desk, '{"nodes": [], "version": 0.4, "extra": {"x": NaN, "y": -Infinity}}')
    assert found["workflow"]["extra"] == {"x": None, "y": None}
    found = await opened_text(desk, '{"1": {"class_type": "Count", "inputs": {"steps": NaN, "pause_s": Infinity}}}')
    assert found["kind"] == "prompt"


async def test_an_empty_file_and_no_file_are_refused(desk: Desk) -> None:
    await opened(desk, b"", status=400)
    await opened_text(desk, b"", 400)
    form = FormData()
    form.add_field("other", b"x", filename="a.png")
    async with desk.post("/heddle/open", data=form) as response:
        assert response.status == 400


async def test_a_workflow_of_50_mb_and_more_than_is_taken(tmp_path: Path) -> None:
    async with front_desk(tmp_path, limits=Limits(upload_bytes=60 << 20)) as desk:
        large = json.dumps({"nodes": [], "version": 0.4, "extra": {"x": "y" * (50 << 20)}}).encode()
        began = time.perf_counter()
        found = await opened(desk, large, "large.json")
        assert found["kind"] == "workflow" and len(found["workflow"]["extra"]["x"]) == 50 << 20
        assert time.perf_counter() - began < 60
        crowded = b'{"nodes": [' + b"0," * 5_000_000 + b"0]}"
        assert "values" in (await opened(desk, crowded, "crowded.json", 400))["error"]["message"]
        await opened(desk, b"{" + b" " * (60 << 20), "larger.json", 413)


async def test_a_text_that_unpacks_without_end_is_not_unpacked(desk: Desk) -> None:
    bomb = zlib.compress(b"[" * (300 << 20), 9)
    data = made.png(made.png_chunk(b"zTXt", b"workflow\0\0" + bomb))
    found = await opened(desk, data)
    assert found["kind"] == "media" and found["notes"]


@pytest.mark.parametrize(
    "filename", ["../../etc/passwd", "C:\\x\\y.json", "x" * 5000 + ".json", "日本.json", "a/../b.json", ".json"]
)
async def test_a_name_is_only_a_name(desk: Desk, filename: str) -> None:
    form = FormData()
    form.add_field("file", json.dumps(WORKFLOW).encode(), filename=filename)
    async with desk.post("/heddle/open", data=form) as response:
        assert response.status in (200, 400)
        if response.status == 200:
            name = (await response.json())["name"]
            assert len(name) <= 200 and not set(name) & set("/\\\0")
    assert list(desk.parts.folders.temp.glob("*.json")) == []


async def test_cut_and_stirred_files_never_break_the_server(desk: Desk) -> None:
    await desk.ready()
    chance = random.Random(7)
    for data in CARRIERS.values():
        for _ in range(4):
            damaged = bytearray(data[: chance.randrange(1, len(data) + 1)])
            for _ in range(chance.randrange(4)):
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            form = FormData()
            form.add_field("file", bytes(damaged), filename="x")
            async with desk.post("/heddle/open", data=form) as response:
                assert response.status in (200, 400), await response.text()
