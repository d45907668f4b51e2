"""What of a file is taken."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from model_management.checkpoint import open_checkpoint, open_vae, stored_net
from model_management.families.known import FAMILIES
from model_management.family import recognise
from model_management.match_report import report_match
from model_management.weights import Weights
from nodes.loaders import checkpoints, parts
from tests.model_management import tiny, tiny_transformers
from tests.model_management.test_family import CHECKPOINTS, PUBLISHED, header_of
from tests.nodes.fake_context import FakeContext


@pytest.mark.parametrize("layout", [name for name, *_ in CHECKPOINTS])
def test_published_checkpoints_are_taken_whole(layout: str) -> None:
    header = header_of(PUBLISHED[layout])
    family, _ = recognise(header, FAMILIES)
    nets = [stored_net("any", header, part) for part in (family.network, family.vae, *family.text)]
    assert report_match(nets, is_whole=True).unmatched == ()


def test_a_projection_that_the_family_does_without_is_not_told(tmp_path: Path) -> None:
    opened = open_checkpoint(
        tiny.write_checkpoint(tmp_path / "m.safetensors", tiny_transformers.flux_tensors()), FAMILIES
    )
    nets = [opened.model.stored, opened.vae.stored, *(each.stored for each in opened.clip.encoders)]
    assert report_match(nets, is_whole=True).unmatched == ()


def test_what_nobody_takes_is_told_and_leftovers_of_a_training_are_not(tmp_path: Path) -> None:
    more = {
        "model.diffusion_model.motion.0.weight": torch.ones(2),
        "control_model.x": torch.ones(2),
        "first_stage_model.loss.logvar": torch.ones(1),
        "betas": torch.ones(2),
        "sqrt_alphas_cumprod": torch.ones(2),
        "model_ema.decay": torch.ones(1),
    }
    folders = [tmp_path / "models" / name for name in ("checkpoints", "diffusion_models", "vae")]
    for folder in folders:
        folder.mkdir(parents=True)
        tiny.write_checkpoint(folder / "m.safetensors", {**tiny.tiny_tensors(), **more})
    ctx = FakeContext(tmp_path, Weights(torch.device("cpu")))
    wanted = {
        checkpoints.load_checkpoint: "; not: control_model.x, first_stage_model.loss.logvar, model.diffusion_model.mo",
        checkpoints.load_vae: "keys match; not: first_stage_model.loss.logvar",
        lambda name, ctx: parts.load_network(name, "default", ctx): "keys match; not: model.diffusion_model.motion.0.w",
    }
    for load, words in wanted.items():
        ctx.notes.clear()
        load("m.safetensors", ctx)
        (said,) = ctx.notes
        assert said.startswith("m.safetensors: ") and words in said
    tiny.write_checkpoint(folders[0] / "plain.safetensors")
    ctx.notes.clear()
    checkpoints.load_checkpoint("plain.safetensors", ctx)
    assert ctx.notes == []
    whole = report_match([open_vae(folders[0] / "plain.safetensors").stored])
    assert str(whole) == f"plain.safetensors: {whole.matched} of {whole.matched} keys match"
