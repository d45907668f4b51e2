"""Conditions: what a network is shown beside the noisy latent, where in the picture it counts and at which levels.

One side of a guided run (its positive, its negative) is a list of conditions. The clean guess of a side is, at each
position, the mean of the guesses under those of its conditions that reach there, weighted by strength and mask.
`condition_sides` makes such guesses; how the sides become one guess is said in `guidance.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeAlias

import torch
from torch import Tensor

from heddle.graph.errors import OutOfMemory
from heddle.graph.said import say
from heddle.samplers.fitting import fit_batch
from heddle.samplers.predictions import Prediction
from heddle.samplers.windows import Window

#: An area without a mask fades in over this many cells from each of its inner borders, over fewer where it is small.
FADE_CELLS = 8

#: The side that guidance leads away from, see `Condition.gain`.
BASE = "negative"

#: Contexts of different length are brought to one length by repeating them, as long as none grows more than so often:
#: beyond that the longer sequence costs more than a second call.
MOST_REPEATS = 4


@dataclass(frozen=True)
class Area:
    """A rectangle in cells of the latent."""

    height: int
    width: int
    top: int
    left: int

    def holds(self, other: Area) -> bool:
        return (
            self.top <= other.top
            and self.left <= other.left
            and self.top + self.height >= other.top + other.height
            and self.left + self.width >= other.left + other.width
        )

    def within(self, height: int, width: int) -> Area:
        """What of it lies on a latent of this size."""
        top, left = min(self.top, height - 1), min(self.left, width - 1)
        return Area(min(self.height, height - top), min(self.width, width - left), top, left)

    def cut(self, tensor: Tensor) -> Tensor:
        return tensor[..., self.top : self.top + self.height, self.left : self.left + self.width]


@dataclass(frozen=True, eq=False)
class Condition:
    """One thing that the picture should (or should not) show.

    inputs: what the network takes beside latent and time, by its keyword: "context" [1 or B, T, D], "vector" [1 or B,
        D], "concat" [1 or B, C, h, w] ... Tensors that lie on the latent's grid are named in `on_grid`.
    strength: weight beside the other conditions of its side.
    mask: [1 or B, h, w] at the latent's size, times its strength; None = all of it.
    first_sigma, last_sigma: it counts at the levels between them, both included.
    gain: how many times the way from the negative's guess to its own counts, in place of once; the negative's own
        conditions have none. Where there is no negative, it is a factor on its weight.
    may_repeat_text: "context" may be repeated to the length of another that it shares a call with.
    control: whatever is asked for residuals before the network runs; conditions with different ones run apart.
    boxes: whatever says which texts stand in which boxes, for who steps into the network; different ones run apart.
    weight_hooks: whatever says which network is to be asked, see `NetOf`.
    is_default: it counts where the others of its side leave room: as much as their weights lack to 1, whatever its own
        strength and mask.
    """

    inputs: Mapping[str, Tensor]
    area: Area | None = None
    strength: float = 1.0
    mask: Tensor | None = None
    first_sigma: float = math.inf
    last_sigma: float = 0.0
    control: Any = None
    boxes: Any = None
    gain: float = 1.0
    weight_hooks: Any = None
    is_default: bool = False
    on_grid: frozenset[str] = frozenset({"concat"})
    may_repeat_text: bool = True

    def counts_at(self, sigma: float) -> bool:
        return self.last_sigma <= sigma <= self.first_sigma

    def under(self, other: Condition) -> Condition:
        """Another condition's place and time, with what this one shows."""
        own = {"gain": self.gain, "on_grid": self.on_grid, "may_repeat_text": self.may_repeat_text}
        return replace(other, inputs=self.inputs, **own)


