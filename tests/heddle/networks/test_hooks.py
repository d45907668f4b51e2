"""Those who step in where a net attends."""

import pytest
import torch
from torch import Tensor

from heddle.networks.hooks import AttentionPlace, Hooks
from heddle.networks.ops import TRAINABLE
from heddle.networks.unet import UNet, UNetConfig
from heddle.numerics.attention import attend

CONFIG = UNetConfig(widths=(32, 64), blocks=(1, 1), depths=(1, 2), middle_depth=1, context_width=16, time_width=32)


@pytest.fixture(scope="module")
def net() -> UNet:
    torch.manual_seed(0)
    return UNet(CONFIG, TRAINABLE)


def run(net: UNet, hooks: Hooks) -> Tensor:
    torch.manual_seed(1)
    with torch.inference_mode():
        return net(torch.randn(1, 4, 8, 8), torch.tensor([10.0]), torch.randn(1, 3, 16), hooks=hooks)


def test_every_attention_is_asked_with_its_place(net: UNet) -> None:
    places: list[AttentionPlace] = []

    def note(place: AttentionPlace, x: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        places.append(place)
        assert keys.shape[-1] == (16 if place.reads == "text" else x.shape[-1])
        return x, keys, values

    torch.testing.assert_close(run(net, Hooks(inputs=(note,))), run(net, Hooks()))
    down = [AttentionPlace("input", 1, 0, "itself"), AttentionPlace("input", 1, 0, "text")]
    assert places[:2] == down
    assert AttentionPlace("middle", 0, 0, "text") in places and AttentionPlace("input", 3, 1, "itself") in places
    up = [place for place in places if place.side == "output"]
    assert [place.stage for place in up if place.reads == "text"] == [0, 0, 1, 1, 2, 3]
    assert len(places) == len(set(places))


def test_the_first_that_answers_stands_in_for_attention(net: UNet) -> None:
    asked: list[str] = []

    def only_text(place: AttentionPlace, q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor | None:
        return attend(q, k, v, heads) if place.reads == "text" else None

    def nothing(place: AttentionPlace, q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
        asked.append(place.reads)
        return torch.zeros_like(q)

    changed = run(net, Hooks(attentions=(only_text, nothing)))
    assert set(asked) == {"itself"}
    assert not torch.allclose(changed, run(net, Hooks()), atol=1e-4)


def test_changes_of_inputs_come_one_after_the_other(net: UNet) -> None:
    def double(place: AttentionPlace, x: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return x, keys, 2 * values

    def half(place: AttentionPlace, x: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return x, keys, values / 2

    torch.testing.assert_close(run(net, Hooks(inputs=(double, half))), run(net, Hooks()))
    assert not torch.allclose(run(net, Hooks(inputs=(double,))), run(net, Hooks()), atol=1e-4)
