"""Which of the listed workflows run at once on this machine."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

import server.readiness
from heddle.settings.folders import Folders
from heddle.settings.options import HOUSE, Settings
from nodes.catalogue import built_in
from server.catalogue import Catalogue
from server.readiness import Readiness, Ready
from tests.server.fake_worker import PNG
from tests.server.front_desk import Desk
from tests.tiny_checkpoint import write_tiny_checkpoint


def write(path: Path, document: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document) if not isinstance(document, str) else document)
    return path


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders.from_settings(Settings(base_directory=tmp_path))


async def catalogue_of(folders: Folders, tmp_path: Path) -> Catalogue:
    catalogue = Catalogue(tmp_path / "catalogue.json", folders.list_files)
    await catalogue.replace(built_in().catalogue())
    return catalogue


async def test_what_ships_runs_with_the_model_that_ships_or_says_which_files_it_needs(
    folders: Folders, tmp_path: Path
) -> None:
    paths = sorted((HOUSE / "workflows").glob("*.json"))
    told = Readiness(folders).tell(paths, await catalogue_of(folders, tmp_path))
    assert [each.missing_types for each in told if each.missing_types] == []
    needs = {path.stem: {name for _, name in each.missing_files} for path, each in zip(paths, told, strict=True)}
    assert [each.runs for each in told] == [not files for files in needs.values()]
    for path in paths:
        nodes = json.loads(path.read_text(encoding="utf-8"))["nodes"]
        note = "".join(node["widgets_values"][0] for node in nodes if node["type"] == "MarkdownNote")
        assert [name for name in needs[path.stem] if f"`{name}`" not in note] == [], path.stem
    assert {"text_to_image", "image_to_image", "latent_upscale"} <= {name for name, files in needs.items() if not files}


async def test_what_is_missing_is_named_and_noticed_when_it_comes(folders: Folders, tmp_path: Path) -> None:
    text = (HOUSE / "workflows" / "image_to_image.json").read_text()
    path = write(tmp_path / "a.json", text.replace("heddle-demo", "mine").replace("heddle_example", "picture"))
    unknown = write(tmp_path / "b.json", text.replace('"VAEEncode"', '"From a pack"'))
    readiness, catalogue = Readiness(folders), await catalogue_of(folders, tmp_path)
    first, second = readiness.tell([path, unknown], catalogue)
    assert first.runs is False and list(first.missing_files) == [
        ("checkpoints", "mine.safetensors"),
        ("input", "picture.png"),
    ]
    assert second.runs is False and list(second.missing_types) == ["From a pack"]
    assert first.told()["missing"]["files"][0] == {"kind": "checkpoints", "name": "mine.safetensors"}
    write_tiny_checkpoint(tmp_path / "models" / "checkpoints" / "mine.safetensors")
    (tmp_path / "input").mkdir()
    (tmp_path / "input" / "picture.png").write_bytes(PNG)
    assert [each.runs for each in readiness.tell([path, unknown], catalogue)] == [True, False]
    shutil.copy(path, unknown)
    assert [each.runs for each in readiness.tell([path, unknown], catalogue)] == [True, True]


async def test_a_workflow_is_read_once_for_each_state(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [write(tmp_path / f"{i}.json", (HOUSE / "workflows" / "text_to_image.json").read_text()) for i in range(3)]
    readiness, catalogue = Readiness(folders), await catalogue_of(folders, tmp_path)
    read: list[Path] = []
    real = server.readiness.read_document
    monkeypatch.setattr(server.readiness, "read_document", lambda path: read.append(path) or real(path))
    for _ in range(3):
        readiness.tell(paths, catalogue)
    assert read == paths
    os.utime(paths[1], ns=(1, 1))
    readiness.tell(paths, catalogue)
    assert read == [*paths, paths[1]]
    await catalogue.replace(built_in().catalogue())
    readiness.tell(paths, catalogue)
    assert len(read) == 7


async def test_many_workflows_are_read_over_several_requests(folders: Folders, tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{i}.json", (HOUSE / "workflows" / "text_to_image.json").read_text()) for i in range(6)]
    now = 0.0

    def clock() -> float:  # each look at it takes a fifth of a second
        nonlocal now
        now += 0.2
        return now

    readiness, catalogue = Readiness(folders, clock), await catalogue_of(folders, tmp_path)
    counts = []
    for _ in range(4):
        counts.append(sum(each.runs is None for each in readiness.tell(paths, catalogue)))
    assert counts[0] > counts[1] and counts[-1] == 0


@pytest.mark.parametrize(
    "document",
    ['{"nodes": [', "[]", "{}", {"nodes": [{"id": 1}], "version": 0.4}, {"nodes": [], "version": 0.4}]
    + [{"nodes": [{"id": 1, "type": "VAEDecode", "inputs": 3}], "version": 0.4}, "[" * 50_000],
)
async def test_what_is_broken_does_not_run_and_says_why(folders: Folders, tmp_path: Path, document: Any) -> None:
    path = write(tmp_path / "a.json", document)
    (told,) = Readiness(folders).tell([path], await catalogue_of(folders, tmp_path))
    assert told.runs is False and told.problem and str(tmp_path) not in told.problem
    path.unlink()
    (told,) = Readiness(folders).tell([path], await catalogue_of(folders, tmp_path))
    assert told.runs is False


async def test_nothing_is_known_without_a_catalogue(folders: Folders, tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path / "none.json", folders.list_files)
    assert Readiness(folders).tell([tmp_path / "a.json"], catalogue) == [Ready()]


async def test_the_list_tells_it_of_shipped_and_own_ones_with_pictures(desk: Desk, tmp_path: Path) -> None:
    await desk.ready()
    graph = {"1": {"class_type": "Count", "inputs": {}}, "2": {"class_type": "Save", "inputs": {"count": ["1", 0]}}}
    write(tmp_path / "workflows" / "some thing.json", graph)
    (tmp_path / "workflows" / "some thing.webp").write_bytes(b"RIFF\0\0\0\0WEBP")
    write(
        tmp_path / "user" / "default" / "workflows" / "mine" / "own.json", {"1": {"class_type": "Gone", "inputs": {}}}
    )
    shipped, own = await desk.json("/heddle/workflows")
    assert (shipped["name"], shipped["runs"], shipped["problem"]) == ("some thing", True, None)
    async with desk.get(shipped["thumbnail"]) as response:
        assert response.status == 200
    assert (own["name"], own["source"], own["runs"], own["thumbnail"]) == ("mine/own", "user", False, None)
    assert own["missing"] == {"nodes": ["Gone"], "files": []}
    async with desk.client.put("/heddle/files/workflows/mine%2Fown.json/thumbnail", data=PNG) as response:
        address = (await response.json())["thumbnail"]
    assert (await desk.json("/heddle/workflows"))[1]["thumbnail"] == address