@dataclass(frozen=True, eq=False)
class Call:
    """What one call of a network is about.

    inputs: by keyword, each with as many items as the latent.
    sides: for each item, the side that it belongs to.
    control: of the conditions that the call is about, see `Condition`.
    level: the noise level (sigma) that it is made at.
    areas: for each part of the call, the piece of the latent that it is about; None = all of it. The items of the call
        are the parts' one after the other, each as many as the latents of the run.
    on_grid: the inputs that lie on the latent's grid.
    whole: height and width of the whole latent, in cells, or of the window of it.
    hooks: who steps in while the network runs this call, as the network knows them; None = nobody.
    conditions: of each part, the condition that it is made under.
    kind: tells calls that are made beside the plain ones, and differ from them, apart.
    net: which of a run's networks is asked, see `NetOf`.
    window: what of the run's latents it is about, in whose places areas are; None = all of them.
    """

    inputs: Mapping[str, Tensor]
    sides: tuple[str, ...] = ()
    control: Any = None
    level: float = math.inf
    areas: tuple[Area | None, ...] = ()
    on_grid: frozenset[str] = frozenset({"concat"})
    whole: tuple[int, int] = (0, 0)
    hooks: Any = None
    conditions: tuple[Condition, ...] = ()
    kind: str = ""
    net: Hashable = None
    window: Window | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of what the network is given, in cells: the same for all parts of a call."""
        area = next(iter(self.areas), None)
        return self.whole if area is None else (area.height, area.width)


#: From what a condition carries as its weight hooks, and a level, to a key that names one of the networks of a run.
#: Conditions with equal keys share a call, and calls of one network follow each other.
NetOf: TypeAlias = Callable[[Any, float], Hashable]


def only_net(weight_hooks: Any, level: float) -> Hashable:
    """For runs with one network."""
    return None


class ConditionedDenoiser(Protocol):
    def __call__(self, x: Tensor, sigma: Tensor, call: Call, /) -> Tensor:
        """The clean guess for each of N latents, at one level (0-d)."""
        ...


class Network(Protocol):
    def __call__(self, x: Tensor, timesteps: Tensor, call: Call, /) -> Tensor:
        """x [N, C, h, w], timesteps [N] -> the network's raw output [N, C, h, w]."""
        ...


def denoiser_of(network: Network, prediction: Prediction) -> ConditionedDenoiser:
    """A network read through its parametrisation."""

    def denoise(x: Tensor, sigma: Tensor, call: Call, /) -> Tensor:
        timesteps = prediction.schedule.timestep(sigma).to(x).expand(x.shape[0])
        output = network(prediction.scale_input(sigma, x), timesteps, call)
        return prediction.denoised(sigma, output, x)

    return denoise


def with_partners(sides: Mapping[str, Sequence[Condition]]) -> dict[str, list[Condition]]:
    """Every area of one side also on the others, so that guidance compares like with like.

    A partner is the narrowest condition of the other side that covers the area, cut to it. A side that has the same
    area already, or nothing that covers it, gets none.

    Args:
        sides: what counts at one level, so that nobody's partner is one that does not.
    """
    whole = {name: list(side) for name, side in sides.items()}
    for name in whole:
        for condition in tuple(whole[name]):
            for other_name, other in whole.items():
                if condition.area is not None and other_name != name:
                    partner = _partner(condition.area, other)
                    if partner is not None:
                        other.append(partner.under(condition))
    return whole


def _partner(area: Area, side: Sequence[Condition]) -> Condition | None:
    covering = [one for one in side if one.area is None or one.area.holds(area)]
    if not covering or any(one.area == area for one in covering):
        return None
    cut = [one for one in covering if one.area is not None]
    return min(cut, key=lambda one: one.area.height * one.area.width if one.area else 0) if cut else covering[0]


