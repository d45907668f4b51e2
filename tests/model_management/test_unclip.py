"""Pictures shown to a network as a vector: unCLIP checkpoints, and Stable Diffusion XL in place of the text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from heddle.graph.errors import ShapeError, WeightsError
from heddle.networks.clip_vision import ClipVisionConfig
from heddle.samplers.predictions import Velocity
from model_management.checkpoint import OpenedCheckpoint, open_checkpoint, open_network
from model_management.conditioning import conditions_for
from model_management.families.known import FAMILIES
from model_management.family import RunFacts
from model_management.vision import ClipVisionOutput
from model_management.weights import Weights
from nodes.conditioning.vision import encode, show_images
from nodes.loaders.checkpoints import load_unclip_checkpoint
from nodes.sampling.ksampler import ksampler
from tests.model_management import tiny, tiny_xl
from tests.model_management.test_families import embedded
from tests.model_management.test_vision import in_open_clip, tensors_of
from tests.nodes.fake_context import FakeContext
from tests.oracles import diffusers

WIDTH = tiny_xl.PROJECTED
VISION = ClipVisionConfig(128, 2, 40, 2, patch_px=4, image_px=12, quick_gate=True, projection_width=WIDTH)
NOTHING = torch.zeros(1, 4, 8, 8)
STATES = torch.zeros(1, 10, tiny_xl.G_WIDTH)
SEED = 123


@pytest.fixture(scope="module")
def tensors() -> dict[str, Tensor]:
    vision = {f"embedder.model.{name}": each for name, each in in_open_clip(tensors_of(VISION)).items()}
    return tiny_xl.tensors_of("sd21_unclip") | vision


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, tensors: dict[str, Tensor]) -> Path:
    base = tmp_path_factory.mktemp("unclip")
    folder = base / "models" / "checkpoints"
    folder.mkdir(parents=True)
    tiny.write_checkpoint(folder / "h.safetensors", tensors)
    random = torch.Generator().manual_seed(1)
    spread = {
        "noise_augmentor.data_mean": torch.randn(1, WIDTH, generator=random),
        "noise_augmentor.data_std": torch.rand(1, WIDTH, generator=random) + 0.5,
    }
    tiny.write_checkpoint(folder / "l.safetensors", tensors | spread)
    return base


@pytest.fixture
def ctx(base: Path) -> FakeContext:
    return FakeContext(base, weights=Weights(torch.device("cpu")))


def output(*embeddings: Tensor) -> ClipVisionOutput:
    states = torch.zeros(len(embeddings), 10, 128)
    return ClipVisionOutput(states, states, torch.stack(embeddings))


def draw(seed: int) -> Tensor:
    return torch.randn(WIDTH, generator=torch.Generator().manual_seed(seed))


def vector(opened: OpenedCheckpoint, conditioning: list[Any], side: str = "positive", ctx: Any = None) -> Tensor:
    run = RunFacts(tuple(NOTHING.shape), NOTHING, NOTHING, seed=SEED, note=ctx.note if ctx else lambda text: None)
    return conditions_for(opened.model, conditioning, run, side)[0].inputs["vector"]


def kept(level: int) -> float:
    """The share of variance at the two levels that the tests ask for, from the published schedule."""
    return {0: 0.99995872, 50: 0.99172469, 500: 0.49228517}[level]


def noised(embedding: Tensor, level: int, noise: Tensor) -> Tensor:
    return kept(level) ** 0.5 * embedding + (1 - kept(level)) ** 0.5 * noise


@pytest.fixture
def opened(ctx: FakeContext) -> OpenedCheckpoint:
    return OpenedCheckpoint(*load_unclip_checkpoint("h.safetensors", ctx)[:3])


def test_a_checkpoint_gives_its_vision_encoder_too(ctx) -> None:
    model, clip, vae, vision = load_unclip_checkpoint("h.safetensors", ctx)
    assert model.family.name == "sd21_unclip"
    assert isinstance(model.predicts, Velocity)
    assert [encoder.part.name for encoder in clip.encoders] == ["h"]
    assert vae.latent_channels == 4
    assert encode(vision, torch.rand(1, 20, 16, 3), "center", ctx).image_embeds.shape == (1, WIDTH)


def test_a_checkpoint_without_a_vision_encoder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "checkpoints"
    folder.mkdir(parents=True)
    tiny.write_checkpoint(folder / "plain.safetensors")
    with pytest.raises(WeightsError, match=r"plain\.safetensors holds no vision encoder"):
        load_unclip_checkpoint("plain.safetensors", FakeContext(tmp_path))


def test_an_image_is_noised_from_the_runs_seed_and_told_with_its_level(opened) -> None:
    embedding = draw(1)
    noise = torch.randn(1, WIDTH, generator=torch.Generator().manual_seed(SEED - 10))
    found = vector(opened, show_images([[STATES, {}]], output(embedding), 0.5, 0.5))
    wanted = torch.cat([noised(embedding, 500, noise), torch.tensor([embedded_in(500)])], 1) * 0.5
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


def embedded_in(level: int) -> list[float]:
    angles = torch.tensor(level) / 10000 ** (torch.arange(WIDTH // 2) / (WIDTH // 2))
    return [*angles.cos().tolist(), *angles.sin().tolist()]


def test_several_images_add_up_and_are_noised_once_more(opened) -> None:
    first, second, third = draw(1), draw(2), draw(3)
    entries = show_images([[STATES, {}]], output(first, second), 1.0, 0.0)
    entries = show_images(entries, output(third), -0.5, 0.0)
    generator = torch.Generator().manual_seed(SEED - 10)
    noise, then = (torch.randn(1, WIDTH, generator=generator) for _ in range(2))
    total = sum(strength * noised(each, 0, noise) for strength, each in ((1.0, first), (1.0, second), (-0.5, third)))
    wanted = torch.cat([noised(torch.as_tensor(total), 50, then), torch.tensor([embedded_in(50)])], 1)
    torch.testing.assert_close(vector(opened, entries), wanted, rtol=1e-5, atol=1e-5)


def test_embeddings_are_centred_as_the_file_says(base, opened, ctx) -> None:
    stored = OpenedCheckpoint(*load_unclip_checkpoint("l.safetensors", ctx)[:3])
    random = torch.Generator().manual_seed(1)
    mean, std = torch.randn(1, WIDTH, generator=random), torch.rand(1, WIDTH, generator=random) + 0.5
    noise = torch.randn(1, WIDTH, generator=torch.Generator().manual_seed(SEED - 10))
    embedding = draw(1)
    found = vector(stored, show_images([[STATES, {}]], output(embedding), 1.0, 0.5))[:, :WIDTH]
    wanted = noised((embedding - mean) / std, 500, noise) * std + mean
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


def test_no_image_or_one_of_no_strength_is_a_vector_of_zeros(opened, ctx) -> None:
    assert vector(opened, show_images([[STATES, {}]], output(draw(1)), 0.0, 0.5), ctx=ctx).eq(0).all()
    assert ctx.notes == [
        "positive: an unCLIP model draws from the text alone here; show it images with unCLIPConditioning"
    ]
    assert vector(opened, [[STATES, {}]], "negative", ctx).shape == (1, 2 * WIDTH)
    assert len(ctx.notes) == 1


def test_an_image_read_by_another_encoder_is_refused(opened) -> None:
    shown = show_images([[STATES, {}]], output(torch.zeros(7)), 1.0, 0.0)
    with pytest.raises(ShapeError, match=r"encoded \[7\] wide, but this model wants \[48\].*model's own checkpoint"):
        vector(opened, shown)


def test_a_model_that_is_shown_no_images_says_so(tmp_path: Path, ctx) -> None:
    plain = open_checkpoint(tiny.write_checkpoint(tmp_path / "sd15.safetensors"), FAMILIES)
    run = RunFacts(tuple(NOTHING.shape), NOTHING, NOTHING, note=ctx.note)
    conditions_for(plain.model, show_images([[STATES, {}]], output(draw(1)), 1.0, 0.0), run, "positive")
    assert ctx.notes == ["positive, entry 0: the images of unCLIPConditioning have no effect, since sd15 is shown none"]


def test_images_stand_in_for_the_pooled_text_of_xl(tmp_path: Path) -> None:
    content = tiny_xl.tensors_of("sdxl")
    model = open_checkpoint(tiny.write_checkpoint(tmp_path / "xl.safetensors", content), FAMILIES)
    first, second = draw(1), draw(2)
    entries = show_images([[STATES, {"pooled_output": torch.ones(1, WIDTH)}]], output(first, second), 1.0, 0.0)
    generator = torch.Generator().manual_seed(SEED - 10)
    noise, then = (torch.randn(1, WIDTH, generator=generator) for _ in range(2))
    wanted = noised(noised(first, 0, noise) + noised(second, 0, noise), 0, then)
    found = vector(model, entries)
    assert found.shape == (1, WIDTH + 6 * 256)
    torch.testing.assert_close(found[:, :WIDTH], wanted, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found[0, WIDTH : WIDTH + 256], torch.tensor(embedded(64)))


def test_a_network_in_diffusers_names_computes_what_diffusers_does(tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = diffusers().UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(64, 128),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=1024,
        attention_head_dim=(1, 2),
        use_linear_projection=True,
        class_embed_type="projection",
        projection_class_embeddings_input_dim=24,
    )
    for weight in theirs.parameters():
        torch.nn.init.normal_(weight, std=0.08)
    save_file(theirs.state_dict(), tmp_path / "unet.safetensors")
    model = open_network(tmp_path / "unet.safetensors", FAMILIES)
    assert (model.family.name, model.config.vector_width) == ("sd21_unclip", 24)
    x, context, vector = torch.randn(2, 4, 8, 8), torch.randn(2, 5, 1024), torch.randn(2, 24)
    times = torch.tensor([3.0, 700.0])
    with torch.no_grad(), Weights(torch.device("cpu")).hold(model) as net:
        wanted = theirs(x, times, context, class_labels=vector).sample
        torch.testing.assert_close(net(x, times, context, vector), wanted, rtol=1e-4, atol=1e-5)


def test_a_network_alone_is_told_by_what_it_reads(tmp_path: Path) -> None:
    config = replace(tiny_xl.UNETS["sd21_unclip"], context_width=1024)
    path = tiny.write_checkpoint(tmp_path / "unet.safetensors", tiny_xl.unet_tensors(config))
    assert open_network(path, FAMILIES).family.name == "sd21_unclip"


def test_other_seeds_and_images_give_other_pictures(ctx) -> None:
    model, _clip, _vae, vision = load_unclip_checkpoint("h.safetensors", ctx)
    image = encode(vision, torch.rand(1, 20, 16, 3, generator=torch.Generator().manual_seed(1)), "center", ctx)
    negative = [[STATES, {}]]

    def sample(positive: list[Any]) -> Tensor:
        latent = {"samples": torch.zeros(1, 4, 4, 4)}
        return ksampler(model, 3, 2, 2.0, "euler", "normal", positive, negative, latent, 1.0, ctx)["samples"]

    shown = sample(show_images(negative, image, 1.0, 0.5))
    assert shown.isfinite().all()
    assert not torch.allclose(shown, sample(negative), atol=1e-3)
