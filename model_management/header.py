"""What a safetensors file says about itself before any weight is read: names, shapes, types, places.

The format (https://huggingface.co/docs/safetensors): 8 bytes with the length n of the header, little-endian; n bytes of
JSON; the weights, one after the other without a gap. A file that breaks a rule is refused here, in words for people.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from heddle.graph.errors import WeightsError

LARGEST_HEADER_BYTES = 100_000_000  # the format's own limit
LENGTH_BYTES = 8

BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "U16": 16, "I16": 16, "F16": 16, "BF16": 16, "U32": 32, "I32": 32, "F32": 32,
    "U64": 64, "I64": 64, "F64": 64, "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip

# The first bytes of files that are met under a model's name, what they are, and what to do then.
STRANGERS = (
    (b"PK\x03\x04", "a zip file, as torch.save writes checkpoints (.ckpt, .pt)", "convert it to .safetensors first"),
    (b"\x80", "a Python pickle (.ckpt, .pt), which can run code when opened", "convert it to .safetensors first"),
    (b"GGUF", "a GGUF file", "get the model's .safetensors file instead"),
    (b"version https://git-lfs", "a git-lfs pointer, not the file itself", "run `git lfs pull`, or download the file"),
    (b"\x1f\x8b", "a gzip file", "unpack it first"),
    (b"7z\xbc\xaf", "a 7-zip file", "unpack it first"),
    (b"Rar!", "a rar file", "unpack it first"),
    (b"<", "a web page, most likely an error or login page saved as the file", "download the file again, logged in"),
    (b"{", "a JSON text", "get the .safetensors file that belongs to it"),
)


@dataclass(frozen=True)
class TensorEntry:
    """One tensor of the file. `begin` and `end` count bytes from the end of the header."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True)
class Stamp:
    """Which file this is, in which state. Equal stamps mean equal weights."""

    path: Path
    size_bytes: int
    modified_ns: int


@dataclass(frozen=True)
class Header:
    """Names, shapes and places of a file's tensors."""

    stamp: Stamp
    tensors: Mapping[str, TensorEntry]
    metadata: Mapping[str, str]

    @property
    def path(self) -> Path:
        return self.stamp.path

    def __contains__(self, key: str) -> bool:
        return key in self.tensors

    def shape(self, key: str) -> tuple[int, ...]:
        """The tensor's shape. Raises: WeightsError, if there is none of that name."""
        if key not in self.tensors:
            raise WeightsError(
                f"{self.path.name}: the tensor {key} is missing, which a model of this layout has; "
                "the file is incomplete or of another kind: download it again, or choose another",
                file=self.path,
                key=key,
            )
        return self.tensors[key].shape

    def has_prefix(self, prefix: str) -> bool:
        return any(key.startswith(prefix) for key in self.tensors)


def stamp_of(path: Path) -> Stamp:
    """Raises: WeightsError, if there is no such file or it cannot be looked at."""
    try:
        resolved = path.resolve(strict=True)
        if not resolved.is_file():
            raise WeightsError(f"{path} is a folder, not a model file; name a .safetensors file in it", file=path)
        status = resolved.stat()
    except FileNotFoundError:
        raise WeightsError(f"{path} does not exist; check the name, or put the file there", file=path) from None
    except OSError as problem:
        raise WeightsError(f"{path} cannot be read: {problem.strerror or problem}", file=path) from problem
    return Stamp(resolved, status.st_size, status.st_mtime_ns)


def read_header(path: Path | str) -> Header:
    """Read and check a safetensors file's header; none of its weights.

    Raises: WeightsError, for a file that is missing, cut short, damaged or something else.
    """
    stamp = stamp_of(Path(path))
    try:
        with stamp.path.open("rb") as file:
            start = file.read(64)
            _refuse_strangers(stamp, start)
            length = int.from_bytes(start[:LENGTH_BYTES], "little")
            if length > LARGEST_HEADER_BYTES:
                _refuse(stamp, f"no safetensors file: its first bytes promise a header of {length:,} bytes")
            if LENGTH_BYTES + length > stamp.size_bytes:
                _refuse(stamp, f"cut short: its header alone is {length:,} bytes, the file {stamp.size_bytes:,}")
            file.seek(LENGTH_BYTES)
            text = file.read(length)
    except OSError as problem:
        raise WeightsError(f"{path} cannot be read: {problem.strerror or problem}", file=path) from problem
    tensors, metadata = _parse(stamp, text)
    _check_places(stamp, tensors, stamp.size_bytes - LENGTH_BYTES - length)
    return Header(stamp, tensors, metadata)