def condition_sides(
    denoise: ConditionedDenoiser,
    sides: Mapping[str, Sequence[Condition]],
    net_of: NetOf = only_net,
    note: Callable[[str], None] | None = None,
    base: SideGuesses | None = None,
) -> SideGuesses:
    """A function that gives the clean guess of each named side, see `SideGuesses`.

    Args:
        denoise: asks the network that a call names.
        note: told of sides that say nothing at some level or place, since a guess of 0 there is hardly what was meant.
            To know, the device is waited for once as long as the same conditions count; without a note it is not.
        base: who guesses the side that guidance leads away from, where another network does.
    """
    partnered: dict[Hashable, dict[str, list[Condition]]] = {}  # by those that count
    gaps = None if note is None else _Gaps(note)
    known: _Known = {}
    left_over: dict[Hashable, Tensor | None] = {}  # the same at each level where the same conditions count

    def counting_at(level: float) -> dict[str, list[Condition]]:
        there = {name: tuple(one for one in side if one.counts_at(level)) for name, side in sides.items()}
        key = tuple(there.values())
        if key not in partnered:
            partnered[key] = with_partners(there)
        return partnered[key]

    def parts_of(name: str, counting: Sequence[Condition], x: Tensor, level: float) -> list[_Part]:
        own = [_Part(name, one, x, known, net_of(one.weight_hooks, level)) for one in counting if not one.is_default]
        if len(own) == len(counting):
            return own
        key = (name, *counting, x.shape)
        if key not in left_over:
            left_over[key] = _left_over(own, x)
        if (rest := left_over[key]) is None:
            return own
        return own + [
            _Part(name, one, x, known, net_of(one.weight_hooks, level), rest) for one in counting if one.is_default
        ]

    are_apart = False  # there is no room for parts side by side

    def answers(
        parts: Sequence[_Part], sigma: Tensor, level: float, change: ChangeCall | None
    ) -> Iterator[tuple[list[_Part], Sequence[Tensor]]]:
        nonlocal are_apart
        waiting = _batches(parts)
        while waiting:
            batch = waiting.pop(0)
            if are_apart and len(batch) > 1:
                waiting = [[part] for part in batch] + waiting
                continue
            call = _join(batch, level, known)
            call = call if change is None else change(call)
            latents = torch.cat([part.latent for part in batch])
            try:
                cleans = denoise(latents, sigma, call).chunk(len(batch))
            except OutOfMemory:
                if len(batch) == 1:
                    raise
                are_apart, waiting = True, [batch, *waiting]
                continue
            yield batch, cleans

    def guess(x: Tensor, sigma: Tensor, names: Sequence[str], /, change: ChangeCall | None = None) -> dict[str, Tensor]:
        level = float(sigma)
        counting = counting_at(level)
        gained = [name for name in names if name != BASE and any(one.gain != 1 for one in counting[name])]
        asks_base = bool(gained) and BASE in counting and BASE not in names
        asked = [*names, BASE] if asks_base and base is None else names
        parts = [part for name in asked for part in parts_of(name, counting[name], x, level)]
        nets = list(dict.fromkeys(part.net for part in parts))
        parts.sort(key=lambda part: nets.index(part.net))
        sums = {name: torch.zeros_like(x) for name in asked}
        weights = {name: torch.zeros_like(x[:, :1]) for name in asked}
        gains = {name: torch.zeros_like(x[:, :1]) for name in gained}
        for batch, cleans in answers(parts, sigma, level, change):
            for part, clean in zip(batch, cleans, strict=True):
                part.put(clean, sums[part.side], weights[part.side], gains.get(part.side))
        if gaps is not None:
            for name in asked:
                gaps.look(name, [part for part in parts if part.side == name], weights[name], level)
        guesses = {name: sums[name] / weights[name].where(weights[name] > 0, 1.0) for name in asked}
        if asks_base and base is not None:
            guesses |= base(x, sigma, [BASE], change)
        for name in gained:
            if BASE in guesses:
                gain = (gains[name] / weights[name]).where(weights[name] > 0, 1.0)
                guesses[name] = guesses[name] + guesses[BASE] * (1 - gain)
            else:
                guesses[name] = sums[name] / gains[name].where(gains[name] != 0, 1.0)
        return {name: guesses[name] for name in names}

    return guess


class ChangeCall(Protocol):
    def __call__(self, call: Call, /) -> Call: ...


