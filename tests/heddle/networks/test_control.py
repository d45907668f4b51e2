from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from heddle.networks.control import ControlNet, ControlNetConfig
from heddle.networks.ops import PLAIN, TRAINABLE
from heddle.networks.residuals import Residuals, add_to_tokens, spread, take_turns
from heddle.networks.unet import UNet, UNetConfig
from tests.heddle.networks import plain

UNET = UNetConfig(widths=(32, 64), blocks=(1, 2), depths=(1, 0), middle_depth=1, context_width=48, time_width=96)
TINY = ControlNetConfig(UNET, hint_widths=(8, 8, 16, 16, 24))
NAMES = ("time_embed", "input_blocks", "middle_block")


def inputs(vector_width: int = 0) -> tuple[Tensor, ...]:
    torch.manual_seed(1)
    always = torch.randn(2, 4, 6, 5), torch.rand(2) * 999, torch.randn(2, 5, 48)
    return (*always, torch.randn(2, vector_width)) if vector_width else always


def net_and_its_unet(vector_width: int = 0) -> tuple[ControlNet, UNet]:
    """A control net whose copied part has the weights of a UNet."""
    torch.manual_seed(0)
    config = replace(UNET, vector_width=vector_width)
    net, unet = ControlNet(replace(TINY, unet=config), TRAINABLE), UNet(config, TRAINABLE)
    for name in (*NAMES, "label_emb") if vector_width else NAMES:
        getattr(net, name).load_state_dict(getattr(unet, name).state_dict())
    return net, unet


def adding(tensor: Tensor) -> Any:
    return lambda module, given, made: made + tensor


def keeping(seen: list[Tensor]) -> Any:
    return lambda module, given, made: seen.append(made)


@pytest.mark.parametrize("vector_width", [0, 7])
@torch.no_grad()
def test_it_gives_what_the_unets_own_blocks_give_with_the_guide_behind_the_first(vector_width: int):
    net, unet = net_and_its_unet(vector_width)
    guide = torch.randn(1, 32, 6, 5)
    seen: list[Tensor] = []
    unet.input_blocks[0].register_forward_hook(adding(guide))
    for block in (*unet.input_blocks, unet.middle_block):
        block.register_forward_hook(keeping(seen))
    unet(*inputs(vector_width))
    added = net(*inputs(vector_width), guide=(guide,))
    state = net.state_dict()
    assert len(added.skips) == len(seen) - 1 == 5
    for number, (got, block) in enumerate(zip(added.skips, seen, strict=False)):
        torch.testing.assert_close(got, plain.conv(state, f"zero_convs.{number}.0", block), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(added.middle, plain.conv(state, "middle_block_out.0", seen[-1]), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_a_hint_is_halved_where_the_width_changes():
    net, _unet = net_and_its_unet()
    assert TINY.px_per_cell == 4
    hint = x = torch.rand(2, 3, 24, 20)
    for number, stride in enumerate((1, 1, 2, 1, 2, 1)):
        x = plain.conv(net.state_dict(), f"input_hint_block.{2 * number}", x, stride)
        x = x if number == 5 else plain.swish(x)
    assert x.shape == (2, 32, 6, 5)
    torch.testing.assert_close(net.read_hint(hint)[0], x, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_a_unet_adds_residuals_to_what_goes_across_and_to_its_middle():
    unet = net_and_its_unet()[1]
    seen: list[Tensor] = []
    hooks = [block.register_forward_hook(keeping(seen)) for block in (*unet.input_blocks, unet.middle_block)]
    unet(*inputs())
    for hook in hooks:
        hook.remove()
    *skips, middle = map(torch.randn_like, seen)
    got = unet(*inputs(), control=Residuals(tuple(skips), middle))

    unet.middle_block.register_forward_hook(adding(middle))
    for block, skip in zip(unet.output_blocks, reversed(skips), strict=True):

        def with_skip(module, given, skip=skip):
            x = given[0].clone()
            x[:, -skip.shape[1] :] += skip
            return (x, *given[1:])

        block.register_forward_pre_hook(with_skip)
    torch.testing.assert_close(got, unet(*inputs()), rtol=1e-4, atol=1e-5)


def test_residuals_are_added_scaled_and_pooled():
    one = Residuals((torch.arange(4.0).view(1, 1, 2, 2),), torch.ones(1, 1, 1, 1))
    total = one + one.scaled(2)
    torch.testing.assert_close(total.skips[0], torch.arange(0.0, 12, 3).view(1, 1, 2, 2))
    torch.testing.assert_close(total.middle, torch.full((1, 1, 1, 1), 3.0))
    torch.testing.assert_close(one.pooled().skips[0], torch.full((1, 1, 2, 2), 1.5))


def test_residuals_that_lack_parts_are_added_to_those_that_have_them():
    here, there = torch.ones(1), torch.full((1,), 2.0)
    total = Residuals(inside=(None, here)) + Residuals(skips=(there,), inside=(None, there, there))
    assert total.middle is None and total.inside[0] is None
    assert [part.item() for part in (*total.skips, *total.inside[1:]) if part is not None] == [2, 3, 2]


def test_what_is_added_to_tokens_reaches_those_that_it_is_for_and_leaves_the_given_ones_alone():
    tokens, part = torch.zeros(1, 6, 2), torch.ones(1, 2, 2)
    after = add_to_tokens(tokens, (None, part), 1, start=3)
    assert after[0, :, 0].tolist() == [0, 0, 0, 1, 1, 0]
    assert not tokens.any()
    assert add_to_tokens(tokens, (None, part), 0) is tokens


def test_where_a_hook_made_a_level_smaller_so_is_what_is_added_there():
    skips, middle = Residuals((torch.ones(1, 1, 4, 6),), torch.ones(1, 1, 2, 3)).added_to(
        [torch.zeros(1, 1, 2, 3)], torch.zeros(1, 1, 1, 2)
    )
    torch.testing.assert_close(skips[0], torch.ones(1, 1, 2, 3))
    torch.testing.assert_close(middle, torch.ones(1, 1, 1, 2))


def test_few_parts_are_spread_over_many_blocks():
    one, other = torch.ones(1), torch.zeros(1)
    assert [part is one for part in spread((one, other), 5)] == [True, True, True, False, False]
    assert [part is one for part in take_turns((one, other), 5)] == [True, False, True, False, True]
    assert spread((), 5) == ()


def test_a_plain_net_of_the_published_sizes_has_their_number_of_weights():
    unet = UNetConfig((320, 640, 1280, 1280), (2,) * 4, (1, 1, 1, 0), 1, 768)
    with torch.device("meta"):
        net = ControlNet(ControlNetConfig(unet), PLAIN)
    assert sum(weight.numel() for weight in net.parameters()) == 361_279_120


@pytest.mark.parametrize("batch", [1, 2])
@torch.no_grad()
def test_one_guide_serves_a_whole_batch(batch: int):
    net, _unet = net_and_its_unet()
    guide = torch.randn(1, 32, 6, 5).expand(batch, -1, -1, -1)
    torch.testing.assert_close(net(*inputs(), guide=(guide,)).middle, net(*inputs(), guide=(guide[:1],)).middle)
