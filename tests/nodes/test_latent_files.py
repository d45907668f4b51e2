"""Latents written and read, as this ecosystem keeps them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from heddle.graph.errors import FileProblem
from heddle.graph.object_info import record_of, with_files
from nodes.catalogue import built_in
from nodes.latent.files import load_latent, save_latent
from tests.nodes.fake_context import FakeContext


@pytest.fixture
def ctx(tmp_path: Path) -> FakeContext:
    (tmp_path / "input").mkdir()
    return FakeContext(tmp_path)


def test_a_latent_comes_back_from_its_file_with_the_workflow_in_it(ctx: FakeContext, tmp_path: Path) -> None:
    samples = torch.randn(2, 4, 3, 5).transpose(2, 3)
    shown: Any = save_latent({"samples": samples}, prompt={"1": {}}, extra_pnginfo={"workflow": {"nodes": []}}, ctx=ctx)
    assert shown.ui["latents"] == [{"filename": "ComfyUI_00001_.latent", "subfolder": "latents", "type": "output"}]
    path = tmp_path / "output/latents/ComfyUI_00001_.latent"
    assert {key: list(each.shape) for key, each in load_file(path).items()} == {
        "latent_tensor": [2, 4, 5, 3],
        "latent_format_version_0": [0],
    }
    with safe_open(path, framework="pt") as file:
        metadata: Any = file.metadata()
    assert {key: json.loads(value) for key, value in metadata.items()} == {
        "prompt": {"1": {}},
        "workflow": {"nodes": []},
    }
    assert load_latent("latents/ComfyUI_00001_.latent [output]", ctx)["samples"].equal(samples)
    path.rename(tmp_path / "input/a.latent")
    assert load_latent("a.latent", ctx)["samples"].equal(samples)


def test_an_older_file_is_brought_to_the_vae_s_units(ctx: FakeContext, tmp_path: Path) -> None:
    save_file({"latent_tensor": torch.full((1, 4, 2, 2), 0.18215).half()}, tmp_path / "input/old.latent")
    samples = load_latent("old.latent", ctx)["samples"]
    assert samples.dtype == torch.float32
    torch.testing.assert_close(samples, torch.ones(1, 4, 2, 2), atol=1e-3, rtol=0)


def test_what_is_no_latent_is_refused_with_the_reason(ctx: FakeContext, tmp_path: Path) -> None:
    (tmp_path / "input/empty.latent").write_bytes(b"")
    (tmp_path / "input/text.latent").write_bytes(b"no latent at all")
    save_file({"weight": torch.zeros(1)}, tmp_path / "input/model.latent")
    save_file({"latent_tensor": torch.zeros(0, 4, 2, 2)}, tmp_path / "input/none.latent")
    for name, why in [
        ("empty", "no latent file"),
        ("text", "no latent file"),
        ("model", "holds weight"),
        ("none", "shape"),
    ]:
        with pytest.raises(FileProblem, match=why):
            load_latent(f"{name}.latent", ctx)
    with pytest.raises(FileProblem, match="no such file"):
        load_latent("gone.latent", ctx)
    with pytest.raises(FileProblem):
        load_latent("../output/a.latent", ctx)


def test_the_latents_of_the_input_folder_are_offered_and_no_pictures(ctx: FakeContext, tmp_path: Path) -> None:
    (tmp_path / "input/sub").mkdir()
    for name in ("a.latent", "sub/b.LATENT", "c.png"):
        (tmp_path / "input" / name).write_bytes(b"")
    record = with_files(record_of(built_in()["LoadLatent"]), ctx.folders.list_files)
    assert record["input"]["required"]["latent"][0] == ["a.latent", "sub/b.LATENT"]
    assert "c.png" in ctx.folders.list_files("input")
