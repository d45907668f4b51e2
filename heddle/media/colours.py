"""Colours as people write them."""

from __future__ import annotations

import re
from typing import Any

from PIL import ImageColor

from heddle.graph.errors import GraphError
from heddle.graph.said import say


def read_colour(text: Any, name: str) -> tuple[float, float, float, float]:
    """Red, green, blue and opacity, 0..1, of `#rrggbb`, `#rrggbbaa`, the short forms of both, or a CSS name.

    Args:
        name: of the input that it stands in, for the message.
    Raises: GraphError, if it is no colour.
    """
    written = str(text).strip()
    try:
        found = ImageColor.getrgb(
            f"#{written}" if re.fullmatch(r"[0-9A-Fa-f]{6}([0-9A-Fa-f]{2})?", written) else written
        )
    except ValueError as problem:
        words = "{name} is {value!r}, but a colour like #ff8800 is wanted"
        raise GraphError(say(words, name=name, value=written), input_name=name, found=text) from problem
    red, green, blue, *opacity = found
    return red / 255, green / 255, blue / 255, opacity[0] / 255 if opacity else 1.0
