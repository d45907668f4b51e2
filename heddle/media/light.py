"""From light to the values of sRGB, for pictures whose numbers are light."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Red, green, blue and white of ITU-R BT.709 (which are those of sRGB) and of BT.2020, as x and y each (CIE 1931).
BT_709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
BT_2020 = (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290)

_SAME = 1e-3  # between coordinates: less than anybody sees, more than files round
_MOST = 65_504.0  # the largest number of 16 bits, which an infinite one mostly was

#: From XYZ to what the cones see, by Bradford: ICC.1:2022, annex E.
_CONES = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def finite(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """With 0 for what is no number, and the infinite cut off."""
    return np.nan_to_num(values, nan=0.0, posinf=_MOST, neginf=0.0)


def srgb_of_light(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """The values of sRGB for linear light, 1 = white; the curve goes on beyond 1, and mirrored below 0.

    Source: IEC 61966-2-1.
    """
    size = np.abs(light)
    curved = np.float32(1.055) * size ** np.float32(1 / 2.4) - np.float32(0.055)
    return np.copysign(np.where(size <= 0.0031308, size * np.float32(12.92), curved), light)


def to_bt_709(light: NDArray[np.float32], primaries: tuple[float, ...]) -> NDArray[np.float32]:
    """Linear light [H, W, C] in the primaries of BT.709. Grey, and what has them already, comes back as it is.

    Source: SMPTE RP 177, and Bradford's adaptation where white is another.

    Raises: ValueError, if these are the coordinates of no colours.
    """
    if light.shape[-1] != 3 or np.allclose(primaries, BT_709, atol=_SAME):
        return light
    try:
        there, here = _to_cones(primaries), _to_cones(BT_709)
        turn = np.linalg.solve(here, np.diag(here.sum(axis=1) / there.sum(axis=1)) @ there)
    except np.linalg.LinAlgError as error:
        raise ValueError("its colours have no coordinates") from error
    if not np.isfinite(turn).all():
        raise ValueError("its colours have no coordinates")
    return light @ turn.T.astype(np.float32)


def _to_cones(primaries: tuple[float, ...]) -> NDArray[Any]:
    """What the cones see of one unit of each primary; together they are white of luminance 1."""
    colours = np.array([[x, y, 1 - x - y] for x, y in zip(primaries[::2], primaries[1::2], strict=True)]).T
    white = colours[:, 3] / colours[1, 3] if colours[1, 3] else np.full(3, np.nan)
    parts = colours[:, :3] * np.linalg.solve(colours[:, :3], white)
    return _CONES @ parts
