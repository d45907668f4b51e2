"""Which colours latents show: the published ones, or those that the file's own autoencoder gives them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from heddle.networks.vae import Autoencoder
from heddle.numerics.latent_rgb import LatentColours, latent_to_pixels
from heddle.training.drawing import draw_crowd, draw_many
from model_management.checkpoint import OpenedCheckpoint, open_checkpoint
from model_management.families.known import FAMILIES
from model_management.families.sd15.family import SD15
from model_management.family import Family
from model_management.handles import Model
from model_management.image_coding import decode_latent, encode_image
from model_management.latent_preview import colours_of
from model_management.net_sizes import vae_config
from model_management.weights import Weights
from tests.model_management import tiny
from tests.model_management.test_family import PUBLISHED, header_of

PUBLISHED_VAES = {
    "sd15": ("sd15", "first_stage_model."),
    "sdxl": ("sdxl_base", "first_stage_model."),
    "flux": ("flux_ae", ""),
}

DEMO = Path(__file__).parents[2] / "models" / "checkpoints" / "heddle-demo.safetensors"
COLOURS = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1), "white": (1, 1, 1), "black": (0, 0, 0)}


@pytest.fixture(scope="module")
def demo() -> OpenedCheckpoint:
    return open_checkpoint(DEMO, FAMILIES)


@pytest.fixture(scope="module")
def weights() -> Weights:
    return Weights(torch.device("cpu"))


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


@pytest.fixture
def encodings(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The shape of each batch that an autoencoder encodes from now on."""
    seen: list[tuple[int, ...]] = []
    encode = Autoencoder.encode

    def counted(self: Autoencoder, pixels: Tensor) -> Tensor:
        seen.append(tuple(pixels.shape))
        return encode(self, pixels)

    monkeypatch.setattr(Autoencoder, "encode", counted)
    return seen


def colours_found(model: Model, weights: Weights) -> LatentColours:
    found = colours_of(model, weights)
    assert found is not None
    return found


@pytest.mark.parametrize("name", COLOURS)
def test_a_plain_colour_that_the_demo_model_encodes_shows_as_that_colour(
    name: str, demo: OpenedCheckpoint, weights: Weights
) -> None:
    image = torch.tensor(COLOURS[name], dtype=torch.float32).expand(1, 64, 64, 3)
    latent = encode_image(demo.vae, image, weights) * demo.model.latent.scale
    shown = latent_to_pixels(latent, colours_found(demo.model, weights)).float().mean((0, 1)) / 255
    nearest = min(COLOURS, key=lambda each: float((shown - torch.tensor(COLOURS[each])).abs().max()))
    assert nearest == name, shown
    assert (shown - torch.tensor(COLOURS[name])).abs().max() < 0.25


def test_previews_of_drawings_are_close_to_what_the_demo_model_decodes(
    demo: OpenedCheckpoint, weights: Weights
) -> None:
    drawings = torch.from_numpy(draw_many(4, 5, lambda random: draw_crowd(Random(random.random())))) / 255
    latents = encode_image(demo.vae, drawings, weights)
    decoded = decode_latent(demo.vae, latents, weights).permute(0, 3, 1, 2)
    truth = avg_pool2d(decoded, demo.vae.px_per_cell).permute(0, 2, 3, 1)

    def shown_by(colours: LatentColours) -> Tensor:
        scale = demo.model.latent.scale
        return torch.stack([latent_to_pixels(each[None] * scale, colours) for each in latents]) / 255

    own, published = shown_by(colours_found(demo.model, weights)), SD15.latent.colours
    assert published is not None
    assert correlation(own, truth) > 0.98
    assert (own - truth).abs().mean() < 0.05
    assert correlation(shown_by(published), truth) < 0.8  # why the demo model's own are read off it


def correlation(a: Tensor, b: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])


def test_an_autoencoder_of_the_published_size_has_the_published_colours_and_is_not_loaded(
    demo: OpenedCheckpoint,
) -> None:
    weights = Weights(torch.device("cpu"))
    published = replace(demo.vae, config=SD15.latent.published_vae)
    assert colours_of(replace(demo.model, vae=published), weights) is SD15.latent.colours
    assert colours_of(replace(demo.model, vae=None), weights) is SD15.latent.colours
    assert weights.residents == []


def test_colours_are_read_off_a_file_once_however_often_it_is_opened(
    checkpoint: Path, encodings: list[tuple[int, ...]]
) -> None:
    weights = Weights(torch.device("cpu"))
    first = colours_of(open_checkpoint(checkpoint, FAMILIES).model, weights)
    weights.release_all()
    assert colours_of(open_checkpoint(checkpoint, FAMILIES).model, weights) is first
    assert len(encodings) == 1


def test_another_file_has_colours_of_its_own(tmp_path: Path, encodings: list[tuple[int, ...]]) -> None:
    weights = Weights(torch.device("cpu"))
    path = tiny.write_checkpoint(tmp_path / "m.safetensors")
    before = colours_found(open_checkpoint(path, FAMILIES).model, weights)
    tensors = tiny.tiny_tensors()
    tensors["first_stage_model.quant_conv.weight"] *= -1
    tensors["first_stage_model.quant_conv.bias"] *= -1
    tiny.write_checkpoint(path, tensors)
    os.utime(path, ns=(1, 1))
    after = colours_found(open_checkpoint(path, FAMILIES).model, weights)
    torch.testing.assert_close(torch.tensor(after.factors), -torch.tensor(before.factors), rtol=1e-3, atol=1e-3)
    assert len(encodings) == 2


def test_the_same_file_gives_the_same_colours_in_another_house(checkpoint: Path) -> None:
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        colours = colours_found(open_checkpoint(checkpoint, FAMILIES).model, Weights(torch.device("cpu")))
        found.append(torch.tensor((*colours.factors, colours.bias)))
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("name", PUBLISHED_VAES)
def test_published_colours_hold_for_the_published_autoencoder(name: str) -> None:
    layout, prefix = PUBLISHED_VAES[name]
    (space,) = (family.latent for family in FAMILIES if family.name == name)
    assert space.published_vae == vae_config(header_of(PUBLISHED[layout]), prefix)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_family_has_colours_for_each_channel_of_its_latents(family: Family) -> None:
    colours = family.latent.colours
    assert colours is not None and family.latent.published_vae.latent_channels == family.latent.channels
    latent_to_pixels(torch.randn(1, family.latent.channels, 4, 4), colours)
