"""What is known of a file of weights before any weight is read: names, shapes, types, places; the file's state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple, NoReturn

from heddle.graph.errors import WeightsError
from heddle.graph.said import say

BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "U16": 16, "I16": 16, "F16": 16, "BF16": 16, "U32": 32, "I32": 32, "F32": 32,
    "U64": 64, "I64": 64, "F64": 64, "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip


@dataclass(frozen=True)
class TensorEntry:
    """One tensor of the file.

    Attributes:
        begin, end: its bytes, in a safetensors file counted from the end of the header, elsewhere from the start.
        strides: how many numbers lie between neighbours of each dimension; None = one after the other.
        held: its bytes themselves, where they do not lie in the file as they are.
        scale: what all its numbers, or all of one row, are to be multiplied by.
    """

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int
    strides: tuple[int, ...] | None = None
    held: bytes | None = None
    scale: NamedEntry | None = None


class NamedEntry(NamedTuple):
    """A tensor and the name that it has in its file."""

    name: str
    entry: TensorEntry


@dataclass(frozen=True)
class Stamp:
    """Which file this is, in which state. Equal stamps mean equal weights.

    inode: of the file itself, which another one that took its name does not have.
    """

    path: Path
    size_bytes: int
    modified_ns: int
    inode: int | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Header:
    """Names, shapes and places of a file's tensors.

    Attributes:
        file_names: of those tensors that go by another name here than in the file, the name there.
        shards: the files that hold the tensors, where the stamp is that of their index.
    """

    counts_as_small: ClassVar[bool] = True
    stamp: Stamp
    tensors: Mapping[str, TensorEntry]
    metadata: Mapping[str, str]
    kind: Literal["safetensors", "torch", "gguf"] = "safetensors"
    file_names: Mapping[str, str] = field(default_factory=dict)
    shards: tuple[Header, ...] = ()

    @property
    def stamps(self) -> tuple[Stamp, ...]:
        """Those of all its files."""
        return (self.stamp, *(shard.stamp for shard in self.shards))

    @property
    def path(self) -> Path:
        return self.stamp.path

    def __contains__(self, key: str) -> bool:
        return key in self.tensors

    def shape(self, key: str) -> tuple[int, ...]:
        """The tensor's shape. Raises: WeightsError, if there is none of that name."""
        if key not in self.tensors:
            raise WeightsError(
                say(
                    "{file}: the tensor {key} is missing, which a model of this layout has; the file is "
                    "incomplete or of another kind: download it again, or choose another",
                    file=self.path.name,
                    key=key,
                ),
                file=self.path,
                key=key,
            )
        return self.tensors[key].shape

    def renamed(self, new_names: Mapping[str, str]) -> Header:
        """The same file with some tensors under new names, by their present ones; the others are left out."""
        return replace(
            self,
            tensors={new: self.tensors[old] for old, new in new_names.items()},
            file_names={new: self.file_names.get(old, old) for old, new in new_names.items()},
        )

    def below(self, prefix: str) -> Header:
        """What the file holds behind this prefix, by names without it."""
        return self.renamed({key: key.removeprefix(prefix) for key in self.tensors if key.startswith(prefix)})

    def numbered(self, prefix: str) -> int:
        """How many numbers, from 0 on without a gap, stand behind this prefix in names."""
        begun = {key.removeprefix(prefix).partition(".")[0] for key in self.tensors if key.startswith(prefix)}
        return next(number for number in count() if str(number) not in begun)

    def has_prefix(self, prefix: str) -> bool:
        return any(key.startswith(prefix) for key in self.tensors)


def stamp_of(path: Path) -> Stamp:
    """Raises: WeightsError, if there is no such file or it cannot be looked at."""
    try:
        resolved = path.resolve(strict=True)
        if not resolved.is_file():
            raise WeightsError(
                say("{path} is a folder, not a model file; name a .safetensors file in it", path=path), file=path
            )
        status = resolved.stat()
    except FileNotFoundError:
        raise WeightsError(
            say("{path} does not exist; check the name, or put the file there", path=path), file=path
        ) from None
    except OSError as problem:
        raise WeightsError(
            say("{path} cannot be read: {why}", path=path, why=problem.strerror or problem), file=path
        ) from problem
    return Stamp(resolved, status.st_size, status.st_mtime_ns, status.st_ino)


def has_changed(stamp: Stamp) -> bool:
    """Whether another file has its name by now, or other bytes are in it. One that is gone has not changed."""
    now = _look_again(stamp)
    return now is not None and now != stamp


def was_overwritten(stamp: Stamp) -> bool:
    """Whether other bytes are in the very file that was opened, and so in all that is mapped of it."""
    now = _look_again(stamp)
    return now is not None and now != stamp and now.inode == stamp.inode


def refuse_changed(stamp: Stamp) -> NoReturn:
    """Raises: WeightsError, for a file that is not the one whose header was read."""
    raise WeightsError(
        say("{file} has changed since it was opened; run the workflow again to open it anew", file=stamp.path.name),
        file=stamp.path,
    )


def _look_again(stamp: Stamp) -> Stamp | None:
    try:
        status = stamp.path.stat()
    except OSError:
        return None
    return Stamp(stamp.path, status.st_size, status.st_mtime_ns, status.st_ino)


def refuse(stamp: Stamp, found: str, key: str | None = None, next_step: str = "") -> NoReturn:
    """Raises: WeightsError, saying what the file is and what to do then: download it again, if nothing else is said."""
    step = next_step or say("download it again")
    raise WeightsError(
        say("{file} is {found}; {next_step}", file=stamp.path.name, found=found, next_step=step),
        file=stamp.path,
        key=key,
    )
