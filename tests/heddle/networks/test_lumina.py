"""Lumina Image 2's network, against diffusers' class with the same random weights."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from heddle.adapters.transformer_names import diffusers_targets
from heddle.graph.errors import ShapeError
from heddle.networks.lumina import Lumina, LuminaConfig
from heddle.networks.ops import PLAIN, TRAINABLE
from tests import oracles

TINY = LuminaConfig(
    48, 12, 4, 2, 192, refiners=2, layers=3, context_width=24, time_width=48, in_channels=4, out_channels=4
)


@pytest.fixture
def net() -> Lumina:
    torch.manual_seed(0)
    net = Lumina(TINY, TRAINABLE)
    for name, weight in net.named_parameters():
        torch.nn.init.normal_(weight, mean=float("norm" in name), std=0.2)
    return net


def inputs(height: int, width: int, batch: int = 2) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return {
        "x": torch.randn(batch, 4, height, width),
        "timesteps": torch.rand(batch),
        "context": torch.randn(batch, 5, 24),
    }


def in_diffusers(net: Lumina) -> dict[str, torch.Tensor]:
    """The net's tensors under the names that adapters have for them in diffusers."""
    state = net.state_dict()
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    named: dict[str, torch.Tensor] = {}
    for name, target in diffusers_targets(shapes):
        weight = state[target.weight]
        named[f"{name}.weight"] = weight if target.rows is None else weight[target.rows[0] : target.rows[1]]
        if target.bias in state:
            named[f"{name}.bias"] = state[target.bias]
    return named


@pytest.mark.parametrize("size", [(8, 8), (4, 6), (2, 10)])
def test_it_computes_what_diffusers_computes(net: Lumina, size: tuple[int, int]) -> None:
    theirs = oracles.diffusers().Lumina2Transformer2DModel(
        in_channels=4,
        hidden_size=48,
        num_layers=3,
        num_refiner_layers=2,
        num_attention_heads=4,
        num_kv_heads=2,
        multiple_of=4,
        axes_dim_rope=(4, 4, 4),
        cap_feat_dim=24,
    )
    theirs.load_state_dict(in_diffusers(net))
    given = inputs(*size)
    seen = torch.ones(2, 5, dtype=torch.bool)
    with torch.no_grad():
        # it counts time from noise to picture, and tells what leads that way
        wanted = -theirs(given["x"], 1 - given["timesteps"], given["context"], seen, return_dict=False)[0]
        torch.testing.assert_close(net(**given), wanted, rtol=1e-4, atol=1e-4)


def test_odd_sizes_are_filled_up_from_the_other_side(net: Lumina) -> None:
    given = inputs(5, 3)
    x = given["x"]
    x = torch.cat([x, x[:, :, :1]], dim=2)
    x = torch.cat([x, x[..., :1]], dim=3)
    with torch.no_grad():
        torch.testing.assert_close(net(**given), net(**{**given, "x": x})[:, :, :5, :3])


def test_each_item_of_a_batch_is_computed_alone(net: Lumina) -> None:
    given = inputs(4, 6)
    with torch.no_grad():
        alone = net(**{name: tensor[1:] for name, tensor in given.items()})
        torch.testing.assert_close(net(**given)[1:], alone, rtol=1e-4, atol=1e-5)


def test_heads_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError, match="heads 16 wide cannot be turned by 3 places"):
        replace(TINY, head_width=16)
    with pytest.raises(ShapeError, match="4 heads cannot share 3 heads of keys"):
        replace(TINY, kv_heads=3)


def test_a_plain_net_on_the_meta_device_has_the_published_number_of_weights() -> None:
    with torch.device("meta"):
        net = Lumina(LuminaConfig(2304, 96, 24, 8, 9216, 2, 26, context_width=2304, time_width=1024), PLAIN)
    assert all(weight.is_meta for weight in net.parameters())
    unused = 2304  # a norm that is published with the others
    assert sum(weight.numel() for weight in net.parameters()) == 2_609_771_456 - unused
