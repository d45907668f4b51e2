"""Keyframes: how a strength changes in the course of a run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

#: From 0..1, the share of the way that lies behind, to 0..1, how much of the change has been made.
Ease: TypeAlias = Callable[[float], float]

EASES: Mapping[str, Ease] = {
    "linear": lambda t: t,
    "ease_in": lambda t: t * t,
    "ease_out": lambda t: 1 - (1 - t) ** 2,
    "ease_in_out": lambda t: (1 - math.cos(t * math.pi)) / 2,
}


def spread(first: float, last: float, count: int, ease: str = "linear") -> list[float]:
    """So many numbers from the first to the last, at equal distances of what the ease is given; one is the first."""
    return [first + (last - first) * EASES[ease](i / max(count - 1, 1)) for i in range(count)]


@dataclass(frozen=True)
class Keyframe:
    """From a share of the run on (0..1) a strength is multiplied by this one.

    least_levels: it holds for at least so many levels, also where the next one has begun by then; not if it began
        before the run did.
    """

    strength: float
    start_percent: float = 0.0
    least_levels: int = 1


@dataclass(frozen=True)
class Keyframes:
    """Keyframes in their order. The first holds from the very beginning; without any, the strength is 1."""

    frames: tuple[Keyframe, ...] = ()

    def __iter__(self) -> Iterator[Keyframe]:
        return iter(self.frames)

    def with_frames(self, *more: Keyframe) -> Keyframes:
        """Of those that begin at one time the last added counts."""
        return Keyframes(tuple(sorted((*self.frames, *more), key=lambda frame: frame.start_percent)))

    def strength_at(self, percent: float) -> float:
        """What holds at a share of the run, however many levels are visited."""
        begun = [frame for frame in self.frames if frame.start_percent <= percent] or self.frames[:1]
        return begun[-1].strength if begun else 1.0


NO_KEYFRAMES = Keyframes()


def constant_spans(keyframes: Sequence[Keyframes]) -> list[tuple[float, float]]:
    """The parts of a run, `(start, end)` in 0..1, in which none of these strengths changes; together all of it."""
    starts = sorted({0.0, *(frame.start_percent for each in keyframes for frame in each if frame.start_percent < 1)})
    spans: list[tuple[float, float]] = []
    before: list[float] | None = None
    for start, end in zip(starts, (*starts[1:], 1.0), strict=True):
        strengths = [each.strength_at(start) for each in keyframes]
        if strengths == before:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
        before = strengths
    return spans


class KeyframeCursor:
    """Where one run is in its keyframes. It is asked at falling levels, and goes forward only.

    Args:
        percent_to_sigma: of the network's noise schedule.
        first_sigma: the run's first level.
    """

    def __init__(
        self, keyframes: Keyframes, percent_to_sigma: Callable[[float], float], first_sigma: float = math.inf
    ) -> None:
        frames = keyframes.frames or (Keyframe(1.0),)
        self._strengths = [frame.strength for frame in frames]
        self._starts = [percent_to_sigma(frame.start_percent) for frame in frames]
        self._least = [
            0 if start > first_sigma else frame.least_levels for frame, start in zip(frames, self._starts, strict=True)
        ]
        self._place = 0
        self._levels_held = 0
        self._level: float | None = None

    def strength_at(self, level: float) -> float:
        """The strength at the level that the run is at now. Asked again at the same one it gives the same."""
        if level != self._level:
            self._level = level
            self._advance(level)
            self._levels_held += 1
        return self._strengths[self._place]

    def _advance(self, level: float) -> None:
        if self._levels_held < self._least[self._place]:
            return
        for place in range(self._place + 1, len(self._starts)):
            if self._starts[place] < level:
                return
            self._place, self._levels_held = place, 0
            if self._least[place]:
                return
