import torch

from heddle.networks.ops import PLAIN, TRAINABLE
from heddle.networks.small_vae import SmallAutoencoder, SmallVaeConfig, small_decoder, small_encoder
from tests.heddle.networks import plain

CONFIG = SmallVaeConfig(latent_channels=5, width=6, scale=0.5, shift=0.25)


def block(state, name, x):
    y = plain.conv(state, f"{name}.conv.0", x).clamp(min=0)
    y = plain.conv(state, f"{name}.conv.2", y).clamp(min=0)
    return (x + plain.conv(state, f"{name}.conv.4", y)).clamp(min=0)


def blocks(state, first: int, count: int, x):
    for number in range(first, first + count):
        x = block(state, str(number), x)
    return x


def bare(state, name: str, x, stride: int = 1):
    return torch.nn.functional.conv2d(x, state[f"{name}.weight"], None, stride, 1)


@torch.no_grad()
def test_it_computes_what_the_published_nets_layers_say():
    torch.manual_seed(0)
    encoder, decoder = small_encoder(CONFIG, TRAINABLE), small_decoder(CONFIG, TRAINABLE)
    net = SmallAutoencoder(CONFIG, encoder, decoder)
    pixels = torch.rand(2, 3, 24, 40) * 2 - 1
    state = encoder.state_dict()
    x = blocks(state, 1, 1, plain.conv(state, "0", (pixels + 1) / 2))
    for down in (2, 6, 10):
        x = blocks(state, down + 1, 3, bare(state, str(down), x, stride=2))
    latent = plain.conv(state, "14", x) / 0.5 + 0.25
    assert latent.shape == (2, 5, 3, 5)
    torch.testing.assert_close(net.encode(pixels), latent, rtol=1e-4, atol=1e-5)

    latent = 4 * torch.randn(2, 5, 3, 5)
    state = decoder.state_dict()
    x = plain.conv(state, "1", 3 * torch.tanh((latent - 0.25) * 0.5 / 3)).clamp(min=0)
    for first, up in ((3, 7), (8, 12), (13, 17)):
        x = blocks(state, first, 3, x).repeat_interleave(2, 2).repeat_interleave(2, 3)
        x = bare(state, str(up), x)
    wanted = plain.conv(state, "19", block(state, "18", x)) * 2 - 1
    torch.testing.assert_close(net.decode(latent), wanted, rtol=1e-4, atol=1e-5)


def test_the_published_sizes_have_the_published_number_of_tensors():
    with torch.device("meta"):
        halves = [build(SmallVaeConfig(), PLAIN).state_dict() for build in (small_encoder, small_decoder)]
    assert [len(half) for half in halves] == [67, 67]
    assert halves[1]["18.conv.4.bias"].shape == (64,)
