"""What guidance puts into a network's calls."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from heddle.graph.errors import HeddleError
from heddle.networks.hooks import NO_HOOKS, AttentionPlace, BlockPlace, Hooks
from heddle.networks.ops import TRAINABLE
from heddle.networks.unet import UNet, UNetConfig
from heddle.samplers.conditions import Area, Call, Condition, condition_sides
from heddle.samplers.guiders import cfg
from heddle.samplers.noise_schedules import scaled_linear
from heddle.samplers.predictions import Epsilon
from model_management.attention_guidance import (
    look_nowhere,
    normalized_attention,
    positive_meets_negative,
    skip_blocks,
    watch_middle,
)
from model_management.patches import with_hooks

CONFIG = UNetConfig(widths=(32, 64), blocks=(1, 1), depths=(1, 2), middle_depth=2, context_width=16, time_width=32)
PREDICTION = Epsilon(scaled_linear(0.00085, 0.012))
ITSELF = AttentionPlace("input", 1, 0, "itself")


@pytest.fixture
def net() -> UNet:
    torch.manual_seed(0)
    return UNet(CONFIG, TRAINABLE)


def run(net: UNet, call: Call | None = None, height: int = 8, width: int = 8) -> Tensor:
    torch.manual_seed(1)
    given = torch.randn(2, 4, height, width), torch.tensor([10.0] * 2), torch.randn(2, 3, 16)
    with torch.no_grad():
        return net(*given, hooks=NO_HOOKS if call is None else call.hooks)


def test_where_the_middle_looks_does_not_matter_when_it_looks_nowhere(net: UNet) -> None:
    whole, weak = run(net), run(net, look_nowhere(Call({})))
    assert not torch.allclose(whole, weak, atol=1e-5)
    for name, weight in net.named_parameters():
        if name.startswith("middle_block.") and (".attn1.to_q" in name or ".attn1.to_k" in name):
            torch.nn.init.normal_(weight)
    torch.testing.assert_close(run(net, look_nowhere(Call({}))), weak)
    assert not torch.allclose(run(net), whole, atol=1e-5)


def test_the_middle_is_watched_without_a_change_and_all_its_looks_go_somewhere(net: UNet) -> None:
    seen: list[Tensor] = []
    call = watch_middle(Call({}, ("positive", "negative")), seen.append)
    torch.testing.assert_close(run(net, call, height=7, width=10), run(net, height=7, width=10))
    (looked,) = seen
    assert looked.shape == (2, 4 * 5)
    torch.testing.assert_close(looked.sum(1), torch.full((2,), 20.0))
    assert looked.std() > 1e-3


def test_looks_at_what_is_put_beside_the_picture_are_not_told(net: UNet) -> None:
    seen: list[Tensor] = []

    def beside(place: AttentionPlace, x: Tensor, keys_of: Tensor, values_of: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return x, torch.cat([keys_of, keys_of.flip(1)], dim=1), torch.cat([values_of, values_of.flip(1)], dim=1)

    call = Call({}, ("positive", "negative"))
    run(net, with_hooks(watch_middle(call, seen.append), Hooks(inputs=(beside,))), height=7, width=10)
    (looked,) = seen
    assert looked.shape == (2, 4 * 5)
    torch.testing.assert_close(looked.sum(1), torch.full((2,), 20.0))


def test_hooks_of_a_call_come_before_those_that_it_has() -> None:
    later = Hooks(skipped=(BlockPlace("double", 9),))
    changed = skip_blocks([BlockPlace("single", 1)])(Call({}, hooks=later))
    assert changed.hooks.skipped == (BlockPlace("single", 1), BlockPlace("double", 9))


def guided(x: Tensor, call: Call, scale: float = 5.0, alpha: float = 0.5, tau: float = 1.5) -> Tensor:
    hooks = normalized_attention(scale, alpha, tau).at(call)
    if hooks == NO_HOOKS:
        return x
    seen = hooks.change_seen(BlockPlace("double", 0), x, x, 1)
    around = hooks.attention(ITSELF, x, x, lambda x, keys, values: x)
    assert torch.equal(seen, around)
    return seen


BOTH = Call({}, ("positive",) * 2 + ("negative",) * 2, areas=(None, None))


def test_the_positives_features_go_away_from_the_negatives_but_not_beyond_their_length() -> None:
    """The paper's formulas, one token at a time."""
    x = torch.randn(4, 3, 6)
    x[1, 2] = x[3, 2] * 1.01  # a way too short for its length to count
    found = guided(x, BOTH)
    for item in range(2):
        for positive, negative, result in zip(x[item], x[item + 2], found[item], strict=True):
            extrapolated = positive + (5 - 1) * (positive - negative)
            ratio = extrapolated.abs().sum() / positive.abs().sum()
            normed = min(ratio, torch.tensor(1.5)) / ratio * extrapolated
            torch.testing.assert_close(result, 0.5 * normed + 0.5 * positive)
    assert torch.equal(found[2:], x[2:])
    torch.testing.assert_close(guided(x, BOTH, alpha=0.0), x)
    torch.testing.assert_close(guided(x, BOTH, scale=1.0), x)


def test_only_what_the_picture_sees_of_itself_is_guided_in_a_unet() -> None:
    hooks = normalized_attention(5.0, 0.5, 1.5).at(BOTH)
    x = torch.randn(4, 3, 6)
    text = replace(ITSELF, reads="text")
    assert torch.equal(hooks.attention(text, x, x, lambda x, keys, values: x), x)


def test_parts_of_a_call_are_guided_from_the_negative_of_their_own_area() -> None:
    left, right = Area(4, 2, 0, 0), Area(4, 2, 0, 2)
    call = Call({}, ("positive", "positive", "negative", "negative"), areas=(left, right, right, left))
    x = torch.randn(4, 3, 6)
    found = guided(x, call)
    pair = Call({}, ("positive", "negative"), areas=(None, None))
    torch.testing.assert_close(found[0], guided(x[[0, 3]], pair)[0])
    torch.testing.assert_close(found[1], guided(x[[1, 2]], pair)[0])
    two_negatives = Call({}, ("positive", "negative", "negative"), areas=(None, None, None))
    torch.testing.assert_close(guided(x[:3], two_negatives)[0], guided(x[:2], pair)[0])  # the first of them
    assert guided(x[:2], Call({}, ("positive",) * 2, areas=(None, None))) is not None  # nothing to lead away from


def conditions(positive_tokens: int = 3) -> dict[str, list[Condition]]:
    sides = {"positive": positive_tokens, "negative": 3}
    return {
        name: [Condition({"context": torch.zeros(1, tokens, 2)}, may_repeat_text=False)]
        for name, tokens in sides.items()
    }


def test_a_run_without_a_negative_or_with_one_that_runs_apart_is_refused() -> None:
    def denoise(x: Tensor, sigma: Tensor, call: Call, /) -> Tensor:
        return x

    x, sigma = torch.zeros(1, 4, 2, 2), torch.tensor(1.0)
    begin = positive_meets_negative()
    cfg(condition_sides(denoise, conditions()), 1.0, PREDICTION, [begin])(x, sigma)
    with pytest.raises(HeddleError, match="in one call"):
        cfg(condition_sides(denoise, conditions(5)), 1.0, PREDICTION, [begin])(x, sigma)
    with pytest.raises(HeddleError, match="this guider has none"):
        cfg(condition_sides(denoise, conditions()), 1.0, PREDICTION, [begin], negative=None)(x, sigma)
