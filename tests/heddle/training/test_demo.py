"""The demo training at tiny size: it goes on where it stopped, and what it writes has the family's layout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from heddle.graph.errors import Cancelled, SettingsError
from heddle.networks.clip_text import ClipTextConfig
from heddle.networks.unet import UNetConfig
from heddle.networks.vae import Autoencoder, VaeConfig
from heddle.training import autoencoding
from heddle.training.autoencoding import build_autoencoder, harden_norms, whiten_latents
from heddle.training.demo import train_demo
from heddle.training.demo_plan import LATENT_SCALE, LATENT_SPREAD, LEAST_VARIANCE, DemoPlan
from heddle.training.loop import Plan, Progress
from heddle.training.reading import read_vocabulary
from tests.heddle.training.words import tokenize

TINY = DemoPlan(
    vae=VaeConfig(widths=(32, 32, 32, 32), blocks=1),
    text=ClipTextConfig(width=64, layers=1, mlp_width=64, vocabulary=500),
    unet=UNetConfig(widths=(32, 64), blocks=(1, 1), depths=(0, 1), middle_depth=1, context_width=64, time_width=32),
    crowds=4,
    scenes=6,
    vae_training=Plan(steps=4, learning_rate=1e-3),
    vae_batch=2,
    vae_crop_px=32,
    vae_whole_share=0.5,
    vae_whole_batch=2,
    decoder_training=Plan(steps=3, learning_rate=1e-3),
    decoder_batch=2,
    reader_training=Plan(steps=3, learning_rate=1e-3),
    reader_batch=2,
    denoiser_training=Plan(steps=4, learning_rate=1e-3),
    denoiser_batch=2,
    export_every=3,
    sample_prompts=("a red circle",),
)


def stop_after(stage: str, step: int) -> tuple[Callable[[str, Progress], None], Callable[[], bool]]:
    """A watcher, and a stop that says yes once that stage has come to that step."""
    reached: list[bool] = []

    def tell(name: str, progress: Progress) -> None:
        if name == stage and progress.step == step:
            reached.append(True)

    return tell, lambda: bool(reached)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    train_demo(folder, tokenize=tokenize, plan=TINY, device="cpu")
    return folder


@pytest.mark.parametrize(("stage", "step"), [("autoencoder", 3), ("decoder", 2), ("text", 2), ("denoiser", 2)])
def test_a_training_stopped_and_resumed_writes_the_same_bytes(
    whole: Path, tmp_path: Path, stage: str, step: int
) -> None:
    tell, should_stop = stop_after(stage, step)
    with pytest.raises(Cancelled, match=f"stopped after step {step} "):
        train_demo(tmp_path, tokenize=tokenize, plan=TINY, device="cpu", tell=tell, should_stop=should_stop)
    made = train_demo(tmp_path, tokenize=tokenize, plan=TINY, device="cpu")
    assert made.read_bytes() == (whole / made.name).read_bytes()
    assert (tmp_path / "losses.png").exists()
    assert (tmp_path / "samples.png").exists()


def test_scenes_that_were_encoded_before_a_stop_are_not_encoded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autoencoding, "SCENES_A_FILE", 2)
    tell, should_stop = stop_after("latents", 4)
    with pytest.raises(Cancelled, match="stopped after scene 4 of 6"):
        train_demo(tmp_path, tokenize=tokenize, plan=TINY, device="cpu", tell=tell, should_stop=should_stop)
    encoded: list[int] = []
    train_demo(
        tmp_path,
        tokenize=tokenize,
        plan=TINY,
        device="cpu",
        tell=lambda stage, progress: encoded.append(progress.step) if stage == "latents" else None,
    )
    assert encoded == [4, 6]
    assert not list(tmp_path.glob("moments_*"))


def test_the_checkpoint_is_fp16_and_names_each_part_as_the_family_does(whole: Path) -> None:
    tensors = load_file(whole / "heddle-demo.safetensors")
    parts = ("model.diffusion_model.", "first_stage_model.", "cond_stage_model.transformer.text_model.")
    assert {next(part for part in parts if name.startswith(part)) for name in tensors} == set(parts)
    assert {each.dtype for name, each in tensors.items() if "position_ids" not in name} == {torch.float16}
    assert tensors["cond_stage_model.transformer.text_model.embeddings.token_embedding.weight"].shape == (500, 64)


def test_words_outside_the_world_share_one_vector(whole: Path) -> None:
    rows = load_file(whole / "heddle-demo.safetensors")[
        "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight"
    ]
    used = set(read_vocabulary(tokenize, 500).tokens)
    unused = [token for token in range(500) if token not in used]
    assert len(unused) > 300
    assert (rows[unused] == rows[unused[0]]).all()
    assert not (rows[tokenize("red")[1]] == rows[unused[0]]).all()


def some_autoencoder() -> tuple[Autoencoder, torch.Tensor]:
    """An autoencoder in which every layer does something, and pixels of a size it takes."""
    chance = torch.Generator().manual_seed(0)
    vae = build_autoencoder(TINY, torch.device("cpu"))
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter += torch.randn(parameter.shape, generator=chance) * 0.02
    return vae, torch.rand(6, 3, 32, 32, generator=chance) * 2 - 1


@torch.no_grad()
def test_whitened_latents_have_the_wanted_spread_in_the_networks_units_and_decode_as_before() -> None:
    vae, pixels = some_autoencoder()
    before = vae.encode(pixels)
    decoded = vae.decode(before[:, :4])
    latents = whiten_latents(vae, before)
    after = vae.encode(pixels)
    torch.testing.assert_close(after[:, :4], latents, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(vae.decode(latents), decoded, rtol=1e-4, atol=1e-4)
    rows = (latents * LATENT_SCALE).permute(1, 0, 2, 3).flatten(1)
    torch.testing.assert_close(rows.mean(dim=1), torch.zeros(4), rtol=0, atol=1e-3)
    variances = torch.linalg.eigvalsh(torch.cov(rows) / LATENT_SPREAD**2)
    assert variances.max().item() == pytest.approx(1, abs=1e-3)
    # Directions of almost no variance are left weaker: they hold noise.
    old = torch.linalg.eigvalsh(torch.cov(before[:, :4].permute(1, 0, 2, 3).flatten(1)))
    torch.testing.assert_close(variances, (old / (old.max() * LEAST_VARIANCE)).clamp(max=1), rtol=1e-2, atol=1e-3)


@torch.no_grad()
def test_the_layouts_norms_compute_what_the_soft_ones_learned() -> None:
    soft, pixels = some_autoencoder()
    hard = harden_norms(TINY, soft)
    assert {each.eps for each in hard.modules() if isinstance(each, torch.nn.GroupNorm)} == {1e-6}
    torch.testing.assert_close(hard.encode(pixels), soft.encode(pixels), rtol=1e-4, atol=1e-5)
    latent = torch.randn(2, 4, 4, 4, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(hard.decode(latent), soft.decode(latent), rtol=1e-4, atol=1e-5)
    in_half = harden_norms(TINY, soft).half().float()
    torch.testing.assert_close(in_half.decode(latent), soft.decode(latent), rtol=0, atol=0.01)


def test_a_longer_plan_goes_on_from_a_shorter_ones_checkpoint(tmp_path: Path) -> None:
    train_demo(tmp_path, tokenize=tokenize, plan=TINY, device="cpu")
    longer = replace(TINY, denoiser_training=replace(TINY.denoiser_training, steps=6))
    steps: list[int] = []
    train_demo(
        tmp_path,
        tokenize=tokenize,
        plan=longer,
        device="cpu",
        tell=lambda stage, progress: steps.append(progress.step) if stage == "denoiser" else None,
    )
    assert steps == [5, 6]


@torch.no_grad()
def test_latents_that_are_white_already_stay_where_they_are() -> None:
    vae, pixels = some_autoencoder()
    once = whiten_latents(vae, vae.encode(pixels))
    again = whiten_latents(vae, vae.encode(pixels))
    torch.testing.assert_close(once, again, rtol=1e-3, atol=1e-2)


STILL = {
    name: replace(getattr(TINY, name), learning_rate=0.0)
    for name in ("vae_training", "decoder_training", "reader_training", "denoiser_training")
}


def test_a_training_that_starts_from_an_earlier_model_begins_with_its_weights(whole: Path, tmp_path: Path) -> None:
    earlier = whole / "heddle-demo.safetensors"
    one_layer_more = replace(TINY.text, layers=2)
    plan = replace(TINY, text=one_layer_more, **STILL)
    made = load_file(train_demo(tmp_path, tokenize=tokenize, plan=plan, start=earlier, device="cpu"))
    before = load_file(earlier)
    assert set(before) < set(made)
    coded = ("quant_conv", "conv_in", "conv_out")  # where latents are made white once more
    kept = [name for name in before if not any(each in name for each in coded)]
    assert len(kept) > 200
    for name in kept:
        torch.testing.assert_close(made[name], before[name], rtol=2e-3, atol=2e-4, msg=name)
    added = [name for name in made if name not in before]
    assert all("text_model.encoder.layers.1." in name for name in added)
    for last in ("self_attn.out_proj.weight", "mlp.fc2.weight"):  # a layer that does nothing yet
        assert not made[f"cond_stage_model.transformer.text_model.encoder.layers.1.{last}"].any()


def test_an_earlier_model_of_other_sizes_is_turned_away(whole: Path, tmp_path: Path) -> None:
    wider = replace(TINY, unet=replace(TINY.unet, widths=(32, 96)))
    with pytest.raises(SettingsError, match=r"UNet has .* train from nothing instead"):
        train_demo(tmp_path, tokenize=tokenize, plan=wider, start=whole / "heddle-demo.safetensors", device="cpu")
