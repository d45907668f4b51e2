"""Latents cut, turned, put together and counted with.

A latent is [B, C, h, w], or [B, C, F, h, w] with frames. Where two meet, the second is brought to the first's size.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from heddle.graph.errors import ShapeError
from heddle.graph.said import say
from heddle.numerics.batches import fit_batch
from heddle.numerics.resize import resize

#: The name of an axis in nodes, and how far from the end it lies. Of pictures, which have no time, `t` is the channels.
AXES = {"x": -1, "y": -2, "t": -3}

_LEAST_CELLS = 8  # a crop is never begun nearer to the end, as existing workflows rely on


def fit_latent(latent: Tensor, like: Tensor, method: str = "bilinear") -> Tensor:
    """A latent at the size of another, cut rather than stretched, one for each of its batch or more.

    Raises: ShapeError, if they differ in channels or frames.
    """
    if latent.shape[-2:] != like.shape[-2:]:
        latent = resize(latent, like.shape[-1], like.shape[-2], method, "center")
    _same_kind(latent, like)
    return latent.to(like)


def combine(first: Tensor, second: Tensor, how: Callable[[Tensor, Tensor], Tensor], method: str = "bilinear") -> Tensor:
    """`how` of two latents, the second brought to the first's size and batch."""
    return how(first, fit_batch(fit_latent(second, first, method), len(first)))


def interpolate(first: Tensor, second: Tensor, ratio: float) -> Tensor:
    """Between two latents: their cells' directions are mixed and their lengths, each linearly; 1 gives the first."""
    lengths = [each.norm(dim=1, keepdim=True) for each in (first, second)]
    directions = [(each / length).nan_to_num() for each, length in zip((first, second), lengths, strict=True)]
    mixed, length = (a * ratio + b * (1 - ratio) for a, b in (directions, lengths))
    return (mixed / mixed.norm(dim=1, keepdim=True)).nan_to_num() * length


def concatenate(first: Tensor, second: Tensor, axis: str) -> Tensor:
    """Two latents side by side along `x`, `y` or `t`, the second one first where a minus stands before it.

    Raises: ShapeError, if they differ along another axis.
    """
    second = fit_batch(second, len(first)).to(first)
    dim = first.ndim + AXES[axis.removeprefix("-")]
    others = [at for at in range(first.ndim) if at != dim]
    if second.ndim != first.ndim or any(first.shape[at] != second.shape[at] for at in others):
        words = "latents of {first} and {second} cells do not fit along {axis}; bring them to one size on the others"
        found, wanted = list(second.shape[1:]), list(first.shape[1:])
        said = say(words, first=str(wanted), second=str(found), axis=axis.removeprefix("-"))
        raise ShapeError(said, wanted=wanted, got=found)
    return torch.cat((second, first) if axis.startswith("-") else (first, second), dim=dim)


def cut(latent: Tensor, axis: str, index: int, amount: int) -> Tensor:
    """`amount` cells or frames from `index` on, which counts from the end if negative; fewer where it ends."""
    length = latent.shape[AXES[axis]]
    if index >= 0:
        index = min(index, length - 1)
        amount = min(length - index, amount)
    else:
        index = max(index, -length)
        amount = min(-index, amount)
    return torch.narrow(latent, AXES[axis], index, amount)


def cut_to_batch(latent: Tensor, axis: str, size: int) -> Tensor:
    """A latent cut into parts of `size` cells or frames, which become its batch; a rest that is shorter is left out.

    A picture, which has no time, comes back as it is along `t`.
    """
    dim = latent.ndim + AXES[axis]
    if dim < 2:
        return latent
    moved = latent.movedim(dim, 1)
    size = min(size, moved.shape[1])
    whole = moved[:, : moved.shape[1] // size * size]
    return whole.reshape(-1, size, *whole.shape[2:]).movedim(1, dim)


def crop(latent: Tensor, x: int, y: int, width: int, height: int) -> Tensor:
    """The part of that size, in cells, that begins at (x, y), or a little before it where the latent ends."""
    x, y = (max(0, min(at, latent.shape[dim] - _LEAST_CELLS)) for at, dim in ((x, -1), (y, -2)))
    return latent[..., y : y + height, x : x + width]


def rotate(latent: Tensor, turns: int) -> Tensor:
    """Turned clockwise by so many quarters."""
    return torch.rot90(latent, k=turns, dims=(-1, -2))


def paste_feathered(destination: Tensor, source: Tensor, x: int, y: int, feather: int) -> Tensor:
    """Destination with source put onto it at (x, y); what reaches over the border is cut.

    Args:
        x, y: in cells.
        feather: over so many cells from each side that is not on the border the source comes in: 1/n, 2/n, ... 1.
    """
    source = fit_batch(source, len(destination)).to(destination)
    result = destination.clone()
    part = result[..., y : y + source.shape[-2], x : x + source.shape[-1]]
    if part.numel() == 0:
        return result
    _same_kind(source, destination)
    put = source[..., : part.shape[-2], : part.shape[-1]]
    share = torch.ones(part.shape[-2:], dtype=part.dtype, device=part.device)
    for rows, at, whole in ((share, y, result.shape[-2]), (share.mT, x, result.shape[-1])):
        length = len(rows)
        for step in range(min(feather, length)):
            if at > 0:
                rows[step] *= (step + 1) / feather
            if at + length < whole:
                rows[length - 1 - step] *= (step + 1) / feather
    part.copy_(put * share + part * (1 - share))
    return result


def _same_kind(latent: Tensor, like: Tensor) -> None:
    found, wanted = latent.shape[1:-2], like.shape[1:-2]
    if found == wanted:
        return
    words = "one latent has {first} channels (and frames), the other {second}; both must come from models of one family"
    said = say(words, first=_shape(wanted), second=_shape(found))
    raise ShapeError(said, wanted=tuple(wanted), got=tuple(found))


def _shape(sizes: tuple[int, ...]) -> str:
    return " x ".join(map(str, sizes))
