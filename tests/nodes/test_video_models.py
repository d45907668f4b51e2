"""Nodes around models that draw videos from an image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from heddle.graph.errors import ShapeError, WeightsError
from heddle.networks.video_unet import VideoUNet
from heddle.samplers.predictions import Velocity
from model_management.image_coding import encode_image
from model_management.weights import Weights
from nodes.conditioning.videos import from_image
from nodes.conditioning.vision import encode
from nodes.latent.autoencoder import decode
from nodes.loaders.checkpoints import load_checkpoint, load_image_only_checkpoint
from nodes.merging.saving import save_image_only_checkpoint
from nodes.patches.attention import multiply_attention_in_space_and_time, multiply_self_attention
from nodes.patches.windows import show_in_windows
from nodes.sampling.guidance import grow_over_frames
from nodes.sampling.ksampler import ksampler
from tests.model_management import tiny, tiny_svd, tiny_xl
from tests.model_management.test_unclip import VISION
from tests.model_management.test_vision import in_open_clip, tensors_of
from tests.nodes.fake_context import FakeContext

UNCLIP_VISION = "embedder.model."


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("videos")
    folder = base / "models" / "checkpoints"
    folder.mkdir(parents=True)
    tiny.write_checkpoint(folder / "svd.safetensors", tiny_svd.checkpoint_tensors())
    tiny.write_checkpoint(folder / "plain.safetensors")
    vision = {UNCLIP_VISION + name: each.half() for name, each in in_open_clip(tensors_of(VISION)).items()}
    tiny.write_checkpoint(folder / "unclip.safetensors", tiny_xl.tensors_of("sd21_unclip") | vision)
    return base


@pytest.fixture
def ctx(base: Path) -> FakeContext:
    return FakeContext(base, weights=Weights(torch.device("cpu")))


def image(*size: int, seed: int = 1) -> Tensor:
    return torch.rand(*size, 3, generator=torch.Generator().manual_seed(seed))


def shown(ctx: FakeContext, picture: Tensor, frames: int = 3, **more: Any) -> tuple[Any, Any, Any]:
    _, vision, vae = load_image_only_checkpoint("svd.safetensors", ctx)
    numbers = {"motion_bucket_id": 50, "fps": 12, "augmentation_level": 0.0} | more
    return from_image(vision, picture, vae, 32, 24, frames, **numbers, ctx=ctx)


def saved(ctx: FakeContext, model: Any, vision: Any, vae: Any) -> Path:
    told: Any = save_image_only_checkpoint(model, vision, vae, "checkpoints/again", ctx=ctx).ui["files"][0]
    return ctx.folders.output / told["subfolder"] / told["filename"]


def test_a_checkpoint_gives_model_vision_encoder_and_vae(ctx: FakeContext) -> None:
    model, vision, vae = load_image_only_checkpoint("svd.safetensors", ctx)
    assert (model.family.name, vae.looks_along_time) == ("svd", True)
    assert encode(vision, image(1, 20, 16), "center", ctx).image_embeds.shape == (1, tiny_svd.CONTEXT)
    assert ctx.notes == []


def test_an_unclip_checkpoint_is_opened_too(ctx: FakeContext) -> None:
    model, vision, vae = load_image_only_checkpoint("unclip.safetensors", ctx)
    assert (model.family.name, vision.config, vae.latent_channels) == ("sd21_unclip", VISION, 4)


def test_a_checkpoint_that_is_shown_no_images_is_refused_with_what_it_holds(ctx: FakeContext) -> None:
    with pytest.raises(WeightsError, match=r"plain\.safetensors holds no vision encoder known here.*tensors, such as"):
        load_image_only_checkpoint("plain.safetensors", ctx)


def test_the_usual_loader_opens_the_model_and_says_how_to_use_it(ctx: FakeContext) -> None:
    model, clip, _vae = load_checkpoint("svd.safetensors", ctx)
    assert model.family.name == "svd"
    with pytest.raises(WeightsError, match="open it with ImageOnlyCheckpointLoader"):
        _ = clip.encoders


@pytest.mark.parametrize("name", ["svd", "unclip"])
def test_a_saved_checkpoint_is_the_one_that_was_opened(ctx: FakeContext, base: Path, name: str) -> None:
    opened = load_image_only_checkpoint(f"{name}.safetensors", ctx)
    path = saved(ctx, *opened)
    wanted, found = load_file(base / "models" / "checkpoints" / f"{name}.safetensors"), load_file(path)
    texts = {key for key in wanted if key.startswith("cond_stage_model.")}
    marks = found.keys() - wanted.keys()
    assert wanted.keys() - found.keys() == texts and marks <= {"edm_vpred.sigma_max", "edm_vpred.sigma_min", "v_pred"}
    assert all(torch.equal(each, wanted[key]) for key, each in found.items() if key not in marks)
    (ctx.folders.find("checkpoints", "svd.safetensors").parent / f"again_{name}.safetensors").write_bytes(
        path.read_bytes()
    )
    if name == "svd":  # of an unCLIP file without its text the widths have to be the published ones
        model, vision, vae = load_image_only_checkpoint(f"again_{name}.safetensors", ctx)
        assert (model.config, vision.config, vae.config) == tuple(each.config for each in opened)
        assert isinstance(model.predicts, Velocity) and model.predicts.schedule.sigma_max == pytest.approx(700)
        assert ctx.notes == []


def test_what_was_put_in_is_saved(ctx: FakeContext) -> None:
    model, vision, vae = load_image_only_checkpoint("svd.safetensors", ctx)
    found = load_file(saved(ctx, multiply_self_attention(model, 1.0, 1.0, 1.0, 0.0), vision, vae))
    layers = [each for name, each in found.items() if "model.diffusion" in name and ".attn1.to_out.0." in name]
    assert layers and not any(each.any() for each in layers)


def test_a_vision_encoder_in_other_names_is_written_where_the_family_has_it(ctx: FakeContext, base: Path) -> None:
    model, _, vae = load_image_only_checkpoint("svd.safetensors", ctx)
    folder = base / "models" / "checkpoints"
    plain = {name: each.half() for name, each in tensors_of(tiny_svd.VISION).items()}
    rest = {name: each for name, each in tiny_svd.checkpoint_tensors().items() if "conditioner" not in name}
    prefix = f"{tiny_svd.VISION_PREFIX}visual."
    tiny.write_checkpoint(folder / "other.safetensors", rest | {prefix + name: each for name, each in plain.items()})
    vision = load_image_only_checkpoint("other.safetensors", ctx)[1]
    assert vision.config == tiny_svd.VISION
    found = load_file(saved(ctx, model, vision, vae))
    assert all(torch.equal(found[name], each) for name, each in tiny_svd.checkpoint_tensors().items())


def test_a_model_that_is_shown_no_images_is_not_saved_with_a_vision_encoder(ctx: FakeContext) -> None:
    vision, vae = load_image_only_checkpoint("svd.safetensors", ctx)[1:]
    model = load_checkpoint("plain.safetensors", ctx)[0]
    with pytest.raises(WeightsError, match="a checkpoint of sd15 holds no vision encoder"):
        save_image_only_checkpoint(model, vision, vae, ctx=ctx)


def test_a_model_is_shown_the_image_as_read_and_as_a_latent(ctx: FakeContext) -> None:
    picture = image(1, 48, 32)
    positive, negative, latent = shown(ctx, picture)
    assert latent["samples"].shape == (3, 4, 3, 4) and not latent["samples"].any()
    ((read, more),), ((nothing, away),) = positive, negative
    _, vision, vae = load_image_only_checkpoint("svd.safetensors", ctx)
    assert torch.equal(read[0], encode(vision, picture, "center", ctx).image_embeds) and read.ndim == 3
    assert (more["motion_bucket_id"], more["fps"], more["augmentation_level"]) == (50, 12, 0.0)
    middle = picture[:, 12:36]  # of 48 rows, those in the shape of the video
    torch.testing.assert_close(more["concat_latent_image"], encode_image(vae, middle, ctx.weights))
    assert not nothing.any() and not away["concat_latent_image"].any() and away["fps"] == 12


def test_noise_over_the_image_is_the_same_each_time(ctx: FakeContext) -> None:
    picture = image(1, 24, 32)
    plain, *noisy = (shown(ctx, picture, augmentation_level=level)[0][0][1] for level in (0.0, 0.5, 0.5))
    first, second = (each["concat_latent_image"] for each in noisy)
    assert torch.equal(first, second) and not torch.allclose(first, plain["concat_latent_image"], atol=1e-3)


def test_several_images_are_shown_in_turn_and_none_is_refused(ctx: FakeContext) -> None:
    positive, _, latent = shown(ctx, image(2, 24, 32), frames=5)
    assert positive[0][0].shape == (1, 2, tiny_svd.CONTEXT) and len(positive[0][1]["concat_latent_image"]) == 2
    assert len(latent["samples"]) == 5
    with pytest.raises(ShapeError, match="at least one image"):
        shown(ctx, torch.zeros(0, 24, 32, 3))


def sampled(ctx: FakeContext, model: Any, conditioning: tuple[Any, Any, Any], cfg: float = 2.5) -> Tensor:
    positive, negative, latent = conditioning
    return ksampler(model, 7, 2, cfg, "euler", "karras", positive, negative, latent, 1.0, ctx)["samples"]


def test_a_video_is_drawn_and_decoded(ctx: FakeContext) -> None:
    model, _, vae = load_image_only_checkpoint("svd.safetensors", ctx)
    with torch.inference_mode():
        latent = sampled(ctx, grow_over_frames(model, 1.0), shown(ctx, image(1, 24, 32)))
        assert latent.shape == (3, 4, 3, 4) and latent.isfinite().all()
        frames = decode({"samples": latent}, vae, ctx)
        assert frames.shape == (3, 24, 32, 3) and frames.isfinite().all()
        other = sampled(ctx, model, shown(ctx, image(1, 24, 32, seed=2)))
        assert not torch.allclose(latent, other, atol=1e-3)
    assert ctx.notes == []


def test_a_video_longer_than_a_window_is_drawn_in_videos_of_its_length(
    ctx: FakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_image_only_checkpoint("svd.safetensors", ctx)[0]
    plain, told = VideoUNet.forward, []

    def watched(net: VideoUNet, x: Tensor, *given: Any, frames: int | None = None, **more: Any) -> Tensor:
        told.append((len(x), frames))
        return plain(net, x, *given, frames=frames, **more)

    monkeypatch.setattr(VideoUNet, "forward", watched)
    in_windows = show_in_windows(model, 3, 1, "standard_static", 1, False, causal_window_fix=False)
    with torch.inference_mode():
        latent = sampled(ctx, in_windows, shown(ctx, image(1, 24, 32), frames=5))
    assert latent.shape == (5, 4, 3, 4) and latent.isfinite().all()
    assert {frames for _, frames in told} == {3} and all(items % 3 == 0 for items, _ in told)


def test_attention_along_time_is_multiplied_by_numbers_of_its_own(ctx: FakeContext) -> None:
    model = load_image_only_checkpoint("svd.safetensors", ctx)[0]
    changed = multiply_attention_in_space_and_time(model, 2.0, 3.0, 4.0, 5.0, ctx)
    found = {name: factor for patch in changed.weight_patches for name, factor in patch.source.factors}
    wanted = {("time_stack", "attn1"): 3.0, ("time_stack", "attn2"): 5.0}
    wanted |= {("transformer_blocks", "attn1"): 2.0, ("transformer_blocks", "attn2"): 4.0}
    told = {
        (stack, attention): {factor for name, factor in found.items() if stack in name and f".{attention}." in name}
        for stack, attention in wanted
    }
    assert told == {key: {factor} for key, factor in wanted.items()}
    assert all(".to_out.0." in name for name in found)
    every = multiply_self_attention(model, 2.0, 1.0, 1.0, 1.0)
    assert any("time_stack" in name for patch in every.weight_patches for name in patch.source.weights)
    assert ctx.notes == []
