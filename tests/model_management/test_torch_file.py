"""Files of torch.save, read in both of their forms."""

import argparse
import struct
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from heddle.graph.errors import WeightsError
from model_management.header import read_header
from model_management.tensor_reading import open_tensors, read_torch_content
from tests.model_management.pickle_files import BOTH, described, in_older_form, in_zip, save, some_tensors, tensors_of


def same(got: Tensor, want: Tensor) -> bool:
    if got.dtype != want.dtype or got.shape != want.shape:
        return False
    return got.contiguous().flatten().view(torch.uint8).equal(want.contiguous().flatten().view(torch.uint8))


@BOTH
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_tensor_comes_back_as_it_was(tmp_path: Path, is_zip: bool, protocol: int) -> None:
    wanted = some_tensors()
    path = save(tmp_path / "m.ckpt", wanted, is_zip, protocol)
    got = tensors_of(path)
    assert list(got) == list(wanted)
    assert [name for name in wanted if not same(got[name], wanted[name])] == []
    assert {name: entry.shape for name, entry in read_header(path).tensors.items()} == {
        name: tuple(tensor.shape) for name, tensor in wanted.items()
    }


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2, torch.uint16])
def test_types_without_a_storage_of_their_own_come_back_too(tmp_path: Path, dtype: torch.dtype) -> None:
    wanted = torch.arange(8).to(dtype).view(2, 4)
    assert same(tensors_of(save(tmp_path / "m.pt", {"a": wanted}))["a"], wanted)


@BOTH
def test_parameters_modules_and_arrays_are_tensors(tmp_path: Path, is_zip: bool) -> None:
    linear = nn.Linear(2, 3)
    content = {
        "parameter": linear.weight,
        "array": np.arange(6, dtype=np.float32).reshape(2, 3),
        "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "big": np.arange(3, dtype=">f4"),
        "objects": np.array([{}, []], dtype=object),
    }
    got = tensors_of(save(tmp_path / "m.bin", content, is_zip))
    assert list(got) == ["parameter", "array", "columns"]
    assert same(got["parameter"], linear.weight.data)
    assert same(got["array"], torch.arange(6.0).view(2, 3))
    assert same(got["columns"], torch.arange(6.0, dtype=torch.float64).view(2, 3))
    assert list(tensors_of(save(tmp_path / "s.pth", linear.state_dict(), is_zip))) == ["weight", "bias"]


@BOTH
def test_what_a_training_keeps_beside_its_weights_is_passed_over(tmp_path: Path, is_zip: bool) -> None:
    net = nn.Linear(2, 3)
    adam = torch.optim.Adam(net.parameters())
    net(torch.ones(1, 2)).sum().backward()
    adam.step()
    content = {
        "state_dict": net.state_dict(),
        "optimizer_states": [adam.state_dict()],
        "epoch": 7,
        "loss": np.float64(0.5),
        "args": argparse.Namespace(lr=1e-4, path=Path("x")),
        "counts": defaultdict(int, a=1),
        "device": torch.device("cpu"),
        "shape": torch.Size([1, 2]),
        "seen": {1, 2, frozenset({3})},
        ("a", 1): b"bytes",
        "name": "toy",
    }
    header = read_header(save(tmp_path / "m.ckpt", content, is_zip))
    assert list(header.tensors) == ["weight", "bias"]
    assert header.metadata == {"epoch": "7", "name": "toy"}


def test_a_trainers_own_classes_are_passed_over(tmp_path: Path) -> None:
    callback = b"cpytorch_lightning.callbacks.model_checkpoint\nModelCheckpoint\n"
    made = callback + b")\x81}X\x01\x00\x00\x00xK\x01sb"  # one of them, with its state
    path = in_zip(tmp_path / "m.ckpt", described()[:-1] + callback + b"}s" + b"X\x01\x00\x00\x00b" + made + b"s.")
    assert list(read_header(path).tensors) == ["a"]