def _refuse(stamp: Stamp, found: str, key: str | None = None, next_step: str = "download it again") -> NoReturn:
    raise WeightsError(f"{stamp.path.name} is {found}; {next_step}", file=stamp.path, key=key)


def _refuse_strangers(stamp: Stamp, start: bytes) -> None:
    if not start:
        _refuse(stamp, "empty")
    if len(start) <= LENGTH_BYTES:
        _refuse(stamp, f"cut short: it has only {len(start)} bytes")
    for magic, found, next_step in STRANGERS:
        # A length's lowest byte can be any number: a real header still opens with a brace after it.
        if start.lstrip().startswith(magic) and start[LENGTH_BYTES : LENGTH_BYTES + 1] != b"{":
            _refuse(stamp, found, next_step=next_step)


def _parse(stamp: Stamp, text: bytes) -> tuple[dict[str, TensorEntry], dict[str, str]]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        table = dict(pairs)
        if len(table) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            _refuse(stamp, f"damaged: its header names {twice} twice", twice)
        return table

    try:
        table = json.loads(text.decode("utf-8"), object_pairs_hook=once)
    except (ValueError, RecursionError):
        _refuse(stamp, "no safetensors file, or a damaged one: its header is no JSON text")
    if not isinstance(table, dict):
        _refuse(stamp, "no safetensors file: its header is no table of tensors")
    metadata = table.pop("__metadata__", {})
    if not isinstance(metadata, dict):
        metadata = {}
    tensors = {name: _entry(stamp, name, record) for name, record in table.items()}
    if not tensors:
        _refuse(stamp, "a safetensors file without a tensor", next_step="choose another")
    return tensors, {name: str(value) for name, value in metadata.items()}


def _entry(stamp: Stamp, name: str, record: Any) -> TensorEntry:
    try:
        dtype, shape, (begin, end) = record["dtype"], tuple(record["shape"]), record["data_offsets"]
    except (KeyError, TypeError, ValueError):
        _refuse(stamp, f"damaged: its header does not say type, shape and place of {name}", name)
    # JSON knows floats and booleans too, and Python counts booleans as whole numbers.
    if any(type(number) is not int or number < 0 for number in (*shape, begin, end)):
        _refuse(stamp, f"damaged: shape {list(shape)} or place {begin}..{end} of {name} is impossible", name)
    if dtype not in BITS:
        _refuse(stamp, f"of a kind not known here: {name} has type {dtype!r}", name, "choose another")
    bits = math.prod(shape) * BITS[dtype]
    if bits != (end - begin) * 8:
        wanted = f"{bits // 8:,} bytes for {dtype} {list(shape)}"
        _refuse(stamp, f"damaged: {name} takes {end - begin:,} bytes where {wanted} are wanted", name)
    return TensorEntry(dtype, shape, begin, end)


def _check_places(stamp: Stamp, tensors: Mapping[str, TensorEntry], data_bytes: int) -> None:
    """The tensors lie one after the other, without gap or overlap, to the very end of the file."""
    reached = 0
    for name, entry in sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end)):
        if entry.begin != reached:
            how = "overlaps the one before it" if entry.begin < reached else "leaves a gap before it"
            _refuse(stamp, f"damaged: {name} begins at byte {entry.begin:,} and {how} (byte {reached:,})", name)
        reached = entry.end
    if reached > data_bytes:
        _refuse(stamp, f"cut short: {reached - data_bytes:,} of its {reached:,} bytes of weights are missing")
    if reached < data_bytes:
        _refuse(stamp, f"damaged: {data_bytes - reached:,} bytes follow after its last tensor")
