"""A file's header: its tensors, before any weight is read. That of a safetensors file is read here.

The format (https://huggingface.co/docs/safetensors): 8 bytes with the length n of the header, little-endian; n bytes of
JSON; the weights, one after the other without a gap. A file that breaks a rule is refused here, in words for people.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from heddle.graph.errors import WeightsError
from heddle.graph.said import say
from heddle.prompts.gguf_file import MAGIC
from model_management.gguf_header import read_gguf_header
from model_management.scaled_tensors import with_scales
from model_management.sharded_header import index_beside, is_index, read_sharded_header
from model_management.stored_tensors import BITS, Header, Stamp, TensorEntry, refuse, stamp_of
from model_management.torch_file import is_torch_file
from model_management.torch_header import read_torch_header

LARGEST_HEADER_BYTES = 100_000_000  # the format's own limit
LARGEST_NOTE_BYTES = 1 << 20  # of what a tensor says in words
LENGTH_BYTES = 8

# The first bytes of files that are met under a model's name, what they are, and what to do then.
STRANGERS = (
    (
        b"version https://git-lfs",
        say("a git-lfs pointer, not the file itself"),
        say("run `git lfs pull`, or download the file"),
    ),
    (b"\x1f\x8b", say("a gzip file"), say("unpack it first")),
    (b"7z\xbc\xaf", say("a 7-zip file"), say("unpack it first")),
    (b"Rar!", say("a rar file"), say("unpack it first")),
    (
        b"<",
        say("a web page, most likely an error or login page saved as the file"),
        say("download the file again, logged in"),
    ),
    (b"{", say("a JSON text"), say("get the .safetensors file that belongs to it")),
)


def read_header(path: Path | str) -> Header:
    """Read and check the header of a file: safetensors, torch.save (.ckpt, .pt, .pth, .bin) or GGUF.

    No weight is read, and nothing of the file is executed. Where weights lie in several files, their index or any of
    them stands for all.

    Raises: WeightsError, for a file that is missing, cut short, damaged or something else.
    """
    path = Path(path)
    index = path if is_index(path) else index_beside(path)
    return _read_one(stamp_of(path)) if index is None else read_sharded_header(index, _read_one)


def _read_one(stamp: Stamp) -> Header:
    try:
        with stamp.path.open("rb") as file:
            start = file.read(64)
            if is_torch_file(start):
                return _scaled(read_torch_header(stamp), file, 0)
            if start.startswith(MAGIC) and start[LENGTH_BYTES : LENGTH_BYTES + 1] != b"{":
                return read_gguf_header(stamp)
            _refuse_strangers(stamp, start)
            length = int.from_bytes(start[:LENGTH_BYTES], "little")
            if length > LARGEST_HEADER_BYTES:
                refuse(
                    stamp,
                    say("no safetensors file: its first bytes promise a header of {length:,} bytes", length=length),
                )
            if LENGTH_BYTES + length > stamp.size_bytes:
                refuse(
                    stamp,
                    say(
                        "cut short: its header alone is {length:,} bytes, the file {size:,}",
                        length=length,
                        size=stamp.size_bytes,
                    ),
                )
            file.seek(LENGTH_BYTES)
            tensors, metadata = _parse(stamp, file.read(length))
            _check_places(stamp, tensors, stamp.size_bytes - LENGTH_BYTES - length)
            return _scaled(Header(stamp, tensors, metadata), file, LENGTH_BYTES + length)
    except OSError as problem:
        raise WeightsError(
            say("{path} cannot be read: {why}", path=stamp.path, why=problem.strerror or problem), file=stamp.path
        ) from problem


def _scaled(header: Header, file: BinaryIO, begin: int) -> Header:
    """The header with scales beside the weights that have one; `begin` is where entries are counted from."""

    def read_bytes(entry: TensorEntry) -> bytes:
        file.seek(begin + entry.begin)
        return file.read(min(entry.end - entry.begin, LARGEST_NOTE_BYTES))

    return replace(header, tensors=with_scales(header.stamp, header.tensors, header.metadata, read_bytes))


def _refuse_strangers(stamp: Stamp, start: bytes) -> None:
    if not start:
        refuse(stamp, say("empty"))
    if len(start) <= LENGTH_BYTES:
        refuse(stamp, say("cut short: it has only {count} bytes", count=len(start)))
    for magic, found, next_step in STRANGERS:
        # A length's lowest byte can be any number: a real header still opens with a brace after it.
        if start.lstrip().startswith(magic) and start[LENGTH_BYTES : LENGTH_BYTES + 1] != b"{":
            refuse(stamp, found, next_step=next_step)


def _parse(stamp: Stamp, text: bytes) -> tuple[dict[str, TensorEntry], dict[str, str]]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        table = dict(pairs)
        if len(table) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            refuse(stamp, say("damaged: its header names {twice} twice", twice=twice), twice)
        return table

    try:
        table = json.loads(text.decode("utf-8"), object_pairs_hook=once)
    except (ValueError, RecursionError):
        refuse(stamp, say("no safetensors file, or a damaged one: its header is no JSON text"))
    if not isinstance(table, dict):
        refuse(stamp, say("no safetensors file: its header is no table of tensors"))
    metadata = table.pop("__metadata__", {})
    if not isinstance(metadata, dict):
        metadata = {}
    tensors = {name: _entry(stamp, name, record) for name, record in table.items()}
    if not tensors:
        refuse(stamp, say("a safetensors file without a tensor"), next_step=say("choose another"))
    return tensors, {name: str(value) for name, value in metadata.items()}


def _entry(stamp: Stamp, name: str, record: Any) -> TensorEntry:
    try:
        dtype, shape, (begin, end) = record["dtype"], tuple(record["shape"]), record["data_offsets"]
    except (KeyError, TypeError, ValueError):
        refuse(stamp, say("damaged: its header does not say type, shape and place of {name}", name=name), name)
    # JSON knows floats and booleans too, and Python counts booleans as whole numbers.
    if any(type(number) is not int or number < 0 for number in (*shape, begin, end)):
        refuse(
            stamp,
            say(
                "damaged: shape {shape} or place {begin}..{end} of {name} is impossible",
                shape=list(shape),
                begin=begin,
                end=end,
                name=name,
            ),
            name,
        )
    if dtype not in BITS:
        refuse(
            stamp,
            say("of a kind not known here: {name} has type {dtype!r}", name=name, dtype=dtype),
            name,
            say("choose another"),
        )
    bits = math.prod(shape) * BITS[dtype]
    if bits != (end - begin) * 8:
        wanted = say("{size:,} bytes for {dtype} {shape}", size=bits // 8, dtype=dtype, shape=list(shape))
        refuse(
            stamp,
            say(
                "damaged: {name} takes {found:,} bytes where {wanted} are wanted",
                name=name,
                found=end - begin,
                wanted=wanted,
            ),
            name,
        )
    return TensorEntry(dtype, shape, begin, end)


def _check_places(stamp: Stamp, tensors: Mapping[str, TensorEntry], data_bytes: int) -> None:
    """The tensors lie one after the other, without gap or overlap, to the very end of the file."""
    reached = 0
    for name, entry in sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end)):
        if entry.begin != reached:
            how = say("overlaps the one before it") if entry.begin < reached else say("leaves a gap before it")
            refuse(
                stamp,
                say(
                    "damaged: {name} begins at byte {begin:,} and {how} (byte {reached:,})",
                    name=name,
                    begin=entry.begin,
                    how=how,
                    reached=reached,
                ),
                name,
            )
        reached = entry.end
    if reached > data_bytes:
        refuse(
            stamp,
            say(
                "cut short: {missing:,} of its {reached:,} bytes of weights are missing",
                missing=reached - data_bytes,
                reached=reached,
            ),
        )
    if reached < data_bytes:
        refuse(stamp, say("damaged: {more:,} bytes follow after its last tensor", more=data_bytes - reached))
