"""Small autoencoders from two files: as a VAE, and in previews."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from heddle.graph.errors import ShapeError, WeightsError
from heddle.networks.ops import TRAINABLE
from heddle.networks.small_vae import SmallVaeConfig, small_decoder, small_encoder
from heddle.settings.folders import Folders
from heddle.settings.options import Settings
from model_management.checkpoint import open_checkpoint
from model_management.families.known import FAMILIES
from model_management.image_coding import decode_latent, encode_image
from model_management.small_vae import open_small_vae
from model_management.weights import Weights
from nodes.loaders.checkpoints import load_vae
from nodes.sampling import watching
from nodes.sampling.watching import StepWatch
from tests.nodes.fake_context import FakeContext

CPU = torch.device("cpu")


def put(base: Path, name: str, half: str, channels: int = 4) -> None:
    folder = base / "models" / "vae_approx"
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(len(half))
    build = small_encoder if half == "encoder" else small_decoder
    save_file(build(SmallVaeConfig(channels, 8), TRAINABLE).state_dict(), folder / f"{name}_{half}.safetensors")


@pytest.fixture
def ctx(tmp_path: Path) -> FakeContext:
    put(tmp_path, "taesd", "encoder")
    put(tmp_path, "taesd", "decoder")
    return FakeContext(tmp_path, Weights(CPU))


def test_it_is_offered_among_the_vaes_when_both_halves_are_there(ctx: FakeContext, tmp_path: Path) -> None:
    put(tmp_path, "taef1", "decoder", 16)
    assert FakeContext(tmp_path).folders.list_files("vae") == ["taesd"]
    assert FakeContext(tmp_path / "elsewhere").folders.list_files("vae") == []


def test_it_codes_images_like_any_vae(ctx: FakeContext) -> None:
    vae = load_vae("taesd", ctx)
    image = torch.rand(2, 16, 24, 3)
    latent = encode_image(vae, image, ctx.weights)
    assert latent.shape == (2, 4, 2, 3)
    assert decode_latent(vae, latent, ctx.weights).shape == (2, 16, 24, 3)
    with pytest.raises(ShapeError):
        decode_latent(vae, torch.zeros(1, 16, 2, 2), ctx.weights)
    (resident,) = ctx.weights.residents
    with ctx.weights.hold(vae) as net:
        assert resident[2] == sum(each.numel() for each in net.parameters()) * 4


def test_its_latents_are_those_of_the_family(ctx: FakeContext) -> None:
    with ctx.weights.hold(load_vae("taesd", ctx)) as net:
        own = net.encoder(torch.full((1, 3, 8, 8), 0.75))
        torch.testing.assert_close(net.encode(torch.full((1, 3, 8, 8), 0.5)), own / 0.18215)


def test_a_missing_half_and_halves_that_do_not_fit_are_told(ctx: FakeContext, tmp_path: Path) -> None:
    put(tmp_path, "taesdxl", "decoder")
    with pytest.raises(WeightsError, match=r"taesdxl: its encoder is not there.*taesdxl_decoder"):
        open_small_vae("taesdxl", ctx.folders)
    put(tmp_path, "taesdxl", "encoder", 16)
    folders = Folders.from_settings(Settings(base_directory=tmp_path))
    with pytest.raises(WeightsError, match=r"16 channels.*reads 4"):
        open_small_vae("taesdxl", folders)


@pytest.mark.parametrize(("method", "size"), [("taesd", (48, 32)), ("auto", (48, 32))])
def test_previews_are_made_by_it_where_that_is_asked_for(ctx: FakeContext, checkpoint, method: str, size) -> None:
    model = open_checkpoint(checkpoint, FAMILIES).model
    ctx.preview_px, ctx.preview_method = 64, method
    watch = StepWatch(ctx, model, 3, iter(range(0, 1000, 5)).__next__)
    latent = torch.randn(1, 4, 4, 6)
    watch(0, latent, latent)
    (picture,) = ctx.previews
    with Image.open(io.BytesIO(picture[0])) as read:
        assert read.size == size
    names = [name for name, _role, _size in ctx.weights.residents]
    assert ("taesd_decoder.safetensors" in names) == (method == "taesd")


def test_previews_are_made_by_colours_where_it_is_not_there(
    tmp_path: Path, checkpoint, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "LARGEST_SHARE", 1e9)
    ctx = FakeContext(tmp_path, Weights(CPU), preview_px=64)
    ctx.preview_method = "taesd"
    watch = StepWatch(ctx, open_checkpoint(checkpoint, FAMILIES).model, 9, iter(range(0, 1000, 5)).__next__)
    for step in range(3):
        watch(step, latent := torch.randn(1, 4, 4, 6), latent)
    assert len(ctx.previews) == 3
    (line,) = [each.getMessage() for each in caplog.records if "taesd_decoder" in each.getMessage()]
    assert "latent2rgb" in line