class SideGuesses(Protocol):
    def __call__(
        self, x: Tensor, sigma: Tensor, names: Sequence[str], /, change: ChangeCall | None = None
    ) -> dict[str, Tensor]:
        """The clean guess [B, C, h, w] of each named side; 0 where none of its conditions reaches.

        change: puts something else into the calls that are made, such as another attention.
        """
        ...


#: What a run's conditions give the network beside the latent, by conditions and latent: the same tensors in every step,
#: so that nothing is copied to the device twice, and what follows from a text need not be worked out twice.
_Known: TypeAlias = dict[tuple[Hashable, ...], dict[str, Tensor]]


@dataclass(eq=False)
class _Part:
    """One condition's share of a guess: the piece of the latent that it is about, and how much it counts there.

    rest: how much it counts where the others of its side leave room, [B, 1, h, w].
    """

    side: str
    condition: Condition
    x: Tensor
    known: _Known
    net: Hashable
    rest: Tensor | None = None
    latent: Tensor = field(init=False)
    inputs: dict[str, Tensor] = field(init=False)
    area: Area | None = field(init=False)

    def __post_init__(self) -> None:
        area = self.condition.area
        self.area = None if area is None else area.within(*self.x.shape[-2:])
        self.latent = self._cut(self.x)
        key = (self.x.shape, self.x.device, self.condition)
        if key not in self.known:
            self.known[key] = {name: self._input(name) for name in self.condition.inputs}
        self.inputs = self.known[key]

    def _input(self, name: str) -> Tensor:
        item = fit_batch(self.condition.inputs[name], len(self.x)).to(self.x.device)
        return self._cut(item) if name in self.condition.on_grid else item

    @property
    def counts_everywhere(self) -> bool:
        return self.area is None and self.condition.mask is None and self.rest is None and self.condition.strength > 0

    def cover(self, weights: Tensor) -> None:
        """Add what it counts to [B, 1, h, w] of the whole latent."""
        self._cut(weights).add_(self.weight(self.latent))

    def put(self, clean: Tensor, into: Tensor, weights: Tensor, gains: Tensor | None) -> None:
        """Add its guess, and what it counts; `gains` where those of its side count another number of times."""
        weight = self.weight(clean)
        counted = weight if gains is None else weight * self.condition.gain
        self._cut(into).add_(clean * counted)
        self._cut(weights).add_(weight)
        if gains is not None:
            self._cut(gains).add_(counted)

    def runs_with(self, other: _Part) -> bool:
        """Both fit into one call."""
        mine, others = self.inputs, other.inputs
        return (
            self.latent.shape == other.latent.shape
            and self.net == other.net
            and self.condition.control is other.condition.control
            and self.condition.boxes is other.condition.boxes
            and mine.keys() == others.keys()
            and all(self._fits(mine[name], others[name], name) for name in mine)
        )

    def _fits(self, one: Tensor, other: Tensor, name: str) -> bool:
        return one.shape == other.shape or (
            name == "context" and self.condition.may_repeat_text and _can_have_one_length(one, other)
        )

    def _cut(self, tensor: Tensor) -> Tensor:
        return tensor if self.area is None else self.area.cut(tensor)

    def weight(self, clean: Tensor) -> Tensor:
        """How much its guess counts, [1 or B, 1, h, w] of its piece."""
        if self.rest is not None:
            return self._cut(self.rest)
        strength = clean.new_full((1, 1, *clean.shape[-2:]), self.condition.strength)
        if self.condition.mask is not None:
            mask = fit_batch(self.condition.mask, len(clean)).to(clean)[:, None]
            return self._cut(mask) * self.condition.strength
        if self.area is not None:
            _fade(strength, self.area, *self.x.shape[-2:])
        return strength


