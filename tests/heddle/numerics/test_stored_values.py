"""Values of wires come back from disk as they were, and nothing else is taken for one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from heddle.graph.errors import FileProblem
from heddle.numerics.stored_values import read_value, to_bytes


def there_and_back(value: Any, path: Path) -> Any:
    data = to_bytes(value)
    assert data is not None
    path.write_bytes(data)
    return read_value(path)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.bool, torch.uint8])
def test_tensors_come_back_bit_for_bit(dtype: torch.dtype, tmp_path: Path) -> None:
    tensor = (torch.randn(2, 3, 4) * 10).to(dtype)
    back = there_and_back(tensor, tmp_path / "a")
    assert back.dtype == dtype and torch.equal(back, tensor)


def test_what_lies_around_tensors_comes_back_with_its_kinds(tmp_path: Path) -> None:
    shared = torch.arange(6.0).reshape(2, 3)
    value = [
        {"samples": shared, "seeds": (1, 2**70), "name": "x", "tuple": {"dict": None}},
        [shared.t(), {"pooled": shared[0], "on": True, "nan": float("inf")}],
        (),
        None,
    ]
    back = there_and_back(value, tmp_path / "a")
    assert isinstance(back[0]["seeds"], tuple) and back[0]["seeds"] == (1, 2**70)
    assert back[0]["tuple"] == {"dict": None} and back[1][1]["on"] is True and back[2] == () and back[3] is None
    assert torch.equal(back[0]["samples"], shared) and torch.equal(back[1][0], shared.t())
    assert torch.equal(back[1][1]["pooled"], shared[0])


def test_a_value_without_tensors_can_be_stored(tmp_path: Path) -> None:
    assert there_and_back([["a"], None], tmp_path / "a") == [["a"], None]


@pytest.mark.parametrize("value", [object(), {1: 2}, [torch.nn.Linear(1, 1)], {"f": print}, {1, 2}])
def test_what_cannot_be_written_down_is_refused(value: Any) -> None:
    assert to_bytes(value) is None


def test_a_damaged_file_is_a_clear_error(tmp_path: Path) -> None:
    data = to_bytes({"a": torch.ones(8)})
    assert data is not None
    for broken in (b"", data[:20], data[:-4], b"x" * 100, data.replace(b"heddle.value", b"heddle.other")):
        (tmp_path / "a").write_bytes(broken)
        with pytest.raises(FileProblem):
            read_value(tmp_path / "a")
