"""What values on wires weigh."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from heddle.numerics.sizes import SMALL_BYTES, bytes_of


def test_tensors_and_arrays_count_with_their_bytes_and_shared_ones_once() -> None:
    tensor = torch.zeros(10)
    assert bytes_of({"a": tensor, "b": [tensor[2:]], "c": np.zeros(5), "d": object()}) == 40 + 40 + SMALL_BYTES


@pytest.mark.timeout(10)
def test_a_value_that_holds_itself_has_an_end() -> None:
    circle: list[Any] = [torch.zeros(10)]
    circle += [circle, {"again": circle}]
    assert bytes_of(circle) == 40
