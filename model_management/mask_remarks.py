"""What a person should know of the masks and areas of a run: that one is empty, stretched to fit, or lies outside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.nn.functional import adaptive_max_pool2d, interpolate, max_pool2d

from heddle.graph.said import say
from heddle.samplers.conditions import Condition
from model_management.family import RunFacts

#: From where on a pixel of a mask is meant, and below what nothing of it is left in a cell.
SHOWN, TRACE = 0.5, 0.05


def remarks_on_masks(sides: Mapping[str, Sequence[Any]], run: RunFacts) -> Iterator[str]:
    """Lines about the run's own mask and those of its conditionings, by the names of their sides."""
    if run.mask is not None:
        yield from remarks_on("the latent's mask", run.mask, run.shape, "sampling changes nothing")
    for name, side in sides.items():
        for _states, more in side:
            if more.get("mask") is not None:
                yield from remarks_on(f"{name}: the mask", more["mask"], run.shape, "the text counts nowhere")


def remarks_on(what: str, mask: Tensor, shape: Sequence[int], if_empty: str) -> Iterator[str]:
    """Lines about one mask [..., H, W] that is brought to the last two sizes of `shape`.

    A mask has another scale than a latent; only another proportion is told, by more than a cell.
    """
    (height, width), (rows, columns) = mask.shape[-2:], shape[-2:]
    if not bool(mask.any()):
        yield f"{what} is empty, so {if_empty}"
    if abs(height * columns - width * rows) >= max(height, width):
        yield f"{what} of {width} x {height} is stretched to the proportions of the latent, {columns} x {rows} cells"
    if _loses_parts(mask, rows, columns):
        words = "{what} has parts thinner than a cell of the latent, which count nowhere; grow it by some pixels"
        yield say(words, what=what)


def _loses_parts(mask: Tensor, rows: int, columns: int) -> bool:
    """Whether something that a mask [..., H, W] shows leaves no trace in or beside its cells once it is small."""
    height, width = mask.shape[-2:]
    if height <= rows or width <= columns:
        return False
    masks = mask.detach().float().reshape(-1, 1, height, width)
    shown = adaptive_max_pool2d(masks, (rows, columns)) > SHOWN
    small = interpolate(masks, size=(rows, columns), mode="bilinear")  # as `fit_mask` makes it
    return bool((shown & (max_pool2d(small, 3, 1, 1) < TRACE)).any())


def remarks_on_areas(sides: Mapping[str, Sequence[Condition]], run: RunFacts) -> Iterator[str]:
    """Lines about areas that lie outside of the latent."""
    rows, columns = run.shape[-2:]
    for name, side in sides.items():
        for area in (one.area for one in side if one.area is not None):
            if area.top >= rows or area.left >= columns:
                yield (
                    f"{name}: an area begins {area.left} cells from the left and {area.top} from the top, outside of "
                    f"the latent of {columns} x {rows} cells; the cells at its border are taken"
                )
