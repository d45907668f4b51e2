import pytest
import torch

from heddle.networks.chroma import Chroma, ChromaConfig
from heddle.networks.ops import PLAIN, TRAINABLE
from tests.heddle.networks import plain_transformers as plain

TINY = ChromaConfig(64, 32, 48, 2, 3, 24, in_channels=4, out_channels=4, asking_width=40, asking_layers=2)


@pytest.fixture
def net() -> Chroma:
    torch.manual_seed(0)
    net = Chroma(TINY, TRAINABLE)
    for name, weight in net.named_parameters():
        torch.nn.init.normal_(weight, mean=float(name.endswith(".scale")), std=0.1)
    return net


def inputs(height: int, width: int, batch: int = 2) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return {
        "x": torch.randn(batch, 4, height, width),
        "timesteps": torch.rand(batch) / 20,
        "context": torch.randn(batch, 5, 24),
        "guidance": torch.rand(batch) / 20,
    }


# Angles of the last vectors' numbers reach 344000, of which float32 keeps two digits behind the point: the plain
# formulas take their frequencies in the net's way here, or they would differ in what both have lost.
@pytest.mark.parametrize("size", [(4, 6), (5, 3)])
def test_it_computes_what_the_formulas_say_at_even_and_odd_sizes(net, size, monkeypatch):
    given = inputs(*size)
    monkeypatch.setattr(plain, "waves", waves)
    with torch.no_grad():
        torch.testing.assert_close(net(**given), plain.chroma(net.state_dict(), **given), rtol=1e-3, atol=1e-3)


def waves(times: torch.Tensor, width: int) -> torch.Tensor:
    frequencies = [torch.tensor(10000.0).log().mul(-i / (width // 2)).exp() for i in range(width // 2)]
    angles = [times * frequency for frequency in frequencies]
    return torch.stack([torch.cos(a) for a in angles] + [torch.sin(a) for a in angles], -1)


def test_no_guidance_is_a_guidance_of_nothing(net):
    given = inputs(4, 4)
    nothing = torch.zeros(2)
    with torch.no_grad():
        without = net(given["x"], given["timesteps"], given["context"])
        torch.testing.assert_close(without, net(**{**given, "guidance": nothing}))
        assert not torch.allclose(without, net(**given))


def test_each_item_of_a_batch_is_computed_alone(net):
    given = inputs(4, 6)
    with torch.no_grad():
        alone = net(**{name: tensor[1:] for name, tensor in given.items()})
        torch.testing.assert_close(net(**given)[1:], alone, rtol=1e-4, atol=1e-5)


def test_a_plain_net_on_the_meta_device_has_the_published_number_of_weights():
    with torch.device("meta"):
        net = Chroma(ChromaConfig(3072, 128, 12288, 19, 38, 4096), PLAIN)
    assert all(weight.is_meta for weight in net.parameters())
    assert sum(weight.numel() for weight in net.parameters()) == 8_899_983_424


def test_what_a_mask_forbids_to_look_at_is_as_if_it_were_not_there(net):
    given = inputs(4, 6)
    longer = {**given, "context": torch.cat([given["context"], torch.randn(2, 1, 24)], 1)}
    mask = torch.zeros(1, 7, 7)
    mask[:, [0, 1, 2, 3, 4, 6], 5] = -torch.inf  # text and picture, not the token itself
    with torch.no_grad():
        wanted = net(**given)
        torch.testing.assert_close(net(**longer, attention_mask=mask), wanted, rtol=1e-4, atol=1e-4)
        assert not torch.allclose(net(**longer), wanted, atol=1e-2)