@dataclass(eq=False)
class _Gaps:
    """Tells once of each side where its conditions leave something out."""

    note: Callable[[str], None]
    looked_at: set[Hashable] = field(default_factory=set)
    told: set[str] = field(default_factory=set)

    def look(self, name: str, parts: Sequence[_Part], weights: Tensor, level: float) -> None:
        """
        Args:
            parts: those of the side that count at the level. weights: what they count, [B, 1, h, w].
        """
        key = (name, *(part.condition for part in parts))
        if name in self.told or key in self.looked_at or any(part.counts_everywhere for part in parts):
            return
        self.looked_at.add(key)
        missing = float((weights <= 0).float().mean())
        if not parts:
            self.note(
                say(
                    "{name}: none of its texts counts at noise level {level:.4g}, so nothing steers the "
                    "picture there; let one count in every part of the run",
                    name=name,
                    level=level,
                )
            )
        elif missing:
            self.note(
                say(
                    "{name}: its texts leave {share:.0%} of the picture out, where nothing steers it; "
                    "combine them with a text for all of it",
                    name=name,
                    share=max(missing, 0.01),
                )
            )
        if missing:
            self.told.add(name)


def _left_over(parts: Sequence[_Part], x: Tensor) -> Tensor | None:
    """What the weights of a side's conditions lack to 1 at each place, [B, 1, h, w]; None = nothing anywhere."""
    covered = torch.zeros_like(x[:, :1])
    for part in parts:
        part.cover(covered)
    rest = (1 - covered).clamp(min=0)
    return rest if bool(rest.any()) else None


def _fade(weight: Tensor, area: Area, height: int, width: int) -> None:
    """Make the weight rise from each side of the area that does not lie on the latent's own border."""
    for axis, (size, start, end) in enumerate(((area.height, area.top, height), (area.width, area.left, width)), -2):
        cells = min(FADE_CELLS, size // 4)
        if cells == 0:
            continue
        rise = torch.arange(1, cells + 1, device=weight.device, dtype=weight.dtype) / cells
        rise = rise[:, None] if axis == -2 else rise
        if start > 0:
            weight.narrow(axis, 0, cells).mul_(rise)
        if start + size < end:
            weight.narrow(axis, size - cells, cells).mul_(rise.flip(0 if axis == -2 else -1))


def _can_have_one_length(one: Tensor, other: Tensor) -> bool:
    if one.ndim != 3 or other.ndim != 3 or one.shape[2] != other.shape[2]:
        return False
    lengths = (one.shape[1], other.shape[1])
    return math.lcm(*lengths) <= MOST_REPEATS * min(lengths)


def _batches(parts: Sequence[_Part]) -> list[list[_Part]]:
    batches: list[list[_Part]] = []
    for part in parts:
        for batch in batches:
            if all(part.runs_with(other) for other in batch):
                batch.append(part)
                break
        else:
            batches.append([part])
    return batches


def _join(batch: Sequence[_Part], level: float, known: _Known) -> Call:
    first, x = batch[0].condition, batch[0].x
    key = (x.shape, x.device, "joined", *(part.condition for part in batch))
    if key not in known:
        known[key] = {}
        for name in batch[0].inputs:
            tensors = [part.inputs[name] for part in batch]
            known[key][name] = torch.cat(same_length(*tensors) if name == "context" else tensors)
    sides = tuple(part.side for part in batch for _ in range(len(part.latent)))
    areas = tuple(part.area for part in batch)
    height, width = x.shape[-2:]
    conditions = tuple(part.condition for part in batch)
    return Call(
        known[key],
        sides,
        first.control,
        level,
        areas,
        first.on_grid,
        (height, width),
        conditions=conditions,
        net=batch[0].net,
    )


def same_length(*contexts: Tensor) -> tuple[Tensor, ...]:
    """Contexts [N, T, D] repeated along T to the least common multiple of their lengths.

    Attention gives the same result for a sequence and for its repetition, so nothing is lost or added.
    """
    length = math.lcm(*(context.shape[1] for context in contexts))
    return tuple(context.repeat(1, length // context.shape[1], 1) for context in contexts)