@pytest.mark.parametrize(
    ("wrap", "names"),
    [
        (lambda table: table, ["a.w", "b"]),
        (lambda table: {"state_dict": table}, ["a.w", "b"]),
        (lambda table: {"model": {"state_dict": table}}, ["a.w", "b"]),
        (lambda table: {"module": table, "step": torch.tensor([])} | {"step": 1}, ["a.w", "b"]),
        (lambda table: {"state_dict": {f"module.{name}": each for name, each in table.items()}}, ["a.w", "b"]),
        (lambda table: {"state_dict": table, "ema": table}, ["a.w", "b", "ema.a.w", "ema.b"]),
        (lambda table: {"params": table, "params_ema": table}, ["a.w", "b", "params_ema.a.w", "params_ema.b"]),
        (lambda table: {8: (table, {"c": table["b"]}), "name": "x"}, ["8.0.a.w", "8.0.b", "8.1.c"]),
        (lambda table: [table, table["b"], 3], ["0.a.w", "0.b", "1"]),
        (lambda table: {"string_to_param": {"*": table["b"]}}, ["string_to_param.*"]),
        (lambda table: {"model": table, "scale": table["b"]}, ["model.a.w", "model.b", "scale"]),
    ],
)
def test_the_networks_table_is_found_in_others(tmp_path: Path, wrap: Any, names: list[str]) -> None:
    path = save(tmp_path / "m.ckpt", wrap({"a.w": torch.ones(2), "b": torch.zeros(3)}))
    assert sorted(read_header(path).tensors) == sorted(names)


def test_averages_keep_their_names_within_the_table(tmp_path: Path) -> None:
    table = {"model.diffusion_model.a": torch.ones(1), "model_ema.diffusion_modela": torch.zeros(1)}
    assert list(read_header(save(tmp_path / "m.ckpt", {"state_dict": table})).tensors) == list(table)


def test_weights_are_mapped_and_not_read(tmp_path: Path) -> None:
    path = save(tmp_path / "m.ckpt", {"a": torch.zeros(50_000_000), "b": torch.ones(2)})
    began = time.process_time()
    header = read_header(path)
    with open_tensors(header) as tensors:
        assert float(tensors.get_tensor("b")[0]) == 1
    assert time.process_time() - began < 0.5
    assert header.tensors["a"].end - header.tensors["a"].begin == 200_000_000


def test_a_tensor_outlives_its_file_and_leaves_it_alone(tmp_path: Path) -> None:
    path = save(tmp_path / "m.ckpt", {"a": torch.ones(1000)})
    before = path.read_bytes()
    tensor = tensors_of(path)["a"]
    tensor += 1
    assert path.read_bytes() == before
    path.unlink()
    assert float(tensor.sum()) == 2000


def test_a_file_that_changed_is_not_read_by_its_old_header(tmp_path: Path) -> None:
    header = read_header(save(tmp_path / "m.ckpt", {"a": torch.ones(3)}))
    save(tmp_path / "m.ckpt", {"a": torch.ones(4000)})
    with pytest.raises(WeightsError, match="has changed"), open_tensors(header):
        pass


def test_small_files_are_read_whole(tmp_path: Path) -> None:
    vectors = torch.randn(2, 3)
    path = save(
        tmp_path / "e.pt",
        {"string_to_param": {"*": vectors}, "name": "x", "list": [vectors, (1, None)], "d": torch.device("cpu")},
    )
    content = read_torch_content(path)
    assert (content["name"], content["list"][1], content["d"]) == ("x", [1, None], None)
    assert torch.equal(content["string_to_param"]["*"], vectors) and torch.equal(content["list"][0], vectors)


def test_views_of_the_oldest_form_are_read(tmp_path: Path) -> None:
    """Such files kept a tensor's view as a storage of its own, with the place in the one that it is a part of."""
    (tmp_path / "m.pt").write_bytes(
        in_older_form(described(count=4, view=("v", 1, 3), shape=(3,)), {"0": [1, 2, 3, 4]})
    )
    assert tensors_of(tmp_path / "m.pt")["a"].tolist() == [2, 3, 4]


def test_a_file_written_by_hand_is_read(tmp_path: Path) -> None:
    path = in_zip(tmp_path / "m.pt", described(offset=1, shape=(3,)), {"0": struct.pack("<4f", 1, 2, 3, 4)})
    assert tensors_of(path)["a"].tolist() == [2, 3, 4]
