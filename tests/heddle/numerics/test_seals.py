"""A seal breaks whenever a value changes in place, and only then."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from heddle.numerics.seals import copy_of, memory_of, seal_of


def picture() -> torch.Tensor:
    return torch.rand(2, 37, 41, 3, generator=torch.Generator().manual_seed(1))


def flip(x: torch.Tensor) -> None:
    x.copy_(x.flip(1))


def swap_channels(x: torch.Tensor) -> None:
    x[..., [0, 2]] = x[..., [2, 0]].clone()


def swap_pictures(x: torch.Tensor) -> None:
    x.copy_(x[[1, 0]])


def one_value(x: torch.Tensor) -> None:
    x[1, 20, 3, 1] = x[1, 20, 3, 1].nextafter(x.new_tensor(9))


def last_value(x: torch.Tensor) -> None:
    x[-1, -1, -1, -1] = 0


@pytest.mark.parametrize("change", [flip, swap_channels, swap_pictures, one_value, last_value])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_change_in_place_breaks_the_seal(change: Any, dtype: torch.dtype) -> None:
    x = picture().to(dtype)
    before = seal_of(x)
    assert seal_of(x) == before
    change(x)
    assert seal_of(x) != before


def test_a_change_of_what_lies_around_breaks_the_seal() -> None:
    value = [[torch.ones(2), {"strength": 1.0}], {"samples": torch.zeros(3)}]
    before = seal_of(value)
    value[0][1]["strength"] = 0.5
    assert seal_of(value) != before
    before = seal_of(value)
    value[1]["noise_mask"] = torch.ones(1)
    assert seal_of(value) != before


def test_views_and_odd_tensors_have_seals() -> None:
    x = picture()
    assert seal_of(x[:, 1:, 2:]) == seal_of(x[:, 1:, 2:].clone())
    for odd in (torch.zeros(0), torch.tensor(True), torch.arange(5, dtype=torch.int8), x.to_sparse(), x.to("meta")):
        assert seal_of(odd) == seal_of(odd)
    bytes_ = torch.arange(200, dtype=torch.uint8)[3:]
    before = seal_of(bytes_)
    bytes_[100] += 1
    assert seal_of(bytes_) != before


def test_a_copy_shares_no_memory() -> None:
    value = {"samples": torch.ones(4), "list": [torch.zeros(2)], "pair": (torch.ones(1), "x")}
    copied = copy_of(value)
    assert set(memory_of(value)).isdisjoint(memory_of(copied))
    assert seal_of(value) == seal_of(copied)
    view = value["samples"][1:]
    assert set(memory_of(view)) <= set(memory_of(value))


def test_arrays_are_watched_as_tensors_are() -> None:
    array = np.arange(5000, dtype=np.float32).reshape(50, 100)
    before = seal_of([array])
    assert seal_of([array.copy()]) == before
    array[3, 4] += 1
    assert seal_of([array]) != before
    array.flags.writeable = False
    assert seal_of(array) == seal_of(array)
    tensor = torch.from_numpy(np.zeros(8, np.float32))
    assert set(memory_of(tensor)) == set(memory_of(tensor.numpy()[2:]))
    assert set(memory_of(copy_of(array))).isdisjoint(memory_of(array))
    assert seal_of(np.array(["a", object()], dtype=object)) is not None
