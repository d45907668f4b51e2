"""`main.py replay`: a file is made again from what it carries, and the two are compared."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from heddle.media.carriers import read_carried
from heddle.media.pictures import read_picture, write_png
from heddle.settings.command_line import parse
from heddle.settings.file_hashes import FileHashes
from heddle.settings.options import HOUSE
from tests.test_commands import Done, command

DEMO = HOUSE / "models" / "checkpoints" / "heddle-demo.safetensors"
PROMPT: dict[str, Any] = {
    "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": DEMO.name}},
    "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "a red circle", "clip": ["1", 1]}},
    "3": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 2}},
    "4": {
        "class_type": "KSampler",
        "inputs": {
            "model": ["1", 0],
            "positive": ["2", 0],
            "negative": ["2", 0],
            "latent_image": ["3", 0],
            "seed": 7,
            "steps": 2,
            "cfg": 2.0,
            "sampler_name": "euler",
            "scheduler": "normal",
            "denoise": 1.0,
        },
    },
    "5": {"class_type": "VAEDecode", "inputs": {"samples": ["4", 0], "vae": ["1", 2]}},
    "6": {"class_type": "SaveImage", "inputs": {"images": ["5", 0], "filename_prefix": "demo"}},
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base directory in which the demo model's hash is known."""
    folder = tmp_path_factory.mktemp("base")
    FileHashes(folder / "user" / "file_hashes.sqlite").compute(DEMO)
    return folder


@pytest.fixture(scope="module")
def picture(base: Path) -> Path:
    """The second of two pictures that the demo model made."""
    workflow = base / "workflow.json"
    workflow.write_text(json.dumps(PROMPT))
    done = command("run", workflow, "--cpu", base=base)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.splitlines()[1])


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


def changed(
    picture: Path, to: Path, change: Callable[[dict[str, Any], dict[str, Any]], object] = lambda prompt, capsule: None
) -> Path:
    """A copy of the picture whose graph or capsule says something else."""
    values = read_carried(picture).values
    prompt, capsule = values["prompt"], values["heddle"]
    change(prompt, capsule)
    write_png(to, read_picture(picture).frames[0], {"prompt": json.dumps(prompt), "heddle": json.dumps(capsule)})
    return to


def replay(file: Path, base: Path, *more: str) -> Done:
    before, outputs = file.read_bytes(), sorted((base / "output").iterdir())
    done = command("replay", file, "--cpu", *more, base=base)
    assert file.read_bytes() == before and sorted((base / "output").iterdir()) == outputs
    assert "Traceback" not in done.stderr
    return done


def test_a_picture_carries_what_it_was_made_with_and_no_path(picture: Path, base: Path) -> None:
    text = read_carried(picture).texts["heddle"]
    capsule = json.loads(text)
    sha256 = hashlib.sha256(DEMO.read_bytes()).hexdigest()
    assert capsule["files"] == [{"kind": "checkpoints", "name": DEMO.name, "sha256": sha256}]
    assert capsule.keys() == {
        *("format", "heddle", "samplers", "noise", "torch", "device", "attention", "formats", "packs", "files")
    }
    assert str(base) not in text and str(HOUSE) not in text


def test_a_picture_of_the_demo_model_is_made_again_equal(picture: Path, base: Path, places: Path) -> None:
    done = replay(picture, base)
    assert (done.returncode, done.stdout) == (0, f"{picture}: equal: every pixel is the same\n")
    assert not os.listdir(places)


def test_nothing_is_taken_from_earlier_runs(picture: Path, base: Path) -> None:
    kept = ["--disk-cache-worth-s", "0"]
    for words in (["run", picture, "--cpu", *kept], ["run", picture, "--cpu", *kept]):
        done = command(*words, base=base)
    assert "had their results already" in done.stderr
    done = replay(picture, base, *kept)
    assert done.returncode == 0 and "had their results already" not in done.stderr


def test_another_seed_in_the_file_shows_in_the_pixels(picture: Path, base: Path, tmp_path: Path) -> None:
    file = changed(picture, tmp_path / "a.png", lambda prompt, _: prompt["4"]["inputs"].update(seed=8))
    done = replay(file, base)
    assert done.returncode == 4
    assert re.search(r"different: the largest difference is \d+ of 255, the mean [\d.]+ of 255", done.stdout)
    assert "all that it says of its making is the same here" in done.stdout
    made = re.search(r"made now: (.*)", done.stdout)
    assert made is not None and Path(made[1]).is_file()


def test_a_change_that_no_pixel_shows_is_no_difference(picture: Path, base: Path, tmp_path: Path) -> None:
    def change(prompt: dict[str, Any], capsule: dict[str, Any]) -> None:
        prompt["6"]["inputs"]["filename_prefix"] = "other"
        capsule["torch"] = "1.0"

    assert replay(changed(picture, tmp_path / "a.png", change), base).returncode == 0


