from dataclasses import replace

import pytest
import torch

from heddle.graph.errors import ShapeError
from heddle.networks.auraflow import AuraFlow, AuraFlowConfig
from heddle.networks.ops import PLAIN, TRAINABLE
from tests.heddle.networks import plain_transformers as plain

TINY = AuraFlowConfig(512, 48, double_blocks=1, single_blocks=2, context_width=24, places=4, registers=3)


@pytest.fixture
def net() -> AuraFlow:
    torch.manual_seed(0)
    net = AuraFlow(TINY, TRAINABLE)
    for weight in net.parameters():
        torch.nn.init.normal_(weight, std=0.05)
    return net


def inputs(height: int, width: int, batch: int = 2) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return {
        "x": torch.randn(batch, 4, height, width),
        "timesteps": torch.rand(batch),
        "context": torch.randn(batch, 5, 24),
    }


@pytest.mark.parametrize("size", [(8, 8), (4, 6), (5, 3), (12, 4)])
def test_it_computes_what_the_formulas_say_at_even_odd_and_larger_sizes(net, size):
    given = inputs(*size)
    with torch.no_grad():
        torch.testing.assert_close(net(**given), plain.auraflow(net.state_dict(), **given), rtol=1e-3, atol=1e-3)


def test_places_of_a_larger_picture_are_the_table_stretched(net):
    with torch.no_grad():
        net.positional_encoding.copy_(torch.arange(16.0)[None, :, None].expand(-1, -1, 512))
        wide = net._places(2, 8).reshape(2, 8, -1)[..., 0]
    # Half steps of the table's columns, the outermost ones held; the middle two of eight rows lie around 1.5.
    steps = torch.tensor([0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3])
    torch.testing.assert_close(wide, torch.stack([4 * 1.25 + steps, 4 * 1.75 + steps]))


def test_each_item_of_a_batch_is_computed_alone(net):
    given = inputs(4, 6)
    with torch.no_grad():
        alone = net(**{name: tensor[1:] for name, tensor in given.items()})
        torch.testing.assert_close(net(**given)[1:], alone, rtol=1e-4, atol=1e-5)


def test_a_width_that_cannot_be_split_into_heads_is_refused():
    with pytest.raises(ShapeError, match="a width of 500 cannot be split into heads of 256; use a multiple of 256"):
        replace(TINY, width=500)


def test_a_plain_net_on_the_meta_device_has_the_published_number_of_weights():
    with torch.device("meta"):
        net = AuraFlow(AuraFlowConfig(3072, 8192, 4, 32, 2048, places=96), PLAIN)
    assert all(weight.is_meta for weight in net.parameters())
    assert sum(weight.numel() for weight in net.parameters()) == 6_858_605_568
