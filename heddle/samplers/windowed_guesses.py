"""Guesses made in windows: the network sees a part of the latents at a time, and what it says of each is joined.

Everything that belongs to a condition goes along: inputs, masks and areas are those of the window, and calls say which
one they are about, so that control nets and others that step in can show what lies there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from heddle.graph.errors import GraphError
from heddle.graph.said import say
from heddle.samplers.conditions import (
    Area,
    Call,
    ChangeCall,
    Condition,
    ConditionedDenoiser,
    NetOf,
    SideGuesses,
    condition_sides,
    only_net,
)
from heddle.samplers.fitting import fit_batch
from heddle.samplers.window_schedules import LEAST_WEIGHT, SCHEDULES, WEIGHTS, Layout
from heddle.samplers.windows import Window

CHANNELS, DIMENSIONS = 1, 4


@dataclass(frozen=True)
class WindowPlan:
    """How a model is shown latents in windows.

    dim: of [B, C, h, w], along which the windows lie. Latents that fit into one window are shown whole.
    schedule, weights: of SCHEDULES and WEIGHTS.
    inputs_again, latents_again: places of a window whose inputs, or latents, are those of the whole in that place.
    splits: of several conditions of a side each window has one, in their order.
    looks_back: windows that do not begin at the beginning are also shown what lies before them.
    """

    layout: Layout
    schedule: str = "standard_static"
    weights: str = "pyramid"
    dim: int = 0
    inputs_again: tuple[int, ...] = ()
    latents_again: tuple[int, ...] = ()
    splits: bool = False
    looks_back: bool = True

    def check(self, shape: Sequence[int]) -> None:
        """Raises: GraphError, if latents of this shape cannot be shown in such windows."""
        if self.dim >= DIMENSIONS or (self.dim == CHANNELS and shape[CHANNELS] > self.layout.size):
            words = (
                "dim {dim}: windows of this model's latents can lie along 0 (pictures), 2 (rows) or 3 (columns); "
                "choose one of them in Context Windows"
            )
            raise GraphError(say(words, dim=self.dim), input_name="dim", found=self.dim, wanted="0, 2 or 3")

    def windows(self, length: int, step: int) -> list[Window]:
        """Those of one step of a run over so many pictures, rows or columns."""
        found = SCHEDULES[self.schedule](self.layout, length, step)
        return [self._window(indices, length) for indices in found]

    def _window(self, indices: tuple[int, ...], length: int) -> Window:
        if self.looks_back and indices[0] > 0:
            return Window(self.dim, (indices[0] - 1, *indices), length, 1)
        return Window(self.dim, indices, length)

    def weigh(self, window: Window) -> Tensor:
        """What each place that the window is asked about counts, as a tensor that multiplies guesses for it."""
        indices = window.indices[window.ahead :]
        weights = WEIGHTS[self.weights](indices, window.length, self.layout.overlap)
        shown = window.shown(self.latents_again)[window.ahead :]
        # A place that shows something else says nothing of its own, unless no other window does.
        counted = [each if index == own else each * LEAST_WEIGHT
                   for each, index, own in zip(weights, shown, indices, strict=True)]  # fmt: skip
        return torch.tensor(counted).reshape(-1, *[1] * (-1 - window.axis if window.dim else DIMENSIONS - 1))


def windowed_sides(
    denoise: ConditionedDenoiser,
    sides: Mapping[str, Sequence[Condition]],
    plan: WindowPlan,
    levels: Sequence[float] = (),
    net_of: NetOf = only_net,
    note: Callable[[str], None] | None = None,
    base: SideGuesses | None = None,
) -> SideGuesses:
    """What `condition_sides` gives, asked for window by window; of latents that fit into one, the very same.

    Args:
        levels: of the run, falling, so that windows can move on from step to step.
        base: guesses for the whole latents, as there.
    """
    whole = condition_sides(denoise, sides, net_of, note, base)
    bare = {name: [replace(one, inputs={}) for one in side] for name, side in sides.items()}
    gaps = None if note is None else condition_sides(_nothing_new, bare, note=note)  # told of the whole, and once
    # Those of the last step: windows that lie where they lay go on as they were, with all that is kept for them.
    known: dict[tuple[object, ...], tuple[Window, SideGuesses]] = {}
    asked_of: list[tuple[Tensor, ChangeCall | None]] = []

    def begin(window: Window, x: Tensor) -> tuple[Window, SideGuesses]:
        own = {name: list(_side_in(window, side, plan, x.shape)) for name, side in sides.items()}

        def base_in(piece: Tensor, sigma: Tensor, names: Sequence[str], /, change: ChangeCall | None = None) -> dict[
            str, Tensor
        ]:  # fmt: skip
            assert base is not None
            said = base(asked_of[-1][0], sigma, names, asked_of[-1][1])
            return {name: window.of(each) for name, each in said.items()}

        return window, condition_sides(denoise, own, net_of, None, None if base is None else base_in)

    def guess(x: Tensor, sigma: Tensor, names: Sequence[str], /, change: ChangeCall | None = None) -> dict[str, Tensor]:
        nonlocal known
        length = x.shape[plan.dim]
        if length <= plan.layout.size:
            return whole(x, sigma, names, change)
        if gaps is not None:
            gaps(x, sigma, names)
        now = {
            (each.ahead, each.indices, *x.shape): each for each in plan.windows(length, _step_at(levels, float(sigma)))
        }
        known = {key: known[key] if key in known else begin(window, x) for key, window in now.items()}
        asked_of[:] = [(x, change)]
        sums = {name: torch.zeros_like(x) for name in names}
        counted = x.new_zeros([size if dim == plan.dim else 1 for dim, size in enumerate(x.shape)])
        for window, ask in known.values():
            weights = plan.weigh(window).to(x)
            said = ask(window.of(x, again=plan.latents_again), sigma, names, _about(window, change))
            for name in names:
                window.add(window.asked(said[name]) * weights, sums[name])
            window.add(weights.reshape([-1 if dim == plan.dim else 1 for dim in range(x.ndim)]), counted)
        asked_of.clear()
        return {name: each / counted.where(counted > 0, 1.0) for name, each in sums.items()}

    return guess


def _nothing_new(x: Tensor, sigma: Tensor, call: Call, /) -> Tensor:
    """For a look at where conditions reach, without a network."""
    return x


def _about(window: Window, change: ChangeCall | None) -> ChangeCall:
    def told(call: Call, /) -> Call:
        call = replace(call, window=window)
        return call if change is None else change(call)

    return told


def _step_at(levels: Sequence[float], level: float) -> int:
    """The step of a run that is at this level, or between it and the next."""
    return max((at for at, each in enumerate(levels) if each >= level * (1 - 1e-4)), default=0)


def _side_in(window: Window, side: Sequence[Condition], plan: WindowPlan, shape: Sequence[int]) -> Iterator[Condition]:
    """A side's conditions as a window has them; those that do not reach into it are left out."""
    if plan.splits and len(side) > 1:
        indices = window.indices[window.ahead :]
        share = (min(indices) + max(indices)) / (2 * window.length)
        side = [side[min(int(share * len(side)), len(side) - 1)]]
    for one in side:
        yield from _condition_in(window, one, plan.inputs_again, shape)


def _condition_in(window: Window, one: Condition, again: Sequence[int], shape: Sequence[int]) -> Iterator[Condition]:
    def cut(tensor: Tensor, again: Sequence[int] = ()) -> Tensor:
        fitted = fit_batch(tensor, window.length) if window.dim == 0 and len(tensor) > 1 else tensor
        return window.of(fitted, again=again)

    inputs = {
        name: cut(tensor, again) if window.dim == 0 or name in one.on_grid else tensor
        for name, tensor in one.inputs.items()
    }
    mask = None if one.mask is None else cut(one.mask)
    for area in _areas_in(window, one.area, shape):
        yield replace(one, inputs=inputs, mask=mask, area=area)


def _areas_in(window: Window, area: Area | None, shape: Sequence[int]) -> Iterator[Area | None]:
    """The parts of an area that lie in a window, in its own places; more than one where it goes around."""
    if area is None or window.dim == 0:
        yield area
        return
    area = area.within(shape[-2], shape[-1])
    if window.dim == 2:
        for first, end in window.spans(area.top, area.top + area.height):
            yield replace(area, top=first, height=end - first)
    else:
        for first, end in window.spans(area.left, area.left + area.width):
            yield replace(area, left=first, width=end - first)
