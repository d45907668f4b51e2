"""Files of torch.save (.ckpt, .pt, .pth, .bin): what they hold, and where in them their storages lie.

Two forms: a zip file, uncompressed, with `data.pkl` and a file for each storage; and the older one, four pickles (a
number to know it by, a version, the machine it was made on, the content), a list of the storages' keys, and the
storages, each behind 8 bytes with its length. Nothing of either is executed (`pickled.py`), and no weight is read here.
"""

from __future__ import annotations

import io
import mmap
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from heddle.graph.said import say
from model_management.pickled import LARGEST_PICKLE_BYTES, BadPickle, UnknownNames
from model_management.stored_tensors import Stamp, refuse
from model_management.torch_pickle import LONGEST_KEY, Dtype, StorageRef, read_torch_pickle, storage_of

_ZIP = b"PK\x03\x04"
_PROTOCOLS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_LEGACY_NUMBER = 0x1950A86A20F9469CFC6C
_LEGACY_VERSION = 1001
_LENGTH_BYTES = 8
_LOCAL_HEADER_BYTES = 30
_ENCRYPTED = 1  # a zip entry's flag


class ByteRange(NamedTuple):
    """The bytes of a storage, counted from the file's start."""

    begin: int
    size: int


@dataclass(frozen=True)
class TorchFile:
    """content: as `read_torch_pickle` gives it. places: where the storages that it speaks of lie, by their keys."""

    stamp: Stamp
    content: Any
    places: Mapping[str, ByteRange]


def is_torch_file(start: bytes) -> bool:
    """Whether the first bytes, at least nine, are those of a zip file or a pickle."""
    # The lowest bytes of a safetensors header's length can be any numbers, but a brace follows after it.
    return len(start) > 8 and start[8:9] != b"{" and (start.startswith(_ZIP) or start[:2] in _PROTOCOLS)


def read_torch_file(stamp: Stamp) -> TorchFile:
    """What the file holds, none of its weights. Raises: WeightsError, for one that is damaged, or that names code."""
    try:
        with stamp.path.open("rb") as file:
            start = file.read(64)
            if not is_torch_file(start):
                refuse(stamp, say("no file of torch.save: it is neither a zip file nor a pickle"))
            if start.startswith(_ZIP):
                return _read_zip(stamp)
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                return _read_legacy(stamp, mapped)
    except UnknownNames as problem:
        refuse(
            stamp,
            say(
                "a Python pickle that names more than weights need: {why}. Such names can run code, so nothing "
                "of the file was used",
                why=problem,
            ),
            next_step=say("get its .safetensors version, or convert it with the program that it was made for"),
        )
    except BadPickle as problem:
        refuse(stamp, say("damaged, or no file of weights: {why}", why=problem))


class _Storages:
    """The storages that a content speaks of, as it speaks of them."""

    def __init__(self) -> None:
        self.declared: dict[str, tuple[int, Dtype]] = {}

    def find(self, identity: tuple[Any, ...]) -> StorageRef:
        """`("storage", type, key, device, count)`; the older form adds None or `(key, first, count)` of a view."""
        if len(identity) not in (5, 6) or identity[0] != "storage":
            raise BadPickle(say("its pickle refers to a storage in a way that torch.save never does"))
        _, dtype, key, _, size, *view = identity
        whole = storage_of(key, dtype, size)
        if self.declared.setdefault(whole.key, (whole.size, whole.dtype)) != (whole.size, whole.dtype):
            raise BadPickle(say("its storage {key} is spoken of in two sizes or types", key=whole.key))
        if not view or view[0] is None:
            return whole
        _, first, part = view[0]
        ref = storage_of(key, dtype, part, first)
        if ref.first + ref.size > whole.size:
            raise BadPickle(
                say("a view of storage {key} reaches beyond its {size:,} numbers", key=whole.key, size=whole.size)
            )
        return ref

    def check(self, key: str, size: int) -> None:
        """See that a storage has the size that was said."""
        count, dtype = self.declared[key]
        if size != count * dtype.bytes_each:
            raise BadPickle(
                say(
                    "its storage {key} has {size:,} bytes where {count:,} numbers of type {type} are wanted",
                    key=key,
                    size=size,
                    count=count,
                    type=dtype.name,
                )
            )


