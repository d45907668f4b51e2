import itertools

import numpy as np
import pytest

from heddle.graph.errors import GraphError
from heddle.numerics.curves import CurveInput, LinearCurve, MonotoneCubicCurve

POINTS = [(0.0, 0.1), (0.2, 0.1), (0.5, 0.9), (0.6, 0.4), (1.0, 1.0)]


@pytest.mark.parametrize("kind", [LinearCurve, MonotoneCubicCurve])
def test_a_curve_goes_through_its_points_and_on_level_beyond_them(kind: type[CurveInput]):
    curve = kind(reversed(POINTS))
    assert curve.points == POINTS
    for x, y in POINTS:
        assert curve.interp(x) == pytest.approx(y)
    assert curve.interp(-3) == pytest.approx(0.1) and curve.interp(7) == pytest.approx(1.0)


@pytest.mark.parametrize("points", [POINTS, [(0.0, 0.0), (0.5, 0.05), (0.6, 0.9), (1.0, 1.0)]])
def test_no_piece_goes_beyond_its_two_points(points: list[tuple[float, float]]):
    curve = MonotoneCubicCurve(points)
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        heights = curve.interp_array(np.linspace(x0, x1, 101))
        assert np.all(np.diff(heights) * np.sign(y1 - y0) >= -1e-12)


def test_a_smooth_curve_has_the_mean_slope_at_its_points():
    curve = MonotoneCubicCurve([(0, 0), (0.5, 0.4), (1, 1)])
    slope = (curve.interp(0.5 + 1e-6) - curve.interp(0.5 - 1e-6)) / 2e-6
    assert slope == pytest.approx((0.8 + 1.2) / 2, rel=1e-4)


def test_two_points_are_a_straight_line_and_one_is_level():
    assert MonotoneCubicCurve([(0, 0), (1, 1)]).to_lut(5).tolist() == pytest.approx([0, 0.25, 0.5, 0.75, 1])
    assert MonotoneCubicCurve([(0.3, 0.7)]).to_lut(3).tolist() == [0.7] * 3
    assert LinearCurve([(0, 0), (0.5, 1), (1, 0)]).to_lut(5).tolist() == pytest.approx([0, 0.5, 1, 0.5, 0])


def test_what_the_editor_keeps_is_read():
    kept = {"points": [[0, 0], [1, 1]], "interpolation": "linear"}
    curve = CurveInput.from_raw(kept)
    assert isinstance(curve, LinearCurve) and CurveInput.from_raw(curve) is curve
    assert isinstance(CurveInput.from_raw({**kept, "interpolation": "monotone_cubic"}), MonotoneCubicCurve)
    assert CurveInput.from_raw([[0.5, 1], [0, 2]]).points == [(0.0, 2.0), (0.5, 1.0)]


@pytest.mark.parametrize("value", [None, 3, "ab", [], [[1]], {"points": [[0, float("nan")]]}, {"no": 1}])
def test_what_is_no_curve_is_refused(value: object):
    with pytest.raises(GraphError, match="curve"):
        CurveInput.from_raw(value)
