"""Files as torch.save makes them, and such as it never would."""

import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._utils import _rebuild_tensor_v2

from model_management.header import read_header
from model_management.tensor_reading import open_tensors

BOTH = pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "older form"])


def save(path: Path, content: Any, is_zip: bool = True, protocol: int = 2) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=is_zip, pickle_protocol=protocol)
    return path


def tensors_of(path: Path) -> dict[str, Tensor]:
    """All tensors of a file, in order."""
    header = read_header(path)
    with open_tensors(header) as tensors:
        return {name: tensors.get_tensor(name) for name in header.tensors}


def some_tensors() -> dict[str, Tensor]:
    torch.manual_seed(1)
    base = torch.randn(6, 8)
    return {
        "plain": torch.randn(3, 4),
        "one": torch.tensor(3.5),
        "none": torch.empty(0, 3),
        "nan": torch.tensor([float("nan"), float("inf")]),
        "turned": base.t(),
        "part": base[2:4, 1:5],
        "repeated": base[:1].expand(6, 8),
        "parameter": nn.Parameter(torch.randn(2, 3)).data,
        "half": torch.randn(5).half(),
        "bf16": torch.randn(3).bfloat16(),
        "f64": torch.randn(3).double(),
        "long": torch.arange(5),
        "byte": torch.arange(3, dtype=torch.uint8),
        "bool": torch.tensor([True, False, True]),
        "complex": torch.randn(2, dtype=torch.complex64),
    }


class _Storage:
    def __init__(self, *identity: Any) -> None:
        self.identity = identity


class _Tensor:
    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments

    def __reduce__(self) -> Any:
        return _rebuild_tensor_v2, self.arguments


class _Pickler(pickle.Pickler):
    def persistent_id(self, obj: Any) -> Any:
        return obj.identity if isinstance(obj, _Storage) else None


def described(
    *,
    offset: Any = 0,
    shape: Any = (4,),
    strides: Any = (1,),
    count: Any = 4,
    key: Any = "0",
    kind: Any = torch.FloatStorage,
    view: Any = None,
) -> bytes:
    """The pickle of {"a": a tensor so described}, in torch.save's words."""
    storage = _Storage("storage", kind, key, "cpu", count, *([view] if view else []))
    file = io.BytesIO()
    _Pickler(file, protocol=2).dump({"a": _Tensor(storage, offset, shape, strides, False, OrderedDict())})
    return file.getvalue()


def in_zip(
    path: Path,
    content: bytes,
    storages: Mapping[str, bytes] | None = None,
    compression: int = 0,
    more: Mapping[str, bytes] | None = None,
) -> Path:
    """A file as torch.save lays it out, with this pickle in it."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("m/data.pkl", content)
        for key, each in ({"0": bytes(16)} if storages is None else storages).items():
            archive.writestr(f"m/data/{key}", each)
        for name, each in (more or {}).items():
            archive.writestr(f"m/{name}", each)
    return path


def in_older_form(content: bytes, storages: Mapping[Any, Sequence[float]], **machine: Any) -> bytes:
    """The same in torch.save's older form. The storages hold float32."""
    head = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True, **machine})
    parts = [pickle.dumps(each, protocol=2) for each in head]
    parts += [content, pickle.dumps(list(storages), protocol=2)]
    parts += [struct.pack(f"<q{len(each)}f", len(each), *each) for each in storages.values()]
    return b"".join(parts)
