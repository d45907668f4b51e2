from dataclasses import replace

import pytest
import torch

from heddle.graph.errors import ShapeError
from heddle.networks.mmdit import Mmdit, MmditConfig
from heddle.networks.ops import PLAIN, TRAINABLE
from tests.heddle.networks import plain_transformers as plain

SD3 = MmditConfig(
    width=128,
    mlp_width=96,
    second_attention=(False, False),
    context_width=24,
    vector_width=12,
    places=6,
    in_channels=4,
    out_channels=3,
)
SD35 = replace(SD3, second_attention=(True, False), has_qk_norm=True)


def seeded_mmdit(config: MmditConfig) -> Mmdit:
    torch.manual_seed(0)
    net = Mmdit(config, TRAINABLE)
    for name, weight in net.named_parameters():
        torch.nn.init.normal_(weight, mean=float(".ln_" in name), std=0.1)
    return net


def inputs(height: int, width: int, batch: int = 2) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return {
        "x": torch.randn(batch, 4, height, width),
        "timesteps": torch.rand(batch) * 20,
        "context": torch.randn(batch, 5, 24),
        "vector": torch.randn(batch, 12),
    }


@pytest.mark.parametrize("config", [SD3, SD35], ids=["sd3", "sd35"])
@pytest.mark.parametrize("size", [(4, 6), (7, 3), (1, 1), (12, 12)])
def test_it_computes_what_the_formulas_say_at_even_and_odd_sizes(size, config):
    net, given = seeded_mmdit(config), inputs(*size)
    with torch.no_grad():
        torch.testing.assert_close(net(**given), plain.mmdit(net.state_dict(), **given), rtol=1e-4, atol=1e-4)


def test_a_second_attention_in_the_last_block_counts_too():
    net, given = seeded_mmdit(replace(SD3, second_attention=(False, True))), inputs(4, 4)
    with torch.no_grad():
        torch.testing.assert_close(net(**given), plain.mmdit(net.state_dict(), **given), rtol=1e-4, atol=1e-4)


def test_each_item_of_a_batch_is_computed_alone():
    net, given = seeded_mmdit(SD35), inputs(4, 6)
    with torch.no_grad():
        alone = net(**{name: tensor[1:] for name, tensor in given.items()})
        torch.testing.assert_close(net(**given)[1:], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [(13, 4), (4, 14)])
def test_a_latent_larger_than_the_table_of_places_is_refused(size):
    with pytest.raises(ShapeError, match="knows places for 12 x 12"):
        seeded_mmdit(SD3)(**inputs(*size))


def test_every_weight_learns_but_the_norm_of_what_the_text_would_ask_in_the_last_block():
    net = seeded_mmdit(SD35)
    net(**inputs(4, 4)).square().mean().backward()
    idle = [name for name, weight in net.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert idle == ["joint_blocks.1.context_block.attn.ln_q.weight"]


def test_a_plain_net_on_the_meta_device_has_the_published_number_of_weights():
    config = MmditConfig(1536, 6144, (False,) * 24, 4096, 2048, places=192)
    with torch.device("meta"):
        net = Mmdit(config, PLAIN)
    assert all(weight.is_meta for weight in net.parameters())
    assert sum(weight.numel() for weight in net.parameters()) == 2_084_951_104


def test_a_width_that_does_not_split_into_heads_is_refused():
    with pytest.raises(ShapeError, match="width of 96"):
        replace(SD3, width=96)
