"""Nodes that cut out, fill and put back what a mask shows: with what reaches them over wires."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from heddle.graph.errors import ShapeError
from heddle.samplers.fitting import fit_mask
from heddle.samplers.noise import initial_noise
from main import main
from model_management.checkpoint import open_checkpoint
from model_management.families.known import FAMILIES
from model_management.handles import Model, Vae
from model_management.weights import Weights
from nodes.inpainting.cropping import crop_for_inpainting, stitch_inpainted
from nodes.inpainting.filling import BEGINNINGS, encode_filled, fill_masked
from nodes.inpainting.softening import soften_mask
from nodes.latent.autoencoder import encode
from tests.nodes.fake_context import FakeContext
from tests.tiny_checkpoint import write_tiny_checkpoint


def rand(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def mask_of(height: int, width: int, top: int, left: int, bottom: int, right: int) -> Tensor:
    mask = torch.zeros(1, height, width)
    mask[:, top:bottom, left:right] = 1
    return mask


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, Vae]:
    path = write_tiny_checkpoint(tmp_path_factory.mktemp("model") / "tiny.safetensors")
    model, _, vae = open_checkpoint(path, FAMILIES)
    assert model is not None and vae is not None
    return model, vae


@pytest.fixture
def ctx() -> FakeContext:
    return FakeContext(weights=Weights(torch.device("cpu")))


class TestCropAndStitch:
    def test_an_empty_mask_is_told_and_the_picture_stays(self, ctx: FakeContext):
        image = rand(2, 40, 50, 3)
        places, cut, masks, soft = crop_for_inpainting(image, torch.zeros(2, 64, 64), ctx=ctx)
        assert len(ctx.notes) == 1 and "empty" in ctx.notes[0]
        assert cut.shape == (1, 512, 512, 3) and not masks.any() and not soft.any()
        assert torch.equal(stitch_inpainted(places, torch.ones_like(cut), ctx=ctx), image)

    def test_masks_that_are_empty_among_others_are_counted(self, ctx: FakeContext):
        masks = torch.cat([torch.zeros(1, 40, 50), mask_of(40, 50, 3, 3, 9, 9), torch.zeros(1, 40, 50)])
        _, cut, _, _ = crop_for_inpainting(rand(3, 40, 50, 3), masks, ctx=ctx)
        assert len(cut) == 1 and ctx.notes == [
            "2 of 3 masks are empty and give no part; what they belong to stays as it is"
        ]

    def test_a_mask_of_another_size_is_resized_and_told(self, ctx: FakeContext):
        image = rand(1, 40, 80, 3)
        places, cut, _, _ = crop_for_inpainting(
            image, mask_of(20, 20, 5, 5, 10, 10), 0, 0, 1.0, 0, width=0, height=0, multiple_of=1, ctx=ctx
        )
        assert ctx.notes == ["the mask of 20 x 20 is resized to the image's 80 x 40"]
        assert cut.shape[1:3] == (12, 24)  # between white and black bilinear has one grey more at each side
        got = stitch_inpainted(places, torch.zeros_like(cut), ctx=ctx)
        assert not got[0, 11:19, 22:38].any() and torch.equal(got[0, :, :18], image[0, :, :18])

    def test_nothing_of_a_large_mask_is_lost_on_a_small_picture(self, ctx: FakeContext):
        _, cut, _, _ = crop_for_inpainting(rand(1, 8, 8, 3), mask_of(900, 900, 250, 3, 251, 9), ctx=ctx)
        assert len(cut) == 1 and len(ctx.notes) == 1 and "resized" in ctx.notes[0]

    def test_the_mask_of_a_node_that_gives_other_shapes_is_taken(self, ctx: FakeContext):
        for mask in (mask_of(9, 9, 2, 2, 5, 5)[0], mask_of(9, 9, 2, 2, 5, 5)[:, None]):
            assert crop_for_inpainting(rand(1, 9, 9, 3), mask, ctx=ctx)[2].any()
        with pytest.raises(ShapeError, match="image"):
            crop_for_inpainting(rand(0, 9, 9, 3), mask_of(9, 9, 2, 2, 5, 5), ctx=ctx)

    def test_images_of_another_size_are_told(self, ctx: FakeContext):
        places, cut, _, _ = crop_for_inpainting(rand(1, 40, 40, 3), mask_of(40, 40, 9, 9, 20, 20), ctx=ctx)
        stitch_inpainted(places, cut, ctx=ctx)
        assert ctx.notes == []
        stitch_inpainted(places, rand(1, 64, 64, 3), ctx=ctx)
        assert len(ctx.notes) == 1 and "64 x 64" in ctx.notes[0] and "512 x 512" in ctx.notes[0]

    def test_too_few_images_are_refused_with_the_next_step(self, ctx: FakeContext):
        masks = torch.cat([mask_of(40, 40, 2, 2, 5, 5), mask_of(40, 40, 22, 22, 25, 25)])
        places, cut, _, _ = crop_for_inpainting(rand(1, 40, 40, 3), masks, ctx=ctx)
        with pytest.raises(ShapeError, match="one for each part"):
            stitch_inpainted(places, cut[:1], ctx=ctx)


class TestFilling:
    @pytest.mark.parametrize("size", [(1, 1), (9, 7), (33, 64)])
    @pytest.mark.parametrize("channels", [1, 3, 4])
    def test_outside_the_mask_the_picture_stays(self, size: tuple[int, int], channels: int, ctx: FakeContext):
        image, mask = rand(2, *size, channels), (rand(3, *size, seed=1) > 0.5).float()
        got = fill_masked(image, mask, ctx=ctx)
        assert got.shape == (3, *size, channels)
        for at in range(3):
            assert torch.equal(got[at][mask[at] == 0], image[at % 2][mask[at] == 0])

    def test_empty_and_full_masks_are_told(self, ctx: FakeContext):
        image = rand(1, 9, 9, 3)
        assert torch.equal(fill_masked(image, torch.zeros(1, 64, 64), ctx=ctx), image)
        fill_masked(image, torch.ones(1, 9, 9), ctx=ctx)
        assert len(ctx.notes) == 2 and "empty" in ctx.notes[0] and "grey" in ctx.notes[1]


class TestEncoding:
    @pytest.mark.parametrize("begin_with", BEGINNINGS)
    def test_outside_the_mask_the_latent_is_the_pictures(
        self, begin_with: str, tiny: tuple[Model, Vae], ctx: FakeContext
    ):
        image, mask = rand(2, 64, 64, 3), mask_of(64, 64, 0, 0, 64, 32)
        made = encode_filled(*tiny, image, mask, begin_with, 3, ctx=ctx)
        plain = encode(image, tiny[1], ctx)["samples"]
        assert torch.equal(made["noise_mask"], mask[:, None])
        space, inside = tiny[0].latent, made["samples"][..., :4]
        if begin_with == "original":
            assert torch.equal(made["samples"], plain)
        elif begin_with == "blurred fill":
            assert not torch.allclose(inside, plain[..., :4], atol=1e-3)
        else:
            assert torch.equal(made["samples"][..., 4:], plain[..., 4:])
            noise = initial_noise(3, plain.shape)[..., :4]
            wanted = noise if begin_with == "latent noise" else torch.zeros_like(noise)
            assert torch.allclose(space.inward(inside), wanted, atol=1e-5)

    def test_a_grey_mask_mixes_as_sampling_does(self, tiny: tuple[Model, Vae], ctx: FakeContext):
        image, mask = rand(1, 32, 32, 3), rand(1, 32, 32, seed=2)
        plain = encode(image, tiny[1], ctx)["samples"]
        made = encode_filled(*tiny, image, mask, "latent nothing", ctx=ctx)["samples"]
        assert torch.allclose(made, plain * (1 - fit_mask(mask, plain)), atol=1e-6)

    def test_odd_sizes_are_cut_with_their_mask_and_told(self, tiny: tuple[Model, Vae], ctx: FakeContext):
        made = encode_filled(*tiny, rand(1, 29, 43, 4), mask_of(29, 43, 0, 0, 10, 43), "blurred fill", ctx=ctx)
        assert made["samples"].shape[2:] == (3, 5) and made["noise_mask"].shape == (1, 1, 24, 40)
        assert len(ctx.notes) == 1 and made["noise_mask"][0, 0, 7].min() == 1 and made["noise_mask"][0, 0, 8].max() == 0

    def test_an_empty_mask_is_told(self, tiny: tuple[Model, Vae], ctx: FakeContext):
        image = rand(1, 16, 16, 3)
        made = encode_filled(*tiny, image, torch.zeros(1, 16, 16), "latent noise", ctx=ctx)
        assert torch.equal(made["samples"], encode(image, tiny[1], ctx)["samples"])
        assert len(ctx.notes) == 1 and "empty" in ctx.notes[0]


def test_a_softened_mask_is_white_within_and_black_without():
    got = soften_mask(mask_of(40, 40, 10, 10, 30, 30), 0, 4)
    assert got[:, 10:30, 10:30].min() == 1 and got[:, :6].max() == 0 and 0 < got[0, 8, 20] < 1


def test_the_place_of_a_part_goes_along_its_wire_and_the_whole_engine_puts_it_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    pixels = np.random.default_rng(0).integers(0, 256, (45, 61, 4), dtype=np.uint8)
    pixels[..., 3] = 255
    pixels[3:9, 40:52, 3] = 0
    pixels[30:45, 0:9, 3] = 0
    (tmp_path / "input").mkdir()
    Image.fromarray(pixels).save(tmp_path / "input" / "a.png")
    prompt = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "a.png"}},
        "2": {
            "class_type": "HeddleInpaintCrop",
            "inputs": {"image": ["1", 0], "mask": ["1", 1], "grow_mask": 0, "fade": 2, "separate_parts": True}
            | {"context_factor": 1.2, "context_pixels": 3, "width": 64, "height": 0, "multiple_of": 8},
        },
        "3": {"class_type": "ImageInvert", "inputs": {"image": ["2", 1]}},
        "4": {"class_type": "HeddleFillMasked", "inputs": {"image": ["3", 0], "mask": ["2", 3], "fill_with": "grey"}},
        "5": {"class_type": "HeddleInpaintStitch", "inputs": {"inpaint_crop": ["2", 0], "images": ["4", 0]}},
        "6": {"class_type": "SaveImage", "inputs": {"images": ["5", 0], "filename_prefix": "x"}},
    }
    (tmp_path / "graph.json").write_text(json.dumps(prompt), "utf-8")
    assert main(["run", str(tmp_path / "graph.json"), "--cpu", "--base-directory", str(tmp_path)]) == 0, (
        capsys.readouterr().err
    )
    (made,) = (tmp_path / "output").glob("*.png")
    got = np.asarray(Image.open(made))
    near = np.zeros((45, 61), bool)
    near[1:11, 38:54] = near[28:45, 0:11] = True
    assert np.array_equal(got[~near], pixels[~near][:, :3])
    assert (np.abs(got[pixels[..., 3] == 0].astype(int) - 128) <= 8).all()  # resized twice
