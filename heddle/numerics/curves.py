"""Curves through points, 0..1 in both directions, as CURVE wires carry them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heddle.graph.errors import GraphError
from heddle.graph.said import say

CurvePoint = tuple[float, float]


class CurveInput(ABC):
    """A curve. The names are those that packs know.

    Args:
        points: (x, y), in any order; of several with one x the last one counts.
    """

    def __init__(self, points: Iterable[CurvePoint]) -> None:
        found = sorted({float(x): float(y) for x, y in points}.items())
        if not found or not np.isfinite(found).all():
            words = "a curve goes through {found}, but points (x, y) of finite numbers are wanted, at least one"
            raise GraphError(say(words, found=str(found)), found=found, wanted="[[x, y], ...]")
        self._points = found

    @property
    def points(self) -> list[CurvePoint]:
        """From left to right."""
        return list(self._points)

    @abstractmethod
    def interp_array(self, xs: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Its heights at some places; beyond its ends it goes on level."""

    def interp(self, x: float) -> float:
        """Its height at a place."""
        return float(self.interp_array(np.array([x]))[0])

    def to_lut(self, size: int = 256) -> NDArray[np.float64]:
        """Its heights at `size` places from 0 to 1, evenly."""
        return self.interp_array(np.linspace(0, 1, size))

    @staticmethod
    def from_raw(value: Any) -> CurveInput:
        """What the editor keeps, `{"points": [[x, y], ...], "interpolation": "linear" | "monotone_cubic"}`, as a curve.

        Args: value: or the points alone, or a curve, which is given back.
        Raises: GraphError, if it is none of these.
        """
        if isinstance(value, CurveInput):
            return value
        is_linear = isinstance(value, Mapping) and value.get("interpolation") == "linear"
        points = value.get("points") if isinstance(value, Mapping) else value
        try:
            read = [(float(each[0]), float(each[1])) for each in points]  # pyright: ignore[reportOptionalIterable]
        except (TypeError, ValueError, LookupError) as problem:
            words = "a curve is {value}, but its points are wanted, as [[x, y], ...]"
            raise GraphError(say(words, value=str(value)), found=value) from problem
        return LinearCurve(read) if is_linear else MonotoneCubicCurve(read)


class LinearCurve(CurveInput):
    """Straight from point to point."""

    def interp_array(self, xs: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        places, heights = np.array(self._points).T
        return np.interp(xs, places, heights)


class MonotoneCubicCurve(CurveInput):
    """Cubic pieces that never go beyond the two points that they lie between.

    Source: Fritsch and Carlson 1980, Monotone Piecewise Cubic Interpolation.
    """

    def interp_array(self, xs: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        places, heights = np.array(self._points).T
        if len(places) == 1:
            return np.full(np.shape(xs), heights[0])
        widths = np.diff(places)
        slopes = _slopes(np.diff(heights) / widths)
        xs = np.clip(xs, places[0], places[-1])
        at = np.clip(np.searchsorted(places, xs, side="right") - 1, 0, len(widths) - 1)
        width, t = widths[at], (xs - places[at]) / widths[at]
        rise = t * t * (3 - 2 * t)  # Hermite's basis
        bend = width * t * (1 - t) * ((1 - t) * slopes[at] - t * slopes[at + 1])
        return heights[at] + (heights[at + 1] - heights[at]) * rise + bend


def _slopes(secants: NDArray[np.float64]) -> NDArray[np.float64]:
    """At each point the mean of both sides, 0 at a turn, and no more than three times as steep as either side."""
    inner = np.where(secants[:-1] * secants[1:] <= 0, 0.0, (secants[:-1] + secants[1:]) / 2)
    slopes = np.concatenate([secants[:1], inner, secants[-1:]])
    for at, secant in enumerate(secants):
        if secant == 0:
            slopes[at : at + 2] = 0
            continue
        length = np.hypot(slopes[at], slopes[at + 1]) / abs(secant)
        if length > 3:
            slopes[at : at + 2] *= 3 / length
    return slopes
