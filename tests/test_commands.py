"""main.py as a person uses it: run, check and nodes, with a tiny model, and what goes wrong in words."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zlib
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from heddle.numerics.attention import attend
from heddle.settings.command_line import parse
from heddle.settings.options import HOUSE
from main import build_worker, main
from tests.heddle.media.carrier_files import exif, matroska, tags, webp
from tests.tiny_checkpoint import write_tiny_checkpoint

WORKFLOW = HOUSE / "workflows" / "text_to_image.json"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base directory with a tiny model in it, and a space in its name."""
    folder = tmp_path_factory.mktemp("my base")
    write_tiny_checkpoint(folder / "models" / "checkpoints" / "tiny.safetensors")
    return folder


@dataclass
class Done:
    """How a command ended and what it wrote."""

    returncode: int
    stdout: str
    stderr: str


def command(*words: str | Path, base: Path | None = None) -> Done:
    """Carry out a command line in this process: a new one costs seconds, most of them torch's import."""
    more = ["--base-directory", str(base)] if base else []
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        returncode = main([*map(str, words), *more])
    return Done(returncode, out.getvalue(), err.getvalue())


def run(base: Path, *words: str, workflow: Path = WORKFLOW) -> Done:
    small = [
        "--set",
        "1.ckpt_name=tiny.safetensors",
        "--set",
        "KSampler.steps=2",
        "--set",
        "Empty Latent Image.width=64",
    ]
    return command("run", workflow, *(small if workflow == WORKFLOW else []), *words, base=base)


def test_run_prints_the_path_of_a_picture_that_carries_what_made_it(base: Path, tmp_path: Path) -> None:
    done = run(base, "--set", "Prompt.text=a tiny thing", "--output-directory", str(tmp_path / "out"), "--cpu")
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    path = Path(line)
    assert path.parent == tmp_path / "out"
    with Image.open(path) as picture:
        assert picture.size == (64, 128)
        texts: dict[str, Any] = dict(getattr(picture, "text", {}))
    prompt = json.loads(texts["prompt"])
    assert prompt["1"]["inputs"]["ckpt_name"] == "tiny.safetensors"
    assert any(node["inputs"].get("text") == "a tiny thing" for node in prompt.values())
    assert json.loads(texts["workflow"]) == json.loads(WORKFLOW.read_text())
    assert "KSampler" in done.stderr and "Traceback" not in done.stderr


def test_the_same_run_gives_the_same_pixels_and_overwrites_nothing(base: Path) -> None:
    first, second = (Path(run(base).stdout.strip()) for _ in range(2))
    assert first != second
    with Image.open(first) as one, Image.open(second) as two:
        assert one.tobytes() == two.tobytes()


def test_a_run_chooses_words_and_says_how_to_choose_them_again(base: Path, tmp_path: Path) -> None:
    document = json.loads(WORKFLOW.read_text())
    prompt = next(node for node in document["nodes"] if node["type"] == "CLIPTextEncode")
    prompt["widgets_values"] = [f"a {{{'|'.join(map(str, range(50)))}}} thing"]
    file = tmp_path / "choices.json"
    file.write_text(json.dumps(document))
    small = [
        "--set",
        "1.ckpt_name=tiny.safetensors",
        "--set",
        "KSampler.steps=1",
        "--set",
        "Empty Latent Image.width=64",
    ]
    first = command("run", file, *small, base=base)
    said = re.search(r"node 2, text: a (\d+) thing \(--seed (\d+) chooses that again\)", first.stderr)
    assert said is not None, first.stderr
    with Image.open(first.stdout.strip()) as picture:
        texts: dict[str, Any] = dict(getattr(picture, "text", {}))
    assert json.loads(texts["prompt"])["2"]["inputs"]["text"] == f"a {said[1]} thing"
    again = command("run", file, *small, "--seed", said[2], base=base)
    assert f"a {said[1]} thing" in again.stderr


