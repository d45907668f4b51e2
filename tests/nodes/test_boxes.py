"""Texts in boxes, from the nodes to the picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from heddle.graph.errors import ShapeError
from heddle.networks.gligen import FuserSizes, GligenConfig
from heddle.networks.gligen import Gligen as GligenNet
from heddle.networks.hooks import AttentionPlace, Side
from heddle.networks.ops import TRAINABLE
from model_management.checkpoint import OpenedCheckpoint, open_checkpoint
from model_management.families.known import FAMILIES
from model_management.gligen import unprojected_clip
from model_management.text_files import open_text_encoders
from model_management.weights import Weights
from nodes.conditioning.boxes import put_text_in_box
from nodes.conditioning.texts import encode_prompt
from nodes.loaders.gligen import load_gligen
from nodes.sampling.ksampler import ksampler
from tests.model_management import tiny
from tests.nodes.fake_context import FakeContext
from tests.tiny_checkpoint import TEXT, write_tiny_checkpoint

#: The transformer blocks of `tests.tiny_checkpoint`'s UNet, and their widths.
BLOCKS: dict[tuple[Side, int], int] = {
    ("input", 1): 32, ("input", 3): 64, ("middle", 0): 64, ("output", 0): 64, ("output", 1): 64, ("output", 2): 32,
    ("output", 3): 32,
}  # fmt: skip


def gligen_tensors(text_width: int = TEXT.width) -> dict[str, Tensor]:
    torch.manual_seed(5)
    fusers = tuple(
        FuserSizes(AttentionPlace(side, stage, 0, "text"), width, 1) for (side, stage), width in BLOCKS.items()
    )
    net = GligenNet(GligenConfig(text_width, 40, 24, 8, fusers), TRAINABLE)
    tensors = {}
    for name, tensor in net.state_dict().items():
        kind, _, rest = name.partition(".")
        number, _, rest = rest.partition(".")
        if kind == "fusers":
            fuser = fusers[int(number)].place
            stage = "middle_block.1" if fuser.side == "middle" else f"{fuser.side}_blocks.{fuser.stage}.1"
            name = f"{stage}.transformer_blocks.0.fuser.{rest}"
        tensors[name] = torch.full_like(tensor, 2.0) if "alpha" in name else tensor.clone()
    return tensors


@pytest.fixture
def ctx(tmp_path: Path) -> FakeContext:
    folder = tmp_path / "models" / "gligen"
    folder.mkdir(parents=True)
    save_file(gligen_tensors(), folder / "boxes.safetensors")
    save_file(gligen_tensors(768), folder / "wide.safetensors")
    return FakeContext(tmp_path, weights=Weights(torch.device("cpu")))


@pytest.fixture
def opened(tmp_path: Path) -> OpenedCheckpoint:
    return open_checkpoint(write_tiny_checkpoint(tmp_path / "sd15.safetensors"), FAMILIES)


def test_a_box_is_kept_in_cells_with_the_pooled_text_behind_those_before_it(opened, ctx) -> None:
    gligen = load_gligen("boxes.safetensors", ctx)
    assert ctx.notes == ["boxes.safetensors: 127 of 127 keys match"]
    given = [[torch.zeros(1, 77, 64), {"strength": 2.0}]]
    once = put_text_in_box(given, opened.clip, gligen, "a cat", 128, 64, 16, 32, ctx)
    twice = put_text_in_box(once, opened.clip, gligen, "a dog", 64, 64, 0, 0, ctx)
    (_, more), (_, before) = twice[0], once[0]
    kind, model, boxes = more["gligen"]
    assert (kind, model, more["strength"]) == ("position", gligen, 2.0)
    assert [box[1:] for box in boxes] == [(8, 16, 4, 2), (8, 8, 0, 0)]
    assert torch.equal(boxes[0][0], encode_prompt("a cat", opened.clip, ctx)[0][1]["pooled_output"])
    assert len(before["gligen"][2]) == 1 and "gligen" not in given[0][1]


def test_a_text_of_another_width_is_refused(opened, ctx) -> None:
    gligen = load_gligen("wide.safetensors", ctx)
    with pytest.raises(ShapeError, match=r"encoded 64 wide, but the GLIGEN model wide\.safetensors wants 768"):
        put_text_in_box([[torch.zeros(1, 77, 64), {}]], opened.clip, gligen, "a cat", 64, 64, 0, 0, ctx)


def test_boxes_and_what_stands_in_them_change_the_picture(opened, ctx) -> None:
    gligen = load_gligen("boxes.safetensors", ctx)
    whole = encode_prompt("a street", opened.clip, ctx)
    negative = encode_prompt("", opened.clip, ctx)

    def sample(positive: list[Any]) -> Tensor:
        latent = {"samples": torch.zeros(1, 4, 8, 8)}
        return ksampler(opened.model, 3, 2, 4.0, "euler", "normal", positive, negative, latent, 1.0, ctx)["samples"]

    def boxed(text: str, x: int) -> Tensor:
        return sample(put_text_in_box(whole, opened.clip, gligen, text, 32, 32, x, 0, ctx))

    pictures = [sample(whole), boxed("a cat", 0), boxed("a dog", 0), boxed("a cat", 32)]
    assert torch.equal(pictures[1], boxed("a cat", 0))
    for number, picture in enumerate(pictures):
        assert picture.isfinite().all()
        for other in pictures[number + 1 :]:
            assert not torch.allclose(picture, other, atol=1e-4)


def test_a_file_of_which_the_projection_is_left_out_is_another_net(tmp_path: Path, ctx, monkeypatch) -> None:
    """Both uses of one file may be in memory at once: neither gets the other's pooled vector."""
    monkeypatch.setattr("model_management.text_files.NAMES", {64: "l"})
    tensors = tiny.clip_tensors(TEXT) | {"text_projection.weight": torch.randn(64, 64).half()}
    clip = open_text_encoders([tiny.write_checkpoint(tmp_path / "l.st", tensors)], "stable_diffusion", FAMILIES)
    pooled = [encode_prompt("a cat", each, ctx)[0][1]["pooled_output"] for each in (clip, unprojected_clip(clip))]
    projected = pooled[1] @ tensors["text_projection.weight"].float().T
    torch.testing.assert_close(pooled[0], projected, rtol=1e-4, atol=1e-4)
    assert unprojected_clip(unprojected_clip(clip)) == unprojected_clip(clip)