def test_what_differs_here_is_named(picture: Path, base: Path, tmp_path: Path) -> None:
    def change(prompt: dict[str, Any], capsule: dict[str, Any]) -> None:
        prompt["4"]["inputs"]["seed"] = 9
        capsule |= {"torch": "1.0", "device": "cuda NVIDIA H200", "packs": {"gone": "2"}}
        capsule["files"][0]["sha256"] = "ab" * 32

    done = replay(changed(picture, tmp_path / "a.png", change), base)
    assert done.returncode in (3, 4)
    for words in ("torch's version was '1.0'", "'cuda NVIDIA H200'", "'gone'", "is another file here"):
        assert words in done.stdout


def test_a_picture_that_was_touched_a_little_is_close(picture: Path, base: Path, tmp_path: Path) -> None:
    values = read_carried(picture)
    pixels = read_picture(picture).frames[0].copy()
    pixels[:4] ^= 1
    write_png(tmp_path / "a.png", pixels, values.texts)
    done = replay(tmp_path / "a.png", base)
    assert done.returncode == 3 and "close: the largest difference is 1 of 255" in done.stdout


def test_a_missing_model_is_named_with_the_hash_it_had(picture: Path, base: Path, tmp_path: Path, places: Path) -> None:
    def change(prompt: dict[str, Any], capsule: dict[str, Any]) -> None:
        prompt["1"]["inputs"]["ckpt_name"] = capsule["files"][0]["name"] = "gone.safetensors"

    done = replay(changed(picture, tmp_path / "a.png", change), base)
    assert done.returncode == 1 and "cannot be made again here" in done.stdout
    assert "'gone.safetensors', which is not there" in done.stdout
    assert f"has the SHA-256 {hashlib.sha256(DEMO.read_bytes()).hexdigest()}" in done.stdout
    assert not os.listdir(places)


def test_a_picture_without_a_capsule_says_that_the_reason_is_not_known(
    picture: Path, base: Path, tmp_path: Path
) -> None:
    prompt = read_carried(picture).values["prompt"]
    write_png(tmp_path / "a.png", 255 - read_picture(picture).frames[0], {"prompt": json.dumps(prompt)})
    done = replay(tmp_path / "a.png", base)
    assert done.returncode == 4 and "does not say with what it was made" in done.stdout


def test_an_earlier_result_is_read_and_nothing_goes_beside_it(base: Path, tmp_path: Path, picture: Path) -> None:
    prompt = {
        "1": {"class_type": "LoadImage", "inputs": {"image": f"{picture.name} [output]"}},
        "2": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}},
        "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "demo"}},
    }
    inverted = 255 - read_picture(picture).frames[0]
    write_png(tmp_path / "a.png", inverted, {"prompt": json.dumps(prompt)})
    assert replay(tmp_path / "a.png", base).stdout.endswith("equal: every pixel is the same\n")


def test_a_workflow_alone_runs_and_says_what_it_made(base: Path, tmp_path: Path, picture: Path) -> None:
    workflow = tmp_path / "w.json"
    workflow.write_text(json.dumps(PROMPT))
    done = replay(workflow, base)
    assert done.returncode == 0 and "nothing in it to compare with" in done.stdout
    (first, second) = (Path(line.strip()) for line in done.stdout.splitlines()[1:])
    assert first.is_file() and second.is_file()


def test_a_file_without_a_workflow_and_one_that_is_not_there(base: Path, tmp_path: Path, picture: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "plain.png")
    assert "carries no workflow" in replay(tmp_path / "plain.png", base).stderr
    done = command("replay", tmp_path / "missing.png", base=base)
    assert done.returncode == 1 and "no such file" in done.stderr


def test_files_carry_nothing_when_asked_so(base: Path, tmp_path: Path, picture: Path) -> None:
    assert parse(["--disable-metadata"]).no_metadata and not parse([]).no_metadata
    done = command("run", picture, "--disable-metadata", "--cpu", "--output-directory", str(tmp_path), base=base)
    for line in done.stdout.splitlines():
        assert not read_carried(Path(line)).texts


def test_a_hash_becomes_known_beside_the_first_run(tmp_path: Path) -> None:
    workflow = tmp_path / "workflow.json"
    workflow.write_text(json.dumps(PROMPT))
    assert command("run", workflow, "--cpu", base=tmp_path).returncode == 0
    until = time.monotonic() + 20
    while (found := FileHashes(tmp_path / "user" / "file_hashes.sqlite").known(DEMO)) is None:
        assert time.monotonic() < until
        time.sleep(0.02)
    assert found == hashlib.sha256(DEMO.read_bytes()).hexdigest()
