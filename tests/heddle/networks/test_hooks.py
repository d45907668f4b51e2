"""Those who step in where a net attends."""

import pytest
import torch
from torch import Tensor

from heddle.networks.hooks import NO_HOOKS, AttentionPlace, Hooks, RunAttention, StagePlace
from heddle.networks.ops import TRAINABLE
from heddle.networks.residuals import Residuals
from heddle.networks.unet import UNet, UNetConfig
from heddle.numerics.attention import attend

CONFIG = UNetConfig(widths=(32, 64), blocks=(1, 1), depths=(1, 2), middle_depth=1, context_width=16, time_width=32)


@pytest.fixture(scope="module")
def net() -> UNet:
    torch.manual_seed(0)
    return UNet(CONFIG, TRAINABLE)


def run(net: UNet, hooks: Hooks, height: int = 8, width: int = 8, control: Residuals | None = None) -> Tensor:
    torch.manual_seed(1)
    x, context = torch.randn(1, 4, height, width), torch.randn(1, 3, 16)
    with torch.inference_mode():
        return net(x, torch.tensor([10.0]), context, control=control, hooks=hooks)


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


def test_places_say_how_the_tokens_lie(net: UNet) -> None:
    grids: dict[tuple[str, int], tuple[int, int]] = {}

    def note(place: AttentionPlace, x: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        grids[place.side, place.stage] = place.grid
        assert x.shape[1] == place.grid[0] * place.grid[1]
        return x, keys, values

    run(net, Hooks(inputs=(note,)), height=7, width=10)
    assert grids["input", 1] == (7, 10) and grids["input", 3] == (4, 5) and grids["middle", 0] == (4, 5)


def test_who_stands_around_an_attention_may_change_what_goes_in_and_what_comes_out(net: UNet) -> None:
    order: list[str] = []

    def named(name: str, factor: float):
        def around(place: AttentionPlace, x: Tensor, keys: Tensor, values: Tensor, run: RunAttention) -> Tensor:
            order.append(f"{name} begins")
            out = run(x * factor, keys * factor, values) / factor
            order.append(f"{name} ends")
            return out

        return around

    run(net, Hooks(around=(named("outer", 1.0), named("inner", 1.0))))
    assert order[:4] == ["outer begins", "inner begins", "inner ends", "outer ends"]
    torch.testing.assert_close(run(net, Hooks(around=(named("outer", 1.0),))), run(net, NO_HOOKS))
    assert not torch.allclose(run(net, Hooks(around=(named("outer", 2.0),))), run(net, NO_HOOKS), atol=1e-4)


def test_what_is_added_to_attention_comes_after_whoever_replaced_it(net: UNet) -> None:
    def nothing(place: AttentionPlace, q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
        return torch.zeros_like(q)

    def add(place: AttentionPlace, q: Tensor, attended: Tensor, heads: int) -> Tensor:
        assert attended.shape == q.shape and q.shape[-1] % heads == 0
        return attended + 0.5

    def take(place: AttentionPlace, q: Tensor, attended: Tensor, heads: int) -> Tensor:
        return attended - 0.5

    torch.testing.assert_close(run(net, Hooks(attended=(add, take))), run(net, NO_HOOKS))
    torch.testing.assert_close(
        run(net, Hooks(attentions=(nothing,), attended=(add,))),
        run(net, Hooks(attentions=(lambda place, q, k, v, heads: torch.full_like(q, 0.5),))),
    )


def test_between_its_attentions_a_block_may_be_given_something_more(net: UNet) -> None:
    places: list[AttentionPlace] = []

    def add(place: AttentionPlace, x: Tensor) -> Tensor:
        places.append(place)
        return x + 1

    changed = run(net, Hooks(between=(add,)))
    assert not torch.allclose(changed, run(net, NO_HOOKS), atol=1e-4)
    assert {place.reads for place in places} == {"text"} and places[0].grid == (8, 8)
    text_only = [module for module in net.modules() if getattr(module, "place", None) in places]
    assert len(text_only) == len(places)


def test_features_are_seen_from_stage_to_stage(net: UNet) -> None:
    seen: dict[str, list[tuple[StagePlace, tuple[int, ...]]]] = {"enter": [], "leave": [], "join": []}

    def noting(name: str):
        def note(place: StagePlace, x: Tensor) -> Tensor:
            seen[name].append((place, tuple(x.shape[1:])))
            return x

        return note

    def join(place: StagePlace, x: Tensor, skip: Tensor) -> tuple[Tensor, Tensor]:
        seen["join"].append((place, (x.shape[1], skip.shape[1])))
        return x, skip

    hooks = Hooks(entering=(noting("enter"),), leaving=(noting("leave"),), joining=(join,))
    torch.testing.assert_close(run(net, hooks), run(net, NO_HOOKS))
    assert seen["enter"][0] == (StagePlace("input", 0), (4, 8, 8))
    assert seen["leave"][:3] == [
        (StagePlace("input", 0), (32, 8, 8)),
        (StagePlace("input", 1), (32, 8, 8)),
        (StagePlace("input", 2), (32, 4, 4)),
    ]
    assert seen["enter"][4] == (StagePlace("middle", 0), (64, 4, 4))
    assert seen["join"] == [
        (StagePlace("output", 0), (64, 64)),
        (StagePlace("output", 1), (64, 32)),
        (StagePlace("output", 2), (64, 32)),
        (StagePlace("output", 3), (32, 32)),
    ]
    assert seen["enter"][5] == (StagePlace("output", 0), (128, 4, 4))


def test_a_skip_is_kept_with_what_a_leaving_stage_was_given(net: UNet) -> None:
    skips: list[Tensor] = []

    def zero(place: StagePlace, x: Tensor) -> Tensor:
        return torch.zeros_like(x) if place == StagePlace("input", 1) else x

    def keep(place: StagePlace, x: Tensor, skip: Tensor) -> tuple[Tensor, Tensor]:
        skips.append(skip)
        return x, skip

    run(net, Hooks(leaving=(zero,), joining=(keep,)))
    assert [bool((skip == 0).all()) for skip in skips] == [False, False, True, False]
    skips.clear()
    run(net, Hooks(entering=(zero,), joining=(keep,)))
    assert not any((skip == 0).all() for skip in skips)


def test_residuals_shrink_with_what_they_are_added_to(net: UNet) -> None:
    def shrink(place: StagePlace, x: Tensor) -> Tensor:
        return x[..., ::2, ::2] if place == StagePlace("input", 1) else x

    def grow(place: StagePlace, x: Tensor, skip: Tensor) -> tuple[Tensor, Tensor]:
        size = skip.shape[2:]
        return torch.nn.functional.interpolate(x, size=size) if x.shape[2:] != size else x, skip

    ones = Residuals(
        tuple(torch.ones(1, c, s, s) for c, s in ((32, 8), (32, 8), (32, 4), (64, 4))), torch.ones(1, 64, 4, 4)
    )
    hooks = Hooks(entering=(shrink,), joining=(grow,))
    small = Residuals(
        tuple(torch.ones(1, c, s, s) for c, s in ((32, 8), (32, 4), (32, 2), (64, 2))), torch.ones(1, 64, 2, 2)
    )
    torch.testing.assert_close(run(net, hooks, control=ones), run(net, hooks, control=small))


def test_hooks_are_joined_in_order() -> None:
    def first(place: StagePlace, x: Tensor) -> Tensor:
        return x + 1

    def second(place: StagePlace, x: Tensor) -> Tensor:
        return x * 2

    both = Hooks(entering=(first,)) + Hooks(entering=(second,))
    assert both.enter(StagePlace("input", 0), torch.ones(1)).item() == 4
    assert NO_HOOKS + NO_HOOKS == NO_HOOKS