def _read_zip(stamp: Stamp) -> TorchFile:
    try:
        with zipfile.ZipFile(stamp.path) as archive, stamp.path.open("rb") as file:
            entries = {info.filename: info for info in archive.infolist()}
            if len(entries) < len(archive.infolist()):
                refuse(stamp, say("damaged: a zip file with two entries of one name"))
            root = min((name for name in entries if name.endswith("/data.pkl")), key=len, default="")[
                : -len("data.pkl")
            ]
            if not root:
                refuse(
                    stamp,
                    say("a zip file, but none that torch.save wrote"),
                    next_step=say("unpack it, or choose another"),
                )
            if f"{root}constants.pkl" in entries:
                refuse(
                    stamp, say("a program (TorchScript), not weights"), next_step=say("get the weights as .safetensors")
                )

            def place_of(name: str) -> ByteRange:
                return _range_in_zip(stamp, file, entries, root + name)

            if f"{root}byteorder" in entries:
                place = place_of("byteorder")
                file.seek(place.begin)
                if file.read(min(place.size, 6)) != b"little":
                    refuse(
                        stamp, say("stored in another byte order than this machine's"), next_step=say("choose another")
                    )
            pickle = place_of("data.pkl")
            if pickle.size > LARGEST_PICKLE_BYTES:
                refuse(stamp, say("damaged: its list of tensors has {size:,} bytes", size=pickle.size))
            file.seek(pickle.begin)
            storages = _Storages()
            content = read_torch_pickle(io.BytesIO(file.read(pickle.size)), storages.find)
            places = {key: place_of(f"data/{key}") for key in storages.declared}
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError, EOFError, struct.error) as problem:
        refuse(stamp, say("a damaged zip file, or cut short ({why})", why=problem))
    for key, place in places.items():
        storages.check(key, place.size)
    return TorchFile(stamp, content, places)


def _range_in_zip(
    stamp: Stamp, file: io.BufferedReader, entries: Mapping[str, zipfile.ZipInfo], name: str
) -> ByteRange:
    """Where an entry's bytes lie, which must be there as they are."""
    info = entries.get(name)
    if info is None:
        refuse(stamp, say("damaged: {name} is missing in it", name=name), name)
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & _ENCRYPTED:
        refuse(
            stamp,
            say("a compressed or encrypted zip file ({name})", name=name),
            name,
            say("pack it anew without compression"),
        )
    file.seek(info.header_offset)
    head = file.read(_LOCAL_HEADER_BYTES)
    begin = info.header_offset + _LOCAL_HEADER_BYTES
    begin += int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")  # its name and extra field
    is_there = len(head) == _LOCAL_HEADER_BYTES and head.startswith(_ZIP)
    if not is_there or info.file_size != info.compress_size or begin + info.file_size > stamp.size_bytes:
        refuse(stamp, say("damaged or cut short: {name} does not lie within it", name=name), name)
    return ByteRange(begin, info.file_size)


def _read_legacy(stamp: Stamp, mapped: Any) -> TorchFile:
    storages = _Storages()

    def none(identity: tuple[Any, ...]) -> StorageRef:
        raise BadPickle(say("its first pickles refer to storages"))

    if read_torch_pickle(mapped, none) != _LEGACY_NUMBER:
        refuse(
            stamp,
            say("a Python pickle that torch.save did not write"),
            next_step=say("choose a .safetensors file instead"),
        )
    version, machine = read_torch_pickle(mapped, none), read_torch_pickle(mapped, none)
    if version != _LEGACY_VERSION or not isinstance(machine, dict) or machine.get("little_endian") is not True:
        refuse(stamp, say("of another version of torch.save, or from a machine of another byte order"))
    content = read_torch_pickle(mapped, storages.find)
    keys = read_torch_pickle(mapped, none)
    if not isinstance(keys, list):
        raise BadPickle(say("its list of storages is none"))
    places: dict[str, ByteRange] = {}
    at = mapped.tell()
    for key in (str(key)[:LONGEST_KEY] for key in keys):
        if key not in storages.declared or key in places:
            raise BadPickle(say("its storage {key} is stored twice or spoken of nowhere", key=key))
        count, dtype = storages.declared[key]
        stored_count = int.from_bytes(mapped[at : at + _LENGTH_BYTES], "little")
        storages.check(key, stored_count * dtype.bytes_each)
        places[key] = ByteRange(at + _LENGTH_BYTES, count * dtype.bytes_each)
        at += _LENGTH_BYTES + places[key].size
        if at > stamp.size_bytes:
            refuse(
                stamp,
                say(
                    "cut short: {missing:,} bytes of storage {key} are missing", missing=at - stamp.size_bytes, key=key
                ),
            )
    if missing := storages.declared.keys() - places.keys():
        refuse(stamp, say("cut short or damaged: {count} of its storages are missing", count=len(missing)))
    return TorchFile(stamp, content, places)
