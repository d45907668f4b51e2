"""What a conditioning carries (hooks, a mask, a part of the run), set at once, for one or for a pair of them."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.declare import Choice, Number, node
from heddle.wires import Conditioning, Hooks, Mask, TimestepsRange
from model_management.weight_hooks import hooks_in
from nodes.conditioning.places import set_mask, set_range, with_options

SINGLE = "advanced/hooks/cond single"
PAIR = "advanced/hooks/cond pair"
BOTH = ("positive", "negative")

Strength = Annotated[
    float, Number(default=1.0, low=0.0, high=10.0, step=0.01, tip="Of the mask; without a mask it says nothing.")
]
Bounds = Annotated[
    str, Choice("default", "mask bounds", tip="mask bounds shows the network only the piece around the mask.")
]


@node("ConditioningSetProperties", category=SINGLE, name="Cond Set Props", search=("hook",), experimental=True)
def set_properties(
    cond_NEW: Conditioning,
    strength: Strength,
    set_cond_area: Bounds,
    *,
    mask: Mask | None = None,
    hooks: Hooks | None = None,
    timesteps: TimestepsRange | None = None,
) -> Conditioning:
    """Let a conditioning carry hooks, after those that it has, and count in a mask and a part of the run only."""
    return _carrying(cond_NEW, strength, set_cond_area, mask, hooks, timesteps)


@node(
    "ConditioningSetPropertiesAndCombine", category=SINGLE, name="Cond Set Props Combine", search=("hook",),
    experimental=True,
)  # fmt: skip
def set_properties_and_combine(
    cond: Conditioning,
    cond_NEW: Conditioning,
    strength: Strength,
    set_cond_area: Bounds,
    *,
    mask: Mask | None = None,
    hooks: Hooks | None = None,
    timesteps: TimestepsRange | None = None,
) -> Conditioning:
    """The same for the new conditioning, which is then asked for beside the other."""
    return [*cond, *_carrying(cond_NEW, strength, set_cond_area, mask, hooks, timesteps)]


@node(
    "ConditioningSetDefaultCombine", category=SINGLE, name="Cond Set Default Combine", search=("background",),
    experimental=True,
)  # fmt: skip
def set_default(cond: Conditioning, cond_DEFAULT: Conditioning, *, hooks: Hooks | None = None) -> Conditioning:
    """Add a conditioning that counts where the masks and areas of the others leave room."""
    return [*cond, *with_options(_hooked(cond_DEFAULT, hooks), default=True)]


@node(
    "PairConditioningSetProperties", category=PAIR, name="Cond Pair Set Props", outputs=BOTH, search=("hook",),
    experimental=True,
)  # fmt: skip
def set_pair_properties(
    positive_NEW: Conditioning,
    negative_NEW: Conditioning,
    strength: Strength,
    set_cond_area: Bounds,
    *,
    mask: Mask | None = None,
    hooks: Hooks | None = None,
    timesteps: TimestepsRange | None = None,
) -> tuple[Conditioning, Conditioning]:
    """Let a positive and a negative carry hooks, and count in a mask and a part of the run only."""
    more = (strength, set_cond_area, mask, hooks, timesteps)
    return _carrying(positive_NEW, *more), _carrying(negative_NEW, *more)


@node(
    "PairConditioningSetPropertiesAndCombine", category=PAIR, name="Cond Pair Set Props Combine", outputs=BOTH,
    search=("hook",), experimental=True,
)  # fmt: skip
def set_pair_properties_and_combine(
    positive: Conditioning,
    negative: Conditioning,
    positive_NEW: Conditioning,
    negative_NEW: Conditioning,
    strength: Strength,
    set_cond_area: Bounds,
    *,
    mask: Mask | None = None,
    hooks: Hooks | None = None,
    timesteps: TimestepsRange | None = None,
) -> tuple[Conditioning, Conditioning]:
    """The same for a new positive and a new negative, each of which is then asked for beside the other one."""
    more = (strength, set_cond_area, mask, hooks, timesteps)
    return [*positive, *_carrying(positive_NEW, *more)], [*negative, *_carrying(negative_NEW, *more)]


@node("PairConditioningCombine", category=PAIR, name="Cond Pair Combine", outputs=BOTH, experimental=True)
def combine_pairs(
    positive_A: Conditioning, negative_A: Conditioning, positive_B: Conditioning, negative_B: Conditioning
) -> tuple[Conditioning, Conditioning]:
    """Ask for both positives, and for both negatives."""
    return [*positive_A, *positive_B], [*negative_A, *negative_B]


@node(
    "PairConditioningSetDefaultCombine", category=PAIR, name="Cond Pair Set Default Combine", outputs=BOTH,
    search=("background",), experimental=True,
)  # fmt: skip
def set_pair_default(
    positive: Conditioning,
    negative: Conditioning,
    positive_DEFAULT: Conditioning,
    negative_DEFAULT: Conditioning,
    *,
    hooks: Hooks | None = None,
) -> tuple[Conditioning, Conditioning]:
    """Add a positive and a negative that count where the masks and areas of the others of their side leave room."""
    return set_default(positive, positive_DEFAULT, hooks=hooks), set_default(negative, negative_DEFAULT, hooks=hooks)


def _carrying(
    conditioning: Conditioning,
    strength: float,
    set_cond_area: str,
    mask: Mask | None,
    hooks: Hooks | None,
    timesteps: TimestepsRange | None,
) -> Conditioning:
    changed = _hooked(conditioning, hooks)
    if mask is not None:
        changed = set_mask(changed, mask, strength, set_cond_area)
    return changed if timesteps is None else set_range(changed, *timesteps)


def _hooked(conditioning: Conditioning, hooks: Hooks | None) -> Conditioning:
    """Copies that carry these hooks beside those that they have."""
    if hooks is None:
        return conditioning
    return [[states, {**more, "hooks": hooks_in(more.get("hooks")).joined(hooks)}] for states, more in conditioning]
