import pytest
import torch

from heddle.graph.errors import ShapeError
from heddle.networks.ops import TRAINABLE, quiet_start
from heddle.networks.vae import Autoencoder, VaeConfig
from heddle.numerics import strips
from tests.heddle.networks import plain

TINY = VaeConfig(widths=(32, 64, 64), blocks=2, latent_channels=3)


@pytest.fixture
def net() -> Autoencoder:
    torch.manual_seed(0)
    return Autoencoder(TINY, TRAINABLE)


def test_encoding_computes_what_the_formulas_say(net):
    pixels = torch.rand(2, 3, 12, 20) * 2 - 1
    with torch.no_grad():
        moments = net.encode(pixels)
        torch.testing.assert_close(moments, plain.vae_encode(net.state_dict(), pixels), rtol=1e-4, atol=1e-5)
    assert moments.shape == (2, 6, 3, 5)


def test_decoding_computes_what_the_formulas_say(net):
    z = torch.randn(2, 3, 3, 5)
    with torch.no_grad():
        pixels = net.decode(z)
        torch.testing.assert_close(pixels, plain.vae_decode(net.state_dict(), z), rtol=1e-4, atol=1e-5)
    assert pixels.shape == (2, 3, 12, 20)


def test_a_net_without_convolutions_at_the_latents_has_none():
    torch.manual_seed(0)
    net = Autoencoder(VaeConfig(widths=(32, 64), blocks=1, latent_channels=16, has_quant=False), TRAINABLE)
    state = net.state_dict()
    assert not [name for name in state if "quant" in name]
    pixels, z = torch.rand(1, 3, 6, 4) * 2 - 1, torch.randn(1, 16, 3, 2)
    with torch.no_grad():
        torch.testing.assert_close(net.encode(pixels), plain.vae_encode(state, pixels), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(net.decode(z), plain.vae_decode(state, z), rtol=1e-4, atol=1e-5)


def test_a_cell_is_as_wide_as_the_levels_make_it():
    assert TINY.px_per_cell == 4
    assert VaeConfig(widths=(32, 32, 32, 32), blocks=1).px_per_cell == 8


def test_a_picture_that_is_no_whole_number_of_cells_is_refused_with_its_size(net):
    with pytest.raises(ShapeError, match="13 x 12 pixels") as refused:
        net.encode(torch.zeros(1, 3, 12, 13))
    assert refused.value.got == (12, 13)


def test_every_weight_learns(net):
    pixels = torch.rand(1, 3, 8, 8)
    mean, log_variance = net.encode(pixels).chunk(2, dim=1)
    (net.decode(mean + log_variance.exp()) - pixels).square().mean().backward()
    assert [name for name, weight in net.named_parameters() if weight.grad is None] == []


def test_a_quiet_start_makes_blocks_pass_on_what_comes_in(net):
    quiet_start(net)
    x = torch.randn(1, 64, 4, 4)
    torch.testing.assert_close(net.encoder.mid(x), x)


def test_widths_that_do_not_split_into_groups_are_refused():
    with pytest.raises(ShapeError, match="48 channels"):
        VaeConfig(widths=(32, 48), blocks=1)


@pytest.mark.parametrize("batch", [1, 2])
def test_large_pictures_in_strips_come_out_as_at_once(net, batch, monkeypatch):
    monkeypatch.setattr(strips, "STRIP_BYTES", 1)
    z, pixels = torch.randn(batch, 3, 7, 5), torch.rand(batch, 3, 28, 20) * 2 - 1
    with torch.inference_mode():
        for _ in range(2):  # what is written to is the net's own
            torch.testing.assert_close(net.decode(z), plain.vae_decode(net.state_dict(), z), rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(
                net.encode(pixels), plain.vae_encode(net.state_dict(), pixels), rtol=1e-4, atol=1e-5
            )
