"""`node_helpers`: conditionings, pictures cut short, channels."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageFile

import node_helpers


def test_a_conditioning_carries_more_values_and_the_old_one_is_as_it_was() -> None:
    old: list[Any] = [["T", {"a": 1, "list": [1]}]]
    new = node_helpers.conditioning_set_values(old, {"b": 2, "list": [2]})
    assert new == [["T", {"a": 1, "b": 2, "list": [2]}]]
    assert node_helpers.conditioning_set_values(old, {"list": [2], "c": [3]}, append=True)[0][1] == {
        "a": 1,
        "list": [1, 2],
        "c": [3],
    }
    assert old == [["T", {"a": 1, "list": [1]}]]


def test_values_for_a_part_of_the_sampling_split_the_conditioning() -> None:
    old: list[Any] = [["T", {}]]
    made = node_helpers.conditioning_set_values_with_timestep_range(old, {"a": 1}, 0.25, 1.0)
    assert made == [
        ["T", {"start_percent": 0.0, "end_percent": 0.25}],
        ["T", {"a": 1, "start_percent": 0.25, "end_percent": 1.0}],
    ]
    late: list[Any] = [["T", {"start_percent": 0.5}]]
    assert node_helpers.conditioning_set_values_with_timestep_range(late, {"a": 1}, 0.0, 0.5) == late


def test_a_picture_that_is_cut_short_is_read_as_far_as_it_goes() -> None:
    target = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(target, "PNG")
    opened = Image.open(io.BytesIO(target.getvalue()[:4000]))
    with pytest.raises(OSError):
        opened.copy().load() if opened.load() else None
    opened = Image.open(io.BytesIO(target.getvalue()[:4000]))
    assert node_helpers.pillow(lambda picture: picture.convert("RGB"), opened).size == (64, 64)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def test_images_get_the_same_number_of_channels() -> None:
    three, four = torch.zeros(1, 2, 2, 3), torch.zeros(1, 2, 2, 4)
    destination, source = node_helpers.image_alpha_fix(four, three)
    assert destination is four and source.shape[-1] == 4 and bool((source[..., 3] == 1).all())
    destination, source = node_helpers.image_alpha_fix(three, four)
    assert (destination.shape[-1], source.shape[-1]) == (3, 3)


def test_words_for_types() -> None:
    assert node_helpers.string_to_torch_dtype("bf16") is torch.bfloat16
    assert node_helpers.string_to_torch_dtype("other") is None
    assert node_helpers.hasher()(b"a").hexdigest()[:8] == "ca978112"
