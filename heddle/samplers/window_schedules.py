"""Where windows lie along something that is longer than one, and how much each of their places counts.

Source: the schedules "static", "uniform" and "looped uniform" and the weights that the documentation of the nodes for
AnimateDiff describes, and the mean of overlapping windows weighted by the distance from their edges in Qiu et al. 2023,
arXiv:2310.15169 (FreeNoise), section 3.2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

#: What counts as nothing where something else counts, and as all where nothing else does.
LEAST_WEIGHT = 1e-6


@dataclass(frozen=True)
class Layout:
    """How windows are laid out.

    size: places in a window, fewer than there are. overlap: how many neighbours share, less than the size.
    stride: windows also skip places, so that they reach further: every second, every fourth, up to so many kinds.
    is_closed: looped windows also lie across the end.
    """

    size: int
    overlap: int = 0
    stride: int = 1
    is_closed: bool = False


#: From a layout, the number of places (more than a window has) and the step of a run to the places of each window.
Schedule = Callable[[Layout, int, int], list[tuple[int, ...]]]


def static(layout: Layout, length: int, step: int) -> list[tuple[int, ...]]:
    """The same at every step, one after the other; the last one is moved back to be as long as the others."""
    starts = range(0, length - layout.overlap, layout.size - layout.overlap)
    lying = dict.fromkeys(min(start, length - layout.size) for start in starts)
    return [tuple(range(start, start + layout.size)) for start in lying]


def batched(layout: Layout, length: int, step: int) -> list[tuple[int, ...]]:
    """Without overlap; the last one may be shorter."""
    starts = range(0, length, layout.size)
    return [tuple(range(start, min(start + layout.size, length))) for start in starts]


def looped_uniform(layout: Layout, length: int, step: int) -> list[tuple[int, ...]]:
    """Moved on at every step; those that reach over the end go on at the beginning."""
    return list(_moving(layout, length, step, is_closed=layout.is_closed))


def standard_uniform(layout: Layout, length: int, step: int) -> list[tuple[int, ...]]:
    """Moved on at every step; those that reach over the end are moved back to it, and none is there twice."""
    windows = [_moved_back(window, length) for window in _moving(layout, length, step, is_closed=False)]
    # What only those had that were moved is nobody's now.
    while missing := sorted(set(range(length)).difference(*windows)):
        start = min(missing[0], length - layout.size)
        windows.append(tuple(range(start, start + layout.size)))
    return list(dict.fromkeys(windows))


def _moved_back(window: tuple[int, ...], length: int) -> tuple[int, ...]:
    if all(before < place for before, place in pairwise(window)):
        return window
    reach = (window[-1] - window[0]) % length
    return tuple((place - window[0]) % length + length - 1 - reach for place in window)


def _moving(layout: Layout, length: int, step: int, *, is_closed: bool) -> Iterator[tuple[int, ...]]:
    share = ordered_halving(step)
    moved = round(length * share)
    for kind in range(min(layout.stride, math.ceil(math.log2(length / layout.size)) + 1)):
        apart = 1 << kind
        if (layout.size - 1) * apart >= length:  # it would meet itself
            return
        first, end = int(share * apart) + moved, length + moved - (0 if is_closed else layout.overlap)
        for start in range(first, end, layout.size * apart - layout.overlap):
            yield tuple((start + place * apart) % length for place in range(layout.size))


def ordered_halving(step: int) -> float:
    """0, 1/2, 1/4, 3/4, 1/8 ...: the binary digits of a number behind the point, the last one first.

    Source: van der Corput 1935, the sequence in base 2.
    """
    share, half = 0.0, 0.5
    while step:
        share += half * (step & 1)
        step, half = step >> 1, half / 2
    return share


SCHEDULES: dict[str, Schedule] = {
    "standard_static": static,
    "standard_uniform": standard_uniform,
    "looped_uniform": looped_uniform,
    "batched": batched,
}


#: From a window, the number of places and the overlap to what each place of the window counts.
Weigh = Callable[[Sequence[int], int, int], list[float]]


def pyramid(window: Sequence[int], length: int, overlap: int) -> list[float]:
    """1 at its ends, one more with each place towards its middle."""
    return [float(1 + min(place, len(window) - 1 - place)) for place in range(len(window))]


def relative(window: Sequence[int], length: int, overlap: int) -> list[float]:
    """Falling from its middle to almost nothing at its ends."""
    middle = (len(window) - 1) / 2
    return [max(0.01, 1 - abs(place - middle) / (middle + 0.005)) for place in range(len(window))]


def flat(window: Sequence[int], length: int, overlap: int) -> list[float]:
    return [1.0] * len(window)


def overlap_linear(window: Sequence[int], length: int, overlap: int) -> list[float]:
    """Rising and falling where it meets its neighbours, the same between; not at the ends of the whole."""
    weights = flat(window, length, overlap)
    ramp = [max(place / max(overlap - 1, 1), LEAST_WEIGHT) for place in range(min(overlap, len(window)))]
    if min(window) > 0:
        weights = ramp + weights[len(ramp) :]
    if max(window) < length - 1:
        weights = weights[: len(window) - len(ramp)] + [1 - rising + LEAST_WEIGHT for rising in ramp]
    return weights


WEIGHTS: dict[str, Weigh] = {"pyramid": pyramid, "relative": relative, "flat": flat, "overlap-linear": overlap_linear}
