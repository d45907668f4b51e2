"""What values on wires weigh."""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from heddle.numerics.sizes import SMALL_BYTES, bytes_of
from heddle.numerics.videos import VideoComponents, VideoFromComponents, VideoFromFile


def test_tensors_and_arrays_count_with_their_bytes_and_shared_ones_once() -> None:
    tensor = torch.zeros(10)
    assert bytes_of({"a": tensor, "b": [tensor[2:]], "c": np.zeros(5), "d": object()}) == 40 + 40 + SMALL_BYTES


@pytest.mark.timeout(10)
def test_a_value_that_holds_itself_has_an_end() -> None:
    circle: list[Any] = [torch.zeros(10)]
    circle += [circle, {"again": circle}]
    assert bytes_of(circle) == 40


@dataclass
class Hint:
    picture: torch.Tensor
    strength: float = 1.0
    before: Hint | None = None


@dataclass(slots=True)
class Slim:
    picture: torch.Tensor


@dataclass(frozen=True)
class Net:
    counts_as_small: ClassVar[bool] = True
    weights: torch.Tensor


def test_what_dataclasses_hold_counts_at_any_depth_and_shared_memory_once() -> None:
    picture = torch.zeros(1000)
    conditioning = [[torch.zeros(10), {"control": Hint(picture, before=Hint(picture[5:])), "slim": Slim(picture * 2)}]]
    assert bytes_of(conditioning) == 40 + 4000 + 4000 + 3 * SMALL_BYTES


def test_a_dataclass_that_holds_itself_has_an_end() -> None:
    hint = Hint(torch.zeros(10))
    hint.before = hint
    assert bytes_of(hint) == 40 + 2 * SMALL_BYTES


def test_videos_count_with_their_frames_their_sound_or_the_bytes_of_their_file() -> None:
    sound = {"waveform": torch.zeros(1, 2, 100), "sample_rate": 8000}
    video = VideoFromComponents(VideoComponents(torch.zeros(3, 8, 8, 3), Fraction(24), sound))
    assert 0 <= bytes_of(video) - 4 * (3 * 8 * 8 * 3 + 200) <= 8 * SMALL_BYTES
    in_memory = VideoFromFile(io.BytesIO(bytes(5000)))
    assert 0 <= bytes_of(in_memory) - 5000 <= 8 * SMALL_BYTES


def test_weights_and_objects_of_which_nothing_is_known_count_as_small() -> None:
    class Packs:
        def __init__(self) -> None:
            self.net = torch.zeros(1000)

    assert bytes_of([Packs(), Net(torch.zeros(1000)), Hint]) == 3 * SMALL_BYTES
