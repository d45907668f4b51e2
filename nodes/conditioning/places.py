"""Where in the picture and when in the run a conditioning counts."""

from __future__ import annotations

from typing import Annotated, Any

from heddle.graph.declare import Choice, Number, node
from heddle.wires import Conditioning, Mask

CATEGORY = "model/conditioning/transform"
_PX_PER_CELL = 8

Strength = Annotated[
    float, Number(default=1.0, low=0.0, high=10.0, step=0.01, tip="Weight beside the others that reach there.")
]


def with_options(conditioning: Conditioning, **options: Any) -> Conditioning:
    """Copies of all entries that carry these options too."""
    return [[states, {**more, **options}] for states, more in conditioning]


@node("ConditioningSetArea", category=CATEGORY, name="Conditioning (Set Area)", search=("region", "regional"))
def set_area(
    conditioning: Conditioning,
    width: Annotated[int, Number(default=64, low=64, high=16384, step=8, tip="Of the area, in pixels.")],
    height: Annotated[int, Number(default=64, low=64, high=16384, step=8, tip="Of the area, in pixels.")],
    x: Annotated[int, Number(default=0, low=0, high=16384, step=8, tip="Its left side, in pixels.")],
    y: Annotated[int, Number(default=0, low=0, high=16384, step=8, tip="Its top side, in pixels.")],
    strength: Strength,
) -> Conditioning:
    """Let a conditioning count in a rectangle of the picture only."""
    area = tuple(px // _PX_PER_CELL for px in (height, width, y, x))
    return with_options(conditioning, area=area, strength=strength, set_area_to_bounds=False)


@node(
    "ConditioningSetAreaPercentage", category=CATEGORY, name="Conditioning (Set Area with Percentage)",
    search=("region", "regional"),
)  # fmt: skip
def set_area_in_shares(
    conditioning: Conditioning,
    width: Annotated[float, Number(default=1.0, low=0, high=1.0, step=0.01, tip="Of the area; 1 = the picture's.")],
    height: Annotated[float, Number(default=1.0, low=0, high=1.0, step=0.01, tip="Of the area; 1 = the picture's.")],
    x: Annotated[float, Number(default=0, low=0, high=1.0, step=0.01, tip="Its left side, as a share of the width.")],
    y: Annotated[float, Number(default=0, low=0, high=1.0, step=0.01, tip="Its top side, as a share of the height.")],
    strength: Strength,
) -> Conditioning:
    """Let a conditioning count in a rectangle only, given as shares of the picture, whatever its size."""
    area = ("percentage", height, width, y, x)
    return with_options(conditioning, area=area, strength=strength, set_area_to_bounds=False)


@node("ConditioningSetAreaStrength", category=CATEGORY, name="Conditioning (Set Area Strength)")
def set_strength(conditioning: Conditioning, strength: Strength) -> Conditioning:
    """Let a conditioning weigh more or less beside others that reach the same places."""
    return with_options(conditioning, strength=strength)


@node("ConditioningSetMask", category=CATEGORY, name="Conditioning (Set Mask)", search=("region", "regional"))
def set_mask(
    conditioning: Conditioning,
    mask: Mask,
    strength: Strength,
    set_cond_area: Annotated[
        str, Choice("default", "mask bounds", tip="mask bounds shows the network only the piece around the mask.")
    ],
) -> Conditioning:
    """Let a conditioning count where a mask is white."""
    whole = mask[None] if mask.ndim == 2 else mask
    return with_options(conditioning, mask=whole, set_area_to_bounds=set_cond_area != "default", mask_strength=strength)


@node("ConditioningSetTimestepRange", category=CATEGORY, name="ConditioningSetTimestepRange", search=("schedule",))
def set_range(
    conditioning: Conditioning,
    start: Annotated[float, Number(default=0.0, low=0.0, high=1.0, step=0.001, tip="From this share of the run on.")],
    end: Annotated[float, Number(default=1.0, low=0.0, high=1.0, step=0.001, tip="Up to this share of the run.")],
) -> Conditioning:
    """Let a conditioning count in a part of the run only."""
    return with_options(conditioning, start_percent=start, end_percent=end)
