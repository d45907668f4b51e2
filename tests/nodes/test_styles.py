"""Style models applied to a prompt."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from heddle.graph.errors import ShapeError
from model_management.checkpoint import open_checkpoint
from model_management.families.known import FAMILIES
from model_management.style_models import style_tokens
from model_management.vision import ClipVisionOutput
from model_management.weights import Weights
from nodes.conditioning.places import set_area
from nodes.conditioning.styles import apply_style_model
from nodes.loaders.styles import load_style_model
from nodes.sampling.ksampler import ksampler
from tests.model_management import test_style_models as files
from tests.model_management import tiny, tiny_transformers
from tests.nodes.fake_context import FakeContext

TEXT = files.draw(1, 7, files.REDUX_CONTEXT, seed=20)
READ = files.read_off(1, 2, files.REDUX_WIDTH)


@pytest.fixture
def ctx(tmp_path: Path) -> FakeContext:
    folder = tmp_path / "models" / "style_models"
    folder.mkdir(parents=True)
    files.written(folder / "redux.safetensors", files.redux_tensors())
    files.written(folder / "style.safetensors", files.adapter_tensors())
    return FakeContext(tmp_path, weights=Weights(torch.device("cpu")))


def applied(ctx: FakeContext, strength: float, kind: str, entries: list[Any] | None = None) -> list[Any]:
    given = [[TEXT, {"guidance": 2.0}]] if entries is None else entries
    return apply_style_model(given, load_style_model("redux.safetensors", ctx), READ, strength, kind, ctx)


def test_the_loader_says_how_much_of_the_file_it_knows(ctx, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "style_models"
    files.written(folder / "more.safetensors", files.adapter_tensors() | {"other": torch.zeros(1)})
    load_style_model("more.safetensors", ctx)
    load_style_model("redux.safetensors", ctx)
    assert ctx.notes == [
        "more.safetensors: 30 of 31 keys match; not: other",
        "redux.safetensors: 4 of 4 keys match",
    ]


def test_an_images_tokens_stand_behind_the_text_as_strong_as_asked(ctx) -> None:
    tokens = style_tokens(load_style_model("redux.safetensors", ctx), READ, ctx.weights)
    ((states, more),) = applied(ctx, 0.5, "multiply")
    torch.testing.assert_close(states, torch.cat([TEXT, 0.5 * tokens], 1))
    assert more == {"guidance": 2.0}
    ((states, more),) = applied(ctx, 1.0, "attn_bias")
    torch.testing.assert_close(states, torch.cat([TEXT, tokens], 1))
    assert more == {"guidance": 2.0}


def test_a_bias_says_how_much_text_and_picture_look_at_the_image(ctx) -> None:
    ((_, more),) = applied(ctx, 0.5, "attn_bias")
    mask = more["attention_mask"]
    assert more["attention_mask_img_shape"] == (1, 1)
    assert mask.shape == (1, 10, 10)
    wanted = torch.zeros(10, 10)
    wanted[[[0], [1], [2], [3], [4], [5], [6], [9]], [7, 8]] = math.log(0.5)
    torch.testing.assert_close(mask[0], wanted)


def test_a_second_image_keeps_what_is_said_of_the_first(ctx) -> None:
    entries = applied(ctx, 0.0, "attn_bias")
    ((_, more),) = applied(ctx, 2.0, "multiply", entries)
    mask = more["attention_mask"][0]
    assert mask.shape == (12, 12)
    assert mask[[0, 6, 11]][:, [7, 8]].eq(-torch.inf).all()
    assert mask[:, 9:11].eq(0).all()
    assert mask[[7, 8, 9, 10]].eq(0).all()
    assert entries[0][1]["attention_mask"].shape == (1, 10, 10)


def test_a_style_model_of_another_family_is_refused(ctx) -> None:
    entries = [[torch.zeros(1, 77, 768), {}]]
    with pytest.raises(ShapeError, match=r"encoded 768 wide, but the style model redux\.safetensors.*for FLUX\.1"):
        applied(ctx, 1.0, "multiply", entries)


def test_a_strength_that_has_no_effect_is_said(ctx) -> None:
    style = load_style_model("style.safetensors", ctx)
    ctx.notes.clear()
    text = torch.zeros(1, 7, files.CONTEXT)
    read = files.read_off(1, 5, files.WIDTH)
    ((states, more),) = apply_style_model([[text, {}]], style, read, 0.5, "attn_bias", ctx)
    assert states.shape == (1, 10, files.CONTEXT) and more == {}
    assert ctx.notes == [
        "attn_bias: Stable Diffusion 1 takes no bias, so the strength of 0.5 has no effect; use multiply"
    ]


def test_flux_draws_by_the_bias_also_where_it_counts_in_an_area(ctx, tmp_path: Path) -> None:
    """An image that may not be looked at at all is as none; another bias gives another picture."""
    config = tiny_transformers.FLUX
    path = tiny.write_checkpoint(tmp_path / "flux.safetensors", tiny_transformers.flux_tensors())
    model = open_checkpoint(path, FAMILIES).model
    width = files.REDUX_WIDTH
    redux = files.redux_tensors() | {
        "redux_down.weight": files.draw(config.context_width, files.INNER),
        "redux_down.bias": files.draw(config.context_width),
    }
    files.written(tmp_path / "models" / "style_models" / "fits.safetensors", redux)
    style = load_style_model("fits.safetensors", ctx)
    read = ClipVisionOutput(*(files.draw(1, 3, width) * 20,) * 3)
    text = [[files.draw(1, 4, config.context_width), {"pooled_output": files.draw(1, config.vector_width)}]]

    def sample(entries: list[Any]) -> Tensor:
        latent = {"samples": torch.zeros(1, 16, 10, 12)}
        return ksampler(model, 3, 2, 1.0, "euler", "simple", entries, [], latent, 1.0, ctx)["samples"]

    def styled(strength: float, entries: list[Any] = text) -> list[Any]:
        return apply_style_model(entries, style, read, strength, "attn_bias", ctx)

    plain, none, half = sample(text), sample(styled(0.0)), sample(styled(0.5))
    torch.testing.assert_close(none, plain, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(half, plain, atol=1e-3)
    assert not torch.allclose(half, sample(styled(1.0)), atol=1e-3)
    in_area = set_area(text, 64, 64, 8, 8, 1.0)
    torch.testing.assert_close(sample(styled(0.0, in_area)), sample(in_area), rtol=1e-4, atol=1e-4)
