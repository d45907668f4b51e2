"""What guidance puts into a network's calls: hooks that make it weaker, watch it, or guide inside its attention."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from einops import rearrange
from torch import Tensor

from heddle.graph.errors import HeddleError
from heddle.graph.said import say
from heddle.networks.hooks import NO_HOOKS, AttentionPlace, BlockPlace, Hooks, RunAttention
from heddle.samplers.conditions import Call, ChangeCall, SideGuesses
from heddle.samplers.guiders import BeginChange, GuidanceChange
from model_management.patches import HooksPatch, with_hooks

#: Where self-attention guidance looks.
WATCHED = AttentionPlace("middle", 0, 0, "itself")


def look_nowhere(call: Call, /) -> Call:
    """The call with self-attention in the middle of a UNet that gives each token its own value."""

    def own_values(place: AttentionPlace, q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor | None:
        return v if place.side == "middle" and place.reads == "itself" else None

    return with_hooks(call, Hooks(attentions=(own_values,)))


def skip_blocks(places: Sequence[BlockPlace]) -> ChangeCall:
    """A change of calls that leaves out these blocks of a transformer."""
    hooks = Hooks(skipped=tuple(places))
    return lambda call: with_hooks(call, hooks)


def watch_middle(call: Call, see: Callable[[Tensor], None], /) -> Call:
    """The call in which the first self-attention in the middle tells where it looks, see `Watch`.

    Of looks at tokens that others put beside the picture's (a reference's, which come last) nothing is told.
    """
    own = 0

    def count(place: AttentionPlace, x: Tensor, keys_of: Tensor, values_of: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        nonlocal own
        own = x.shape[1] if place == WATCHED else own
        return x, keys_of, values_of

    def attend(place: AttentionPlace, q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor | None:
        if place != WATCHED or len(q) != len(call.sides):  # where something cuts it into tiles, nobody sees the whole
            return None
        q, k, v = (rearrange(each, "b t (heads d) -> b heads t d", heads=heads) for each in (q, k, v))
        looks = (q.float() @ k.float().mT / q.shape[-1] ** 0.5).softmax(-1)
        at_own = looks[..., :own]
        see((at_own / at_own.sum(-1, keepdim=True)).mean(1).sum(1))
        return rearrange(looks.to(v) @ v, "b heads t d -> b t (heads d)")

    return with_hooks(call, Hooks(inputs=(count,), attentions=(attend,)))


def normalized_attention(scale: float, alpha: float, tau: float) -> HooksPatch:
    """Guidance inside attention: what the positive's tokens gather is led away from what the negative's do.

    In a UNet it is what self-attention gives, in a transformer what the picture's tokens gather.

    Source: Chen et al. 2025, arXiv:2505.21179 (normalized attention guidance), with scale = phi + 1.

    Args:
        alpha: share of the guided features in the result.
        tau: the longest guided feature, in lengths of the positive's; lengths are sums of absolute numbers.
    """

    def at(call: Call) -> Hooks:
        pairs = _pairs(call)

        def guided(x: Tensor) -> Tensor:
            if len(x) != len(call.sides):
                return x
            x = x.clone()
            for positive, negative in pairs:
                x[positive] = _guided(x[positive], x[negative], scale, alpha, tau)
            return x

        def around(place: AttentionPlace, x: Tensor, keys_of: Tensor, values_of: Tensor, run: RunAttention) -> Tensor:
            attended = run(x, keys_of, values_of)
            return guided(attended) if place.reads == "itself" else attended

        def seen(place: BlockPlace, q: Tensor, seen: Tensor, heads: int) -> Tensor:
            return guided(seen)

        return Hooks(around=(around,), seen=(seen,)) if pairs else NO_HOOKS

    return HooksPatch(at)


def _guided(positive: Tensor, negative: Tensor, scale: float, alpha: float, tau: float) -> Tensor:
    guided = positive * scale - negative * (scale - 1)
    wanted, found = (each.abs().sum(-1, keepdim=True).clamp(min=1e-6) for each in (positive, guided))
    return torch.lerp(positive, guided * (tau * wanted / found).clamp(max=1), alpha)


def _pairs(call: Call) -> list[tuple[slice, slice]]:
    """The items of each part of the positive, with those of the negative's part of the same area."""
    items = len(call.sides) // max(len(call.areas), 1)
    parts = [(call.sides[number * items], area, slice(number * items, (number + 1) * items))
             for number, area in enumerate(call.areas)]  # fmt: skip
    negatives = {area: place for side, area, place in reversed(parts) if side == "negative"}
    return [(place, negatives[area]) for side, area, place in parts if side == "positive" and area in negatives]


def positive_meets_negative() -> BeginChange:
    """Sees to it that guidance inside attention has both sides in one call.

    The run raises HeddleError where they are not: without a negative, or where they do not fit together.
    """

    def ask(guess: SideGuesses) -> SideGuesses:
        def asked(
            x: Tensor, sigma: Tensor, names: Sequence[str], /, change: ChangeCall | None = None
        ) -> dict[str, Tensor]:
            if "negative" not in names:
                raise HeddleError(
                    say(
                        "NAGuidance leads away from a negative in the positive's own call, but this "
                        "guider has none there; use KSampler or CFG Guider, also with a cfg of 1, and "
                        "leave out what runs the negative apart, such as SkipLayerGuidanceDiTSimple"
                    )
                )
            met: list[set[str]] = []

            def note(call: Call, /) -> Call:
                met.append(set(call.sides))
                return call if change is None else change(call)

            said = guess(x, sigma, names, note)
            if any("positive" in sides and "negative" not in sides for sides in met) and any(
                "negative" in sides for sides in met
            ):
                raise HeddleError(
                    say(
                        "NAGuidance needs positive and negative in one call of the network, but they do "
                        "not fit into one: give both texts of one length, the same control nets, and "
                        "leave out what runs one of them apart"
                    )
                )
            return said

        return asked

    return lambda: GuidanceChange(ask=ask, needs_negative=True)
