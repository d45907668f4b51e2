"""Stable Video Diffusion: how files are told, what its nets compute, what they are shown, how frames are decoded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from heddle.graph.errors import OutOfMemory, WeightsError
from heddle.networks.ops import PLAIN
from heddle.networks.unet import UNetConfig, embed_timesteps
from heddle.networks.vae import Autoencoder
from heddle.networks.video_unet import VideoUNet
from heddle.numerics import strips
from heddle.samplers.conditions import Area, Call, Condition, condition_sides
from heddle.samplers.predictions import Velocity
from model_management import image_coding
from model_management.accelerators.pretended import PretendedAccelerator
from model_management.checkpoint import OpenedCheckpoint, open_checkpoint, open_network, open_vae
from model_management.denoiser import denoiser_for
from model_management.families.known import FAMILIES
from model_management.families.svd.family import SVD
from model_management.family import RunFacts
from model_management.handles import Vae
from model_management.image_coding import decode_latent, decode_tiled, encode_image
from model_management.match_report import report_match
from model_management.vision import open_clip_vision
from model_management.weights import Weights
from tests.model_management import tiny, tiny_svd
from tests.oracles import diffusers

CPU = torch.device("cpu")
FRAMES = 3


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("svd") / "m.safetensors"
    return tiny.write_checkpoint(path, tiny_svd.checkpoint_tensors(torch.float32))


@pytest.fixture(scope="module")
def opened(path: Path) -> OpenedCheckpoint:
    return open_checkpoint(path, FAMILIES)


@pytest.fixture(scope="module")
def unet_of_diffusers() -> Any:
    return tiny_svd.unet_of_diffusers()


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def tight(total_bytes: int) -> Weights:
    return Weights(CPU, accelerator=PretendedAccelerator(total_bytes))


def test_a_checkpoint_is_known_with_the_sizes_of_its_nets(opened: OpenedCheckpoint, path: Path) -> None:
    model = opened.model
    assert model.family is SVD and model.config == tiny_svd.UNET
    assert isinstance(model.predicts, Velocity)
    assert model.predicts.schedule.sigma_min == pytest.approx(0.002)
    assert model.predicts.schedule.sigma_max == pytest.approx(700)
    assert model.latent.scale == 0.18215
    assert opened.vae.config == tiny_svd.VAE and opened.vae.looks_along_time
    assert open_clip_vision(path).config == tiny_svd.VISION
    assert open_network(path, FAMILIES).config == tiny_svd.UNET
    assert open_vae(path).config == tiny_svd.VAE


def test_nets_of_the_published_sizes_have_as_many_weights() -> None:
    with torch.device("meta"):
        unet = VideoUNet(
            UNetConfig(
                (320, 640, 1280, 1280), (2,) * 4, (1, 1, 1, 0), 1, 1024, in_channels=8, head_width=64,
                linear_projections=True, vector_width=768,
            ), PLAIN,
        )  # fmt: skip
        vae = Autoencoder(SVD.latent.published_vae, PLAIN)
    counts = [sum(weight.numel() for weight in net.parameters()) for net in (unet, vae)]
    assert counts == [1_524_623_082, 97_742_775]  # read off diffusers' nets, the VAE's without its 72 of `quant_conv`


def test_it_has_no_text_encoder_and_says_how_it_is_used(opened: OpenedCheckpoint) -> None:
    with pytest.raises(WeightsError, match=r"is shown images and no text; open it with ImageOnlyCheckpointLoader"):
        _ = opened.clip.encoders


def test_what_published_files_hold_beside_is_not_missed(path: Path, tmp_path: Path) -> None:
    more = {
        f"{tiny_svd.VISION_PREFIX}token_embedding.weight": torch.zeros(1),
        f"{tiny_svd.VISION_PREFIX}ln_final.bias": torch.zeros(1),
        "conditioner.embedders.3.encoder.encoder.conv_in.weight": torch.zeros(1),
        "conditioner.embedders.3.encoder.quant_conv.bias": torch.zeros(1),
    }
    whole = tiny.write_checkpoint(tmp_path / "m.safetensors", load_file(path) | more)
    nets = [*open_checkpoint(whole, FAMILIES).nets, open_clip_vision(whole).stored]
    assert report_match(nets, is_whole=True).unmatched == ()
    stray = tiny.write_checkpoint(
        tmp_path / "s.safetensors", load_file(path) | {f"{tiny_svd.VISION_PREFIX}visual.stray": torch.zeros(1)}
    )
    nets = [*open_checkpoint(stray, FAMILIES).nets, open_clip_vision(stray).stored]
    assert report_match(nets, is_whole=True).unmatched == (f"{tiny_svd.VISION_PREFIX}visual.stray",)


@pytest.mark.parametrize("is_streamed", [False, True], ids=["mapped", "streamed"])
def test_the_network_computes_what_diffusers_does_for_two_videos_at_once(
    opened: OpenedCheckpoint, unet_of_diffusers: Any, is_streamed: bool
) -> None:
    x, context, level = draw(2, FRAMES, 8, 6, 5), draw(2, 2, tiny_svd.CONTEXT, seed=1), torch.tensor(1.3)
    numbers = torch.tensor([[5.0, 127.0, 0.1], [11.0, 40.0, 0.0]])
    vector = torch.stack([embed_timesteps(each, 256).flatten() for each in numbers])
    with torch.no_grad():
        wanted = unet_of_diffusers(x, level, context, numbers).sample.flatten(0, 1)
    whole_bytes = opened.model.stored.numel * torch.float32.itemsize
    weights = tight(whole_bytes * 2 // 3) if is_streamed else Weights(CPU)
    flat, context, vector = x.flatten(0, 1), *(each.repeat_interleave(FRAMES, 0) for each in (context, vector))
    with torch.inference_mode(), weights.hold(opened.model) as net:
        for _ in range(2):
            found = net(flat, level.expand(len(flat)), context, vector, frames=FRAMES)
            torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
        one = net(flat[:FRAMES], level.expand(FRAMES), context[:FRAMES], vector[:FRAMES], frames=FRAMES)
        torch.testing.assert_close(one, wanted[:FRAMES], rtol=1e-4, atol=1e-5)
        apart = net(flat, level.expand(len(flat)), context, vector, frames=1)
        assert not torch.allclose(apart, wanted, atol=1e-2)


def test_the_autoencoder_computes_what_diffusers_does(opened: OpenedCheckpoint) -> None:
    theirs = tiny_svd.vae_of_diffusers()
    z, image = draw(5, 4, 3, 2), torch.rand(2, 16, 24, 3)
    weights = Weights(CPU)
    with torch.no_grad():
        wanted = (theirs.decode(z, num_frames=5).sample + 1) / 2
        moments = theirs.encode(image.movedim(-1, 1) * 2 - 1).latent_dist
    found = decode_latent(opened.vae, z, weights)
    torch.testing.assert_close(found, wanted.clamp(0, 1).movedim(1, -1), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(encode_image(opened.vae, image, weights), moments.mean, rtol=1e-4, atol=1e-5)


def test_the_conditioning_and_the_way_it_is_read_are_those_of_diffusers(
    opened: OpenedCheckpoint, unet_of_diffusers: Any
) -> None:
    pipeline = diffusers().StableVideoDiffusionPipeline
    wanted = pipeline._get_add_time_ids(
        SimpleNamespace(unet=unet_of_diffusers), 6, 100, 0.25, torch.float32, 1, 1, False
    )
    more = {"fps": 7, "motion_bucket_id": 100, "augmentation_level": 0.25, "concat_latent_image": draw(1, 4, 8, 8)}
    latent = torch.zeros(FRAMES, 4, 4, 6)
    inputs = SVD.read_entry(torch.zeros(1, 1, 8), more, RunFacts(tuple(latent.shape), latent, latent))
    projected = unet_of_diffusers.add_time_proj(wanted.flatten()).reshape(1, -1)
    torch.testing.assert_close(inputs["vector"], projected)
    assert inputs["concat"].shape == (FRAMES, 4, 4, 6)
    assert torch.equal(inputs["concat"][0], inputs["concat"][2])
    plain = SVD.read_entry(torch.zeros(1, 1, 8), {}, RunFacts(tuple(latent.shape), latent, latent))
    usual = embed_timesteps(torch.tensor([5.0, 127.0, 0.0]), 256).reshape(1, -1)
    assert torch.equal(plain["vector"], usual) and not plain["concat"].any()
    # The published schedule: v over Karras' levels.
    theirs = diffusers().EulerDiscreteScheduler(
        sigma_min=0.002, sigma_max=700.0, timestep_type="continuous", timestep_spacing="leading", steps_offset=1,
        prediction_type="v_prediction", use_karras_sigmas=True,
    )  # fmt: skip
    theirs.set_timesteps(4)
    schedule = opened.model.predicts.schedule
    levels = theirs.sigmas[:4]
    torch.testing.assert_close(schedule.timestep(levels), theirs.timesteps, rtol=1e-4, atol=1e-5)


def test_a_run_looks_at_all_frames_of_a_side_together(opened: OpenedCheckpoint, unet_of_diffusers: Any) -> None:
    """Both sides in one call, and an area of it, each a video of its own."""
    x, sigma = draw(FRAMES, 4, 8, 6), torch.tensor(2.5)
    shown, numbers = draw(FRAMES, 4, 8, 6, seed=2), torch.tensor([[5.0, 127.0, 0.0]])
    vector = embed_timesteps(numbers[0], 256).reshape(1, -1)
    read = draw(1, 1, tiny_svd.CONTEXT, seed=3)
    inputs = {"context": read, "vector": vector, "concat": shown}
    away = {"context": read * 0, "vector": vector, "concat": shown * 0}
    calls: list[Call] = []
    with torch.inference_mode(), Weights(CPU).hold(opened.model) as net:
        plain = denoiser_for(opened.model, net)

        def denoise(x: Tensor, sigma: Tensor, call: Call, /) -> Tensor:
            calls.append(call)
            return plain(x, sigma, call)

        guess = condition_sides(denoise, {"positive": [Condition(inputs)], "negative": [Condition(away)]})
        found = guess(x, sigma, ["positive", "negative"])
        part = condition_sides(denoise, {"positive": [Condition(inputs, area=Area(4, 6, 0, 0))]})
        in_part = part(x, sigma, ["positive"])["positive"][:, :, :4]
    assert [len(call.sides) for call in calls] == [2 * FRAMES, FRAMES]

    def wanted(x: Tensor, shown: Tensor, read: Tensor) -> Tensor:
        scaled = torch.cat([x / (sigma**2 + 1) ** 0.5, shown], 1)[None]
        with torch.no_grad():
            said = unet_of_diffusers(scaled, sigma.log() / 4, read, numbers).sample[0]
        return x / (sigma**2 + 1) - said * sigma / (sigma**2 + 1) ** 0.5

    torch.testing.assert_close(found["positive"], wanted(x, shown, read), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found["negative"], wanted(x, shown * 0, read * 0), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(in_part, wanted(x[:, :, :4], shown[:, :, :4], read), rtol=1e-4, atol=1e-5)


def test_a_long_video_is_decoded_in_pieces_that_fade_into_each_other(opened: OpenedCheckpoint) -> None:
    latent = draw(19, 4, 8, 8)
    whole = decode_latent(opened.vae, latent, Weights(CPU))
    each = image_coding.working_bytes(tiny_svd.VAE, 64, 64)
    told: list[tuple[int, int]] = []
    # Half of the memory has room for eight frames.
    weights = tight(16 * each)
    pieces = decode_latent(opened.vae, latent, weights, lambda done, total: told.append((done, total)))
    assert told == [(8, 19), (14, 19), (19, 19)]
    assert isinstance(weights.accelerator, PretendedAccelerator)
    assert weights.accelerator.most_bytes <= 16 * each
    torch.testing.assert_close(pieces[:3], whole[:3], rtol=0, atol=0.12)
    assert (pieces - whole).abs().mean() < 0.03
    # A cut would be a step from one frame to the next that the whole has not.
    steps = (pieces.diff(dim=0) - whole.diff(dim=0)).abs().mean((1, 2, 3))
    assert steps.max() < 3 * steps.mean()


@pytest.mark.parametrize("decode", [decode_latent, decode_tiled])
def test_frames_that_find_no_room_together_are_decoded_in_shorter_pieces(
    opened: OpenedCheckpoint, decode: Callable[..., Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    plain = Autoencoder.decode

    def refuse(net: Autoencoder, z: Tensor) -> Tensor:
        seen.append(len(z))
        if len(z) > most:
            raise OutOfMemory("full", asked=2, free=1)
        return plain(net, z)

    monkeypatch.setattr(Autoencoder, "decode", refuse)
    most, latent = 4, draw(9, 4, 2, 2)
    assert decode(opened.vae, latent, Weights(CPU)).shape == (9, 16, 16, 3)
    assert seen == [9, 4, 4, 4]
    most = 0
    with pytest.raises(OutOfMemory):
        decode(opened.vae, latent, Weights(CPU))


def test_tiles_of_a_video_look_along_time_too(opened: OpenedCheckpoint) -> None:
    latent, weights, told = draw(4, 4, 8, 8), Weights(CPU), []
    whole = decode_latent(opened.vae, latent, weights)
    torch.testing.assert_close(decode_tiled(opened.vae, latent, weights, 64), whole, rtol=1e-4, atol=1e-4)
    tiled = decode_tiled(opened.vae, latent, weights, 32, 8, lambda done, total: told.append(done / total))
    assert tiled.shape == whole.shape and told == sorted(told) and told[-1] == 1
    other = torch.cat([latent[:3], latent[3:] + 1])
    changed = (decode_tiled(opened.vae, other, weights, 32, 8) - tiled).abs().mean((1, 2, 3))
    assert changed.min() > 1e-3  # every frame of every tile, by the last one
    shorter = decode_tiled(opened.vae, other, weights, 32, 8, frames=2, shared_frames=0)
    alike = (shorter - decode_tiled(opened.vae, latent, weights, 32, 8, frames=2, shared_frames=0)).abs()
    assert not alike[:2].any() and alike[2:].any()
    with weights.hold(opened.vae) as net:  # nothing of the tiles stays in it
        assert not any("forward" in vars(module) for module in net.modules())


def test_large_frames_in_strips_come_out_as_at_once(opened: OpenedCheckpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    latent, weights = draw(3, 4, 4, 4), Weights(CPU)
    whole = decode_latent(opened.vae, latent, weights)
    monkeypatch.setattr(strips, "STRIP_BYTES", 1)
    with torch.inference_mode():
        torch.testing.assert_close(decode_latent(opened.vae, latent, weights), whole, rtol=1e-4, atol=1e-4)


def test_a_vae_of_pictures_and_one_of_videos_are_told_by_their_files(opened: OpenedCheckpoint, tmp_path: Path) -> None:
    plain = open_vae(tiny.write_checkpoint(tmp_path / "m.safetensors"))
    assert not plain.looks_along_time
    latent, weights = draw(3, 4, 2, 2), Weights(CPU)

    def one(vae: Vae) -> Tensor:
        return decode_latent(vae, latent[:1], weights)[0]

    torch.testing.assert_close(decode_latent(plain, latent, weights)[0], one(plain), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(decode_latent(opened.vae, latent, weights)[0], one(opened.vae), atol=1e-3)


def test_other_levels_are_those_that_the_file_says(path: Path, tmp_path: Path) -> None:
    marks = {"edm_vpred.sigma_max": torch.tensor(500.0)}
    model = open_checkpoint(tiny.write_checkpoint(tmp_path / "m.safetensors", load_file(path) | marks), FAMILIES).model
    assert model.predicts.schedule.sigma_max == pytest.approx(500)


def test_a_network_of_the_same_widths_without_layers_along_time_is_another(path: Path, tmp_path: Path) -> None:
    flat = {name: each for name, each in load_file(path).items() if "time_" not in name or "time_embed" in name}
    with pytest.raises(WeightsError):
        open_checkpoint(tiny.write_checkpoint(tmp_path / "m.safetensors", flat), FAMILIES)


def test_a_copy_on_the_cpu_asks_for_the_memory_there(opened: OpenedCheckpoint) -> None:
    weights = tight(1 << 20)  # the device has no room for it
    there = replace(opened.vae, stored=replace(opened.vae.stored, on_cpu=True))
    assert decode_latent(there, draw(2, 4, 2, 2), weights).isfinite().all()