def test_a_picture_is_made_again_from_itself_and_with_changes(base: Path, tmp_path: Path) -> None:
    first = run(base, "--set", "KSampler.seed=11").stdout.strip()
    again, other = (
        command("run", first, "--output-directory", tmp_path, *words, base=base).stdout.strip()
        for words in ((), ("--set", "KSampler.seed=12"))
    )
    with Image.open(first) as one, Image.open(again) as two, Image.open(other) as three:
        assert one.tobytes() == two.tobytes()
        assert one.tobytes() != three.tobytes()
        assert getattr(one, "text", None) == getattr(two, "text", "")
    plain = tmp_path / "plain.png"
    Image.new("RGB", (8, 8)).save(plain)
    refused = command("run", plain, base=base)
    assert refused.returncode == 1 and "carries no workflow" in refused.stderr


def test_a_video_and_a_picture_under_any_name_are_checked_by_the_workflow_they_carry(
    base: Path, tmp_path: Path
) -> None:
    document = json.loads(WORKFLOW.read_text())
    for node in document["nodes"]:
        if node["type"] == "CheckpointLoaderSimple":
            node["widgets_values"][0] = "tiny.safetensors"
    for name, data in (
        ("video.webm", matroska(tags({"WORKFLOW": json.dumps(document)}))),
        ("picture.dat", webp(exif({0x010F: b"workflow:" + json.dumps(document).encode()}))),
    ):
        (tmp_path / name).write_bytes(data)
        done = command("check", tmp_path / name, base=base)
        assert done.returncode == 0 and "can run" in done.stdout, done.stderr
    (tmp_path / "cut.webm").write_bytes(matroska(tags({"WORKFLOW": json.dumps(document)}))[:-100])
    done = command("check", tmp_path / "cut.webm", base=base)
    assert done.returncode == 1 and "cut.webm: this Matroska file carries no workflow that can be read" in done.stderr


