"""Weights out of a file whose header was read: one way for all kinds of files.

Files are mapped, so that a tensor costs no memory before it is touched; what is given out lies in the mapping and is
valid as long as somebody holds it. Who asks for it gets tensors that are read into memory of their own instead.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from io import FileIO
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, Protocol, TypeAlias

import torch
from torch import Tensor

from heddle.graph.errors import WeightsError
from heddle.graph.said import say
from heddle.numerics.number_blocks import BLOCK_KINDS
from model_management.pickled import INERT
from model_management.stored_tensors import Header, NamedEntry, TensorEntry, refuse, refuse_changed, stamp_of
from model_management.stored_weight import StoredWeight
from model_management.torch_file import TorchFile, read_torch_file
from model_management.torch_header import is_tensor, tensor_entry
from model_management.torch_pickle import HeldArray, Letters, StorageRef

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "F8_E8M0": torch.float8_e8m0fnu,
    "F8_E4M3FNUZ": torch.float8_e4m3fnuz,
    "F8_E5M2FNUZ": torch.float8_e5m2fnuz,
    "C64": torch.complex64,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "BOOL": torch.bool,
    "U64": torch.uint64,
    "U32": torch.uint32,
    "U16": torch.uint16,
    "U8": torch.uint8,
}

#: The bytes of a file from one place up to another.
FindBytes: TypeAlias = Callable[[int, int], Tensor]

_DEEPEST = 20  # values in values
_MOST_VALUES = 1_000_000


class OpenTensors(Protocol):
    """The tensors of an open file. Threads may read side by side."""

    def get_tensor(self, name: str, /) -> Tensor:
        """One by its name in the header. It is not to be changed in place."""
        ...

    def get_stored(self, name: str, /) -> StoredWeight:
        """The same in the form in which it is stored."""
        ...


@contextmanager
def open_tensors(header: Header, *, is_mapped: bool = True) -> Iterator[OpenTensors]:
    """The file's tensors, readable until the block ends.

    Args:
        is_mapped: else each is read when it is asked for; that is quickest in the order in which they lie there.
    Raises: WeightsError, if the file has changed since its header was read, or cannot be read.
    """
    if stamp_of(header.path) != header.stamp:
        refuse_changed(header.stamp)
    from safetensors import SafetensorError, safe_open  # naming and checking files works without it

    try:
        if header.shards:
            with ExitStack() as stack:
                opened = [
                    (shard, stack.enter_context(open_tensors(shard, is_mapped=is_mapped))) for shard in header.shards
                ]
                places = {name: tensors for shard, tensors in opened for name in shard.tensors}
                yield _Joined(places, header.file_names)
        elif not is_mapped:
            with header.path.open("rb", buffering=0) as file:
                pieces = _Pieces(header, file)
                yield _Opened(header, lambda stored: _raw(pieces.read, stored.entry))
        elif header.kind == "safetensors":
            with safe_open(header.path, framework="pt") as tensors:
                yield _Opened(header, lambda stored: tensors.get_tensor(stored.name))
        else:
            find = _map(header.path)
            yield _Opened(header, lambda stored: _raw(find, stored.entry))
    except (OSError, SafetensorError) as problem:
        raise WeightsError(
            say("{file} cannot be read: {why}", file=header.path.name, why=problem), file=header.path
        ) from problem


def data_start(header: Header, file: BinaryIO) -> int:
    """From which byte of a file the places in its header are counted."""
    if header.kind != "safetensors":
        return 0
    file.seek(0)
    return 8 + int.from_bytes(file.read(8), "little")  # behind the header


def read_torch_content(path: Path) -> Any:
    """All that a small torch.save file holds: dicts, lists, numbers, texts, and tensors with memory of their own.

    What is left of other objects is None.

    Raises: WeightsError, for a file that is damaged or names code.
    """
    try:
        file = read_torch_file(stamp_of(path))
        return _Content(file, _map(file.stamp.path)).value("it", file.content, 0)
    except OSError as problem:
        raise WeightsError(say("{file} cannot be read: {why}", file=path.name, why=problem), file=path) from problem


class _Opened:
    """Reads what is stored as other numbers than it stands for, too."""

    def __init__(self, header: Header, read: Callable[[NamedEntry], Tensor]) -> None:
        self._header, self._read = header, read

    def get_tensor(self, name: str, /) -> Tensor:
        return self.get_stored(name).numbers()

    def get_stored(self, name: str, /) -> StoredWeight:
        entry = self._header.tensors[name]
        raw = self._read(NamedEntry(self._header.file_names.get(name, name), entry))
        kind = entry.dtype if entry.dtype in BLOCK_KINDS else None
        if kind is None and raw.dtype != (dtype := DTYPES.get(entry.dtype, torch.float32)):
            raw = raw.view(dtype)  # the file calls them bytes
        scale = None if entry.scale is None else self._read(entry.scale).float()
        return StoredWeight(raw, entry.shape, scale, kind)


class _Joined:
    """Tensors of several files."""

    def __init__(self, places: Mapping[str, OpenTensors], file_names: Mapping[str, str]) -> None:
        self._places, self._file_names = places, file_names

    def get_tensor(self, name: str, /) -> Tensor:
        name = self._file_names.get(name, name)
        return self._places[name].get_tensor(name)

    def get_stored(self, name: str, /) -> StoredWeight:
        name = self._file_names.get(name, name)
        return self._places[name].get_stored(name)


class _Content:
    """Values of a torch.save file with their tensors in place."""

    def __init__(self, file: TorchFile, find: FindBytes) -> None:
        self._file, self._find = file, find
        self._values_left = _MOST_VALUES
        self._bytes_left = 2 * file.stamp.size_bytes  # a storage may be shared, but not by everything

    def value(self, name: str, value: Any, depth: int) -> Any:
        self._values_left -= 1
        if depth > _DEEPEST or self._values_left < 0:
            refuse(self._file.stamp, say("damaged: {name} holds itself, or far too much", name=name[:100]))
        if is_tensor(value):
            entry = tensor_entry(self._file, name, value)
            self._bytes_left -= math.prod(entry.shape) * DTYPES[entry.dtype].itemsize
            if self._bytes_left < 0:
                refuse(self._file.stamp, say("damaged: its tensors take far more room than the file"))
            return _raw(self._find, entry).clone()
        if isinstance(value, dict):
            return {
                key: self.value(key if isinstance(key, str) else name, each, depth + 1) for key, each in value.items()
            }
        if isinstance(value, HeldArray | StorageRef | Letters) or value is INERT:
            return None
        if isinstance(value, list | tuple):
            return [self.value(name, each, depth + 1) for each in value]
        return value


class _Pieces:
    """Reads parts of a file. Threads take turns."""

    def __init__(self, header: Header, file: FileIO) -> None:
        self._file, self._start, self._lock = file, data_start(header, file), Lock()
        self._last: tuple[int, int, Tensor] | None = None  # weights of three layers may lie in one tensor

    def read(self, begin: int, end: int) -> Tensor:
        with self._lock:
            if self._last is None or self._last[:2] != (begin, end):
                self._last = (begin, end, self._read_anew(begin, end))
            return self._last[2]

    def _read_anew(self, begin: int, end: int) -> Tensor:
        with torch.inference_mode(False):
            piece = torch.empty(end - begin, dtype=torch.uint8)
        left = piece.numpy().data
        self._file.seek(self._start + begin)
        while left and (count := self._file.readinto(left)):
            left = left[count:]
        if left:
            raise OSError(f"it ends {len(left):,} bytes too early")
        return piece


def _map(path: Path) -> FindBytes:
    """The file as memory, which goes when nothing of it is held any more. Writing into it leaves the file alone."""
    with path.open("rb") as file:
        # Torch warns of memory that cannot be written.
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    return lambda begin, end: torch.frombuffer(mapped, dtype=torch.uint8, count=end - begin, offset=begin)


def _raw(find: FindBytes, entry: TensorEntry) -> Tensor:
    """Numbers in the tensor's layout, or the bytes of its blocks."""
    is_blocks = entry.dtype in BLOCK_KINDS
    dtype = torch.uint8 if is_blocks else DTYPES.get(entry.dtype, torch.float32)
    if entry.begin == entry.end:
        return torch.empty((0,) if is_blocks else entry.shape, dtype=dtype)
    if entry.held is not None:
        raw = torch.frombuffer(bytearray(entry.held), dtype=torch.uint8)
    else:
        raw = find(entry.begin, entry.end)
        if raw.data_ptr() % dtype.itemsize:
            raw = raw.clone()  # numbers of several bytes must lie at a multiple of their size
    if is_blocks:
        return raw
    numbers = raw.view(dtype)
    return numbers.view(entry.shape) if entry.strides is None else numbers.as_strided(entry.shape, entry.strides)
