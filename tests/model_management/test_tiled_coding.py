"""Large images coded in tiles, and half precision that is not enough."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from heddle.graph.errors import Cancelled, ShapeError
from heddle.networks.ops import TRAINABLE
from heddle.networks.vae import Autoencoder
from model_management.checkpoint import open_vae
from model_management.handles import Vae
from model_management.image_coding import decode_latent, decode_tiled, encode_image, encode_tiled
from model_management.stored_net import StoredNet
from model_management.weights import Weights
from nodes.latent import tiles
from tests.model_management import tiny
from tests.nodes.fake_context import FakeContext

DEMO = Path(__file__).parents[2] / "models" / "checkpoints" / "heddle-demo.safetensors"
CPU = torch.device("cpu")


class Halves(Weights):
    """A ledger of a device that computes VAEs in float16."""

    def compute_dtype(self, stored: StoredNet) -> torch.dtype:
        return stored.dtype or torch.float16


@pytest.fixture(scope="module")
def vae(tmp_path_factory: pytest.TempPathFactory) -> Vae:
    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("vae") / "tiny.safetensors"
    save_file({name: each.contiguous() for name, each in Autoencoder(tiny.VAE, TRAINABLE).state_dict().items()}, path)
    return open_vae(path)


def smooth_image(height: int, width: int) -> torch.Tensor:
    y, x = torch.linspace(0, 1, height)[:, None], torch.linspace(0, 1, width)[None]
    colours = (0.5 + 0.4 * torch.sin(3 * x + y), 0.5 + 0.4 * torch.cos(2 * y - x), (x + y) / 2)
    return torch.stack(colours, -1)[None]


@torch.inference_mode()
def test_smooth_colours_in_tiles_come_near_to_those_decoded_at_once() -> None:
    vae, weights = open_vae(DEMO), Weights(CPU)
    latent = encode_image(vae, smooth_image(256, 320), weights)
    whole, tiled = decode_latent(vae, latent, weights), decode_tiled(vae, latent, weights, 128, 32)
    difference = (tiled - whole).abs()
    assert difference.max() < 0.12
    assert difference.mean() < 0.015
    # An edge between tiles would be a step from one pixel to the next, all along it.
    for axis in (1, 2):
        steps = (tiled - whole).diff(dim=axis).abs().mean(dim=(3 - axis, 3))[0, 16:-16]
        assert steps.max() < 0.01


def test_one_tile_is_the_whole(vae: Vae) -> None:
    weights, image = Weights(CPU), torch.rand(2, 16, 24, 3)
    latent = encode_image(vae, image, weights)
    torch.testing.assert_close(encode_tiled(vae, image, weights, 64, 16), latent)
    torch.testing.assert_close(decode_tiled(vae, latent, weights, 64, 16), decode_latent(vae, latent, weights))


def test_every_picture_of_a_batch_is_coded_alone(vae: Vae) -> None:
    weights, image = Weights(CPU), torch.rand(2, 64, 48, 3)
    latent = encode_tiled(vae, image, weights, 32, 8)
    assert latent.shape == (2, 4, 8, 6)
    torch.testing.assert_close(latent[1:], encode_tiled(vae, image[1:], weights, 32, 8), rtol=1e-4, atol=1e-4)
    pictures = decode_tiled(vae, latent, weights, 32, 8)
    assert pictures.shape == image.shape
    torch.testing.assert_close(pictures[1:], decode_tiled(vae, latent[1:], weights, 32, 8), rtol=1e-4, atol=1e-4)


def test_tiles_are_told_and_a_person_can_stop_between_them(vae: Vae) -> None:
    told: list[tuple[int, int]] = []
    decode_tiled(vae, torch.zeros(2, 4, 4, 8), Weights(CPU), 32, 0, lambda done, total: told.append((done, total)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    ctx = FakeContext(weights=Weights(CPU), cancel_after=2)
    with pytest.raises(Cancelled):
        tiles.decode({"samples": torch.zeros(1, 4, 16, 16)}, vae, 64, 0, 64, 8, ctx)
    with ctx.weights.hold(vae) as net:  # nothing of the tiles stays in it
        assert not any("forward" in vars(module) for module in net.modules())


def test_a_latent_of_another_family_and_a_size_that_does_not_fit_are_refused(vae: Vae) -> None:
    with pytest.raises(ShapeError, match="VAE"):
        decode_tiled(vae, torch.zeros(1, 16, 4, 4), Weights(CPU))
    with pytest.raises(ShapeError, match="multiples of 8"):
        encode_tiled(vae, torch.zeros(1, 12, 16, 3), Weights(CPU))


@pytest.mark.parametrize("decode", [decode_latent, decode_tiled])
def test_what_overflows_in_half_precision_runs_again_in_float32_and_is_told(vae: Vae, decode) -> None:
    notes: list[str] = []
    latent = 1e5 * torch.randn(1, 4, 3, 2, generator=torch.manual_seed(0))  # beyond the largest float16
    image = decode(vae, latent, Halves(CPU), note=notes.append)
    torch.testing.assert_close(image, decode(vae, latent, Weights(CPU)))
    (said,) = notes
    assert "float32" in said


@pytest.mark.parametrize("use", ["encode", "decode"])
def test_a_vae_whose_activations_overflow_in_half_precision_gives_what_float32_does(tmp_path: Path, use: str) -> None:
    torch.manual_seed(3)
    state = Autoencoder(tiny.VAE, TRAINABLE).state_dict()
    for half in ("encoder", "decoder"):  # as XL's published one: what lies between two norms grows beyond 65504
        state[f"{half}.mid.block_1.conv1.weight"] *= 1e6
    save_file({name: each.contiguous() for name, each in state.items()}, tmp_path / "m.safetensors")
    vae, notes = open_vae(tmp_path / "m.safetensors"), []
    given = torch.rand(1, 16, 24, 3) if use == "encode" else torch.randn(1, 4, 2, 3)
    code = encode_image if use == "encode" else decode_latent
    made = code(vae, given, Halves(CPU), note=notes.append)
    assert made.isfinite().all() and ["ran again in float32" in said for said in notes] == [True]
    torch.testing.assert_close(made, code(vae, given, Weights(CPU)))


def test_half_precision_that_is_enough_stays_and_what_is_broken_in_float32_too_is_told(vae: Vae) -> None:
    notes: list[str] = []
    halves = Halves(CPU)
    assert decode_latent(vae, torch.randn(1, 4, 3, 2), halves, note=notes.append).isfinite().all()
    assert notes == [] and len(halves.residents) == 1
    decode_latent(vae, torch.full((1, 4, 3, 2), float("nan")), Weights(CPU), note=notes.append)
    (said,) = notes
    assert "what came in holds such numbers" in said