def test_an_api_form_workflow_runs_as_well_from_another_folder(base: Path, tmp_path: Path) -> None:
    with Image.open(run(base).stdout.strip()) as picture:
        api = dict(getattr(picture, "text", {}))["prompt"]
    file = tmp_path / "with a space.json"
    file.write_text(api)
    words = [sys.executable, str(HOUSE / "main.py"), "run", file.name, "--base-directory", str(base)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=110, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr


def test_convert_prints_the_api_form_with_nodes_from_a_catalogue_and_chosen_words(base: Path, tmp_path: Path) -> None:
    entry = {"input": {"required": {"strength": ["FLOAT", {"default": 1.0}], "text": ["STRING", {}]}}, "output": []}
    entry["input"]["required"]["text"][1]["dynamicPrompts"] = True
    catalogue, file = tmp_path / "object_info.json", tmp_path / "w.json"
    catalogue.write_text(json.dumps({"Elsewhere": entry, "EmptyLatentImage": entry}))
    inner = {"id": 5, "type": "Elsewhere", "widgets_values": [0.5, "{a|b} // c"], "inputs": [{"name": "x", "link": 1}]}
    latent = {"id": 3, "type": "EmptyLatentImage", "widgets_values": [64, 32, 2]}
    link = {"id": 1, "origin_id": 3, "origin_slot": 0, "target_id": 5}
    definition = {"id": "u", "name": "U", "nodes": [inner, latent, {"id": 7, "type": "Sticker"}], "links": [link]}
    file.write_text(json.dumps({"nodes": [{"id": 1, "type": "u"}], "definitions": {"subgraphs": [definition]}}))
    done = command("convert", file, "--catalogue", catalogue, "--seed", "1", base=base)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert made["1:5"]["inputs"]["strength"] == 0.5 and made["1:5"]["inputs"]["text"] in ("a ", "b ")
    assert made["1:3"]["inputs"] == {"width": 64, "height": 32, "batch_size": 2}  # nodes that are here come first
    assert done.stderr.startswith("node 1:7: there is no node type 'Sticker'; it is joined to nothing that runs")
    unknown = command("convert", file, base=base)
    assert json.loads(unknown.stdout)["1:5"]["inputs"] == {"x": ["1:3", 0]}
    assert "node 1:5 in 'U': there is no node type 'Elsewhere'" in unknown.stderr
    catalogue.write_text("[]")
    refused = command("convert", file, "--catalogue", catalogue, base=base)
    assert refused.returncode == 1 and "not a catalogue" in refused.stderr


def test_check_says_yes_or_what_is_wrong_and_makes_nothing(base: Path, tmp_path: Path) -> None:
    wrong = json.loads(WORKFLOW.read_text())
    for node in wrong["nodes"]:
        if node["type"] == "KSampler":
            node["widgets_values"][4] = "eulr"
        if node["type"] == "CheckpointLoaderSimple":
            node["widgets_values"][0] = "tiny.safetensors"
    file = tmp_path / "wrong.json"
    file.write_text(json.dumps(wrong))
    done = command("check", file, base=base)
    assert done.returncode == 1
    assert "(KSampler), sampler_name: found 'eulr'" in done.stderr and "did you mean 'euler'" in done.stderr
    file.write_text(json.dumps(wrong).replace("eulr", "euler"))
    done = command("check", file, base=base)
    assert done.returncode == 0 and "can run" in done.stdout


def test_nodes_lists_every_node_with_a_word_and_as_object_info(base: Path) -> None:
    assert "KSampler" in command("nodes", base=base).stdout
    records = json.loads(command("nodes", "--json", base=base).stdout)
    assert "tiny.safetensors" in records["CheckpointLoaderSimple"]["input"]["required"]["ckpt_name"][0]


def test_threads_that_wait_sleep_unless_told_otherwise(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    command("nodes", base=base)
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"
    monkeypatch.delenv("OMP_WAIT_POLICY")
    command("nodes", base=base)
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"


def broken_files(folder: Path) -> dict[str, bytes]:
    whole = (folder / "models" / "checkpoints" / "tiny.safetensors").read_bytes()
    return {
        "cut.safetensors": whole[: len(whole) // 2],
        "empty.safetensors": b"",
        "page.safetensors": b"<!DOCTYPE html>",
    }


@pytest.mark.parametrize("name", ["cut.safetensors", "empty.safetensors", "page.safetensors"])
def test_a_broken_checkpoint_is_named_with_the_next_step(base: Path, name: str) -> None:
    (base / "models" / "checkpoints" / name).write_bytes(broken_files(base)[name])
    done = run(base, "--set", f"1.ckpt_name={name}")
    assert done.returncode == 1
    assert "node 1 (CheckpointLoaderSimple)" in done.stderr and name in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_missing_checkpoint_names_those_that_are_there(base: Path) -> None:
    done = run(base, "--set", "1.ckpt_name=tniy.safetensors")
    assert done.returncode == 2
    assert "did you mean 'tiny.safetensors'?" in done.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "no such file"), ("{", "not valid JSON"), ("[1]", "not a workflow"), ('{"1": {"class_type": "X"}}', "'X'")],
)
def test_a_broken_workflow_is_refused_in_words(base: Path, tmp_path: Path, content: str | None, words: str) -> None:
    file = tmp_path / "broken.json"
    if content is not None:
        file.write_text(content)
    done = command("run", file, base=base)
    assert done.returncode in (1, 2)
    assert words in done.stderr and "Traceback" not in done.stderr


def test_a_text_of_a_hundred_thousand_characters_is_refused_in_words(base: Path) -> None:
    done = run(base, "--set", "Prompt.text=" + "a red circle " * 7700)
    assert done.returncode == 1
    assert "shorten the text" in done.stderr and "100,100 characters" in done.stderr


