"""Values of declarations as JSON."""

from __future__ import annotations

import enum
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pytest

from heddle.graph.plain import plain, plain_options


class Loud(str):
    def __str__(self) -> str:
        return "LOUD"


class Colour(enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.array([1, 2]), [1, 2]),
        (np.bool_(True), True),
        ({3, 1}, [1, 3]),
        ((1, (2,)), [1, [2]]),
        (range(3), [0, 1, 2]),
        ({"a": 1}.keys(), ["a"]),
        (PurePosixPath("a/b"), "a/b"),
        (Colour.RED, "red"),
        (Loud("quiet"), "quiet"),
        ({1: {"x": None}}, {"1": {"x": None}}),
        ([float("nan"), print], [None, None]),
        (float("inf"), None),
        ([10**4000, 10**5000], [10**4000, None]),
        (2**70, 2**70),
    ],
)
def test_odd_values_become_what_json_knows(value: Any, wanted: Any) -> None:
    made = plain(value)
    assert made == wanted
    assert type(made) is type(wanted)


def test_options_that_say_nothing_outside_of_python_are_left_out() -> None:
    assert plain_options({"call": print, "max": float("inf"), "mine": [b"x"], "kept": False}) == {
        "mine": [None],
        "kept": False,
    }