def test_a_picture_of_forty_thousand_pixels_square_is_refused_before_it_is_decoded(base: Path) -> None:
    (base / "input").mkdir(exist_ok=True)
    header = bytearray(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
    header += (40_000).to_bytes(4, "big") * 2 + b"\x08\x02\x00\x00\x00"
    header += zlib.crc32(header[12:]).to_bytes(4, "big")
    (base / "input" / "huge.png").write_bytes(bytes(header) + b"\x00\x00\x00\x00IDAT" + b"\x00" * 100)
    workflow = base / "huge.json"
    workflow.write_text(
        json.dumps(
            {
                "1": {"class_type": "LoadImage", "inputs": {"image": "huge.png"}},
                "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
            }
        )
    )
    done = command("run", workflow, base=base)
    assert done.returncode == 1
    assert "1,600,000,000 pixels" in done.stderr and "make it smaller" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root writes where it likes; see the next test")
def test_a_read_only_output_folder_is_named(base: Path, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    done = run(base, "--output-directory", str(locked))
    assert done.returncode == 1 and str(locked) in done.stderr


def test_an_output_folder_that_cannot_be_made_is_named_and_leaves_nothing(base: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = run(base, "--output-directory", str(tmp_path / "file" / "out"))
    assert done.returncode == 1
    assert str(tmp_path / "file") in done.stderr and "Traceback" not in done.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_pack_that_fails_is_reported_and_the_house_opens_without_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    packs = tmp_path / "custom_nodes"
    packs.mkdir()
    (packs / "broken.py").write_text("import does_not_exist\n")
    (packs / "good.py").write_text(
        "class Hello:\n"
        "    RETURN_TYPES = ('STRING',)\n    FUNCTION = 'go'\n    CATEGORY = 'mine'\n"
        "    @classmethod\n    def INPUT_TYPES(cls):\n        return {'required': {'name': ('STRING', {})}}\n"
        "    def go(self, name):\n        return ('hello ' + name,)\n"
        "class NoFunction(Hello):\n    FUNCTION = 'gone'\n"
        "NODE_CLASS_MAPPINGS = {'Hello': Hello, 'NoFunction': NoFunction}\n"
        "NODE_DISPLAY_NAME_MAPPINGS = {'Hello': 'Say hello'}\n"
    )
    done = command("nodes", "--json", base=tmp_path)
    records = json.loads(done.stdout)
    assert records["Hello"]["display_name"] == "Say hello"
    assert records["Hello"]["python_module"] == "custom_nodes.good"
    assert "NoFunction" not in records
    assert "pack broken.py: cannot be loaded (ModuleNotFoundError" in caplog.text
    assert "FUNCTION names 'gone'" in caplog.text
    caplog.clear()
    done = command("--quick-test-for-ci", "--medvram", base=tmp_path)
    assert done.returncode == 0
    assert "pack broken.py: cannot be loaded" in caplog.text
    assert "--medvram is left out" in caplog.text


def test_packs_may_be_left_out_or_chosen(tmp_path: Path) -> None:
    packs = tmp_path / "custom_nodes"
    packs.mkdir()
    for name in ("one", "two"):
        (packs / f"{name}.py").write_text(
            f"import folder_paths\nclass Where:\n    RETURN_TYPES = ()\n    FUNCTION = 'go'\n"
            "    @classmethod\n    def INPUT_TYPES(cls):\n"
            "        return {'required': {'place': ('STRING', {'default': folder_paths.get_output_directory()})}}\n"
            f"    def go(self, place):\n        return ()\nNODE_CLASS_MAPPINGS = {{'{name}': Where}}\n"
        )

    def there(*words: str) -> dict[str, Any]:
        records = json.loads(command("nodes", "--json", *words, base=tmp_path).stdout)
        return {name: records[name] for name in ("one", "two") if name in records}

    found = there()
    assert list(found) == ["one", "two"]
    default = found["one"]["input"]["required"]["place"][1]["default"]
    assert default == str(tmp_path / "output"), "packs find the folders of this very command"
    assert list(there("--disable-all-custom-nodes")) == []
    assert list(there("--disable-all-custom-nodes", "--whitelist-custom-nodes", "two")) == ["two"]


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_ctrl_c_stops_a_run_without_a_traceback(base: Path) -> None:
    words = ["run", str(WORKFLOW), "--base-directory", str(base), "--set", "1.ckpt_name=tiny.safetensors"]
    process = subprocess.Popen(
        [sys.executable, str(HOUSE / "main.py"), *words, "--set", "KSampler.steps=10000"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("KSampler"):
            break
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped" in rest and "Traceback" not in rest


def test_asking_wrongly_says_what_to_write_instead(base: Path) -> None:
    for words, expected in (
        (["rnu"], "did you mean run?"),
        (["run"], "FILE"),
        (["--prot", "1"], "did you mean --port"),
    ):
        done = command(*words, base=base)
        assert done.returncode == 2
        assert expected in done.stderr and "Traceback" not in done.stderr


def test_a_copy_of_the_house_elsewhere_works_without_git(base: Path, tmp_path: Path) -> None:
    copy = tmp_path / "a copy"
    copy.mkdir()
    for room in ("heddle", "execution", "model_management", "nodes", "server", "workflows"):
        shutil.copytree(HOUSE / room, copy / room)
    shutil.copy(HOUSE / "main.py", copy)
    done = subprocess.run(
        [sys.executable, str(copy / "main.py"), "nodes"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd="/",
        check=False,
    )
    assert done.returncode == 0 and "KSampler" in done.stdout


def test_a_terminal_is_shown_no_previews_and_a_server_as_many_as_asked_for() -> None:
    def house(*words: str) -> tuple[str, int]:
        made = build_worker(parse([*words, "--cpu"])).house
        return made.preview_method, made.preview_px

    assert house("run", "w.json", "--preview-method", "auto")[0] == "none"
    assert house("--preview-size", "300") == ("auto", 300)
    assert house("--preview-method", "none")[0] == "none"
    assert house("--preview-method", "taesd")[0] == "taesd"


def test_an_option_says_by_which_kernel_nodes_compute_attention(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("heddle.numerics.attention_kernels._OWN", {"split attention": lambda q, k, v, mask: q * 0})
    q = torch.ones(1, 2, 4)
    with build_worker(parse(["--cpu", "--use-split-cross-attention"])).house.guard():
        assert attend(q, q, q, 2).eq(0).all()


def test_a_worker_that_cannot_go_on_ends_though_a_pack_left_a_thread_behind() -> None:
    program = (
        "import main, threading, time\n"
        "threading.Thread(target=time.sleep, args=(3600,)).start()\n"
        "def fail(*_): raise RuntimeError('no pipe')\n"
        "main._serve = fail\n"
        "main.work(main.parse([]), None)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=HOUSE, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "the worker cannot go on" in done.stderr and "no pipe" in done.stderr


def test_docs_writes_a_page_for_every_node_in_either_language(tmp_path: Path) -> None:
    for language, heading in (("en", "## Inputs"), ("zh", "## 输入")):
        folder = tmp_path / language
        done = command("docs", folder, "--language", language, "--disable-all-custom-nodes")
        assert (done.returncode, done.stdout.strip()) == (0, str(folder / "README.md"))
        page = (folder / "KSampler.md").read_text(encoding="utf-8")
        assert heading in page and "18446744073709551615" in page
        index = (folder / "README.md").read_text(encoding="utf-8")
        assert len(list(folder.glob("*.md"))) == 1 + index.count("\n- [")
    assert "采样器" in page and "The model" not in page


def test_docs_knows_its_languages(tmp_path: Path) -> None:
    done = command("docs", tmp_path, "--language", "fr")
    assert done.returncode == 2 and "zh" in done.stderr
