"""A net whose weights lie in a file: how it is built, checked against the file's header, and filled from it."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, TypeAlias

import torch
from torch import Tensor, nn

from heddle.graph.errors import WeightsError
from heddle.graph.said import say
from heddle.networks.ops import PLAIN, lendable
from heddle.numerics.number_blocks import BLOCK_KINDS
from model_management.family import NetPart
from model_management.stored_tensors import Header, TensorEntry
from model_management.stored_weight import StoredWeight
from model_management.tensor_reading import DTYPES, open_tensors

#: Called with bytes done and bytes in all while weights come in. Raising (to cancel) leaves nothing behind.
OnPart: TypeAlias = Callable[[int, int], None]

FLOATING = {name: DTYPES[name] for name in ("F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2")}
_WIDE = {name: dtype for name, dtype in FLOATING.items() if dtype.itemsize > 1}

READING_THREADS = min(4, os.cpu_count() or 1)


def ignore_parts(done_bytes: int, total_bytes: int) -> None:
    """Tells nobody."""


@dataclass(frozen=True)
class StoredNet:
    """One net of one file. Cheap: it holds names and places, no weight.

    role: "network", "text" or "vae"; the ledger chooses by it which dtype to compute in.
    dtype: what its weights are kept and computed in; None = as the ledger chooses.
    on_cpu: it lies and runs on the CPU, wherever the others do.
    rounded_to: each of its weights is the number of this narrower kind that is nearest to the file's; None = as it is.
        What the file has in blocks or with scales stays, since it was rounded already.
    """

    counts_as_small: ClassVar[bool] = True
    role: str
    header: Header
    part: NetPart
    config: Any
    dtype: torch.dtype | None = field(default=None, kw_only=True)
    on_cpu: bool = field(default=False, kw_only=True)
    rounded_to: torch.dtype | None = field(default=None, kw_only=True)

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for equal nets with equal weights, also where a file was opened twice."""
        return (self.header.stamps, self.part.prefix, self.part.build, self.dtype, self.rounded_to)

    @property
    def is_lendable(self) -> bool:
        """Its weights can be had one by one, each when it is used."""
        return True

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The net's own names and shapes of all tensors that it takes from the file."""
        # A tensor that is not on the meta device has its content from the net itself (numbered positions).
        state = self.build().state_dict()
        return {name: tuple(tensor.shape) for name, tensor in state.items() if tensor.is_meta}

    @cached_property
    def lent_names(self) -> frozenset[str]:
        """Those of them that belong to layers which can be lent their weights."""
        return frozenset(path for path, _layer, _name in lendable(self.build()))

    @cached_property
    def numel(self) -> int:
        """How many weights the net takes from the file."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    @property
    def file_dtype(self) -> torch.dtype | None:
        """The dtype that most of the net's weights have in the file; None, if they are stored in fewer than 16 bits."""
        counts: dict[str, int] = {}
        for name, shape in self.shapes.items():
            dtype = self.entry(name).dtype
            counts[dtype] = counts.get(dtype, 0) + math.prod(shape)
        return _WIDE.get(max(counts, key=lambda dtype: counts[dtype]))

    def key_of(self, name: str) -> str:
        """What the file calls the tensor in which the net's lies."""
        return self.part.prefix + self.part.place(name).key

    @property
    def used_keys(self) -> set[str]:
        """The file's names of all tensors that the net takes from it."""
        return {self.part.prefix + key for name in self.shapes for key in self.part.place(name).keys}

    def entry(self, name: str) -> TensorEntry:
        return self.header.tensors[self.key_of(name)]

    @property
    def names_in_order(self) -> list[str]:
        """The net's own names of its weights in the order in which they lie in the file, or in its files."""
        return sorted(self.shapes, key=self.position)

    def position(self, name: str) -> tuple[int, int]:
        """Where a weight lies: in the how manieth of the net's files, and at which byte of its data."""
        key = self.key_of(name)
        return self._file_numbers.get(self.header.file_names.get(key, key), 0), self.header.tensors[key].begin

    @cached_property
    def _file_numbers(self) -> dict[str, int]:
        return {name: number for number, shard in enumerate(self.header.shards) for name in shard.tensors}

    def check(self) -> None:
        """See that every tensor is there, in the shape that the net has.

        Raises: WeightsError, naming the first that is not. Tensors that the net does not know (averages and optimizer
        state of the training) are left alone.
        """
        file = self.header.path
        for name, shape in self.shapes.items():
            key, wanted = self.key_of(name), self.part.place(name).whole_shape(shape)
            found = self._found_shape(name)
            if found != wanted:
                raise WeightsError(
                    say(
                        "{file}: {key} has shape {found}, but the net that its other tensors describe "
                        "wants {wanted}; the file is damaged or of another kind: download it again, or "
                        "choose another",
                        file=file.name,
                        key=key,
                        found=list(found),
                        wanted=list(wanted),
                    ),
                    file=file,
                    key=key,
                )
            dtype = self.entry(name).dtype
            if dtype not in FLOATING and dtype not in BLOCK_KINDS:
                raise WeightsError(
                    say(
                        "{file}: {key} is stored as {dtype}, but weights of type {types} or in a GGUF "
                        "file's blocks are wanted: choose another file",
                        file=file.name,
                        key=key,
                        dtype=dtype,
                        types=", ".join(FLOATING),
                    ),
                    file=file,
                    key=key,
                )

    def _found_shape(self, name: str) -> tuple[int, ...]:
        """Of what the file has for a tensor of the net. Raises: WeightsError, if it is not there."""
        first, *rest = (self.header.shape(self.part.prefix + key) for key in self.part.place(name).keys)
        odd = next((shape for shape in rest if shape[1:] != first[1:]), None)
        if not rest or odd is not None:
            return odd or first
        return (sum(shape[0] for shape in (first, *rest)), *first[1:])

    def build(self) -> nn.Module:
        """The net on the meta device: its shape without its weights."""
        with torch.device("meta"):
            return self.part.build(self.config, PLAIN)

    def load(self, device: torch.device, dtype: torch.dtype, on_part: OnPart = ignore_parts) -> nn.Module:
        """The net with its weights on the device.

        Each tensor is mapped from the file and copied once, straight into its place, so that nothing is in memory
        twice; the file may be replaced or deleted afterwards. Some tensors are copied side by side: most of the time
        goes into pages of memory that are touched for the first time, which one thread alone does slowly.

        Raises: WeightsError, if the file has changed since its header was read, or cannot be read.
        """
        names = self.names_in_order  # a disk is quickest so
        done_bytes, total_bytes = 0, self.numel * dtype.itemsize
        # Weights made in inference mode could never be trained on; a node that holds them may run in it.
        with torch.inference_mode(False), torch.no_grad():
            net = self.build()
            for name, weight in self._read(names, device, dtype):
                put_tensor(net, name, weight)
                done_bytes += weight.nbytes
                on_part(done_bytes, total_bytes)
            for name, buffer in net.named_buffers():
                put_tensor(net, name, buffer.to(device))
        return net.eval()

    @contextmanager
    def open(self) -> Iterator[Callable[[str], Tensor]]:
        """What reads one weight by the net's own name for it, as it is stored; valid until the block ends.

        Raises: WeightsError, if the file has changed since its header was read, or cannot be read.
        """
        with self.open_stored() as read:

            def numbers(name: str) -> Tensor:
                stored = read(name).numbers()
                # Numbers of 8 bits know no arithmetic.
                return stored if self.rounded_to is None or stored.dtype.itemsize > 1 else stored.float()

            yield numbers

    @contextmanager
    def open_stored(self, *, is_mapped: bool = True) -> Iterator[Callable[[str], StoredWeight]]:
        """The same in the form in which it is stored. What is read stays valid after the block.

        Args:
            is_mapped: see `open_tensors`.
        Raises: WeightsError, if the file has changed since its header was read, or cannot be read.
        """
        with open_tensors(self.header, is_mapped=is_mapped) as tensors:

            def read(name: str) -> StoredWeight:
                stored = self.part.place(name).read_stored(tensors.get_stored, self.part.prefix)
                entry = self.entry(name)
                if self.rounded_to is None or entry.dtype not in FLOATING or entry.scale is not None:
                    return stored
                return StoredWeight.plain(_rounded(stored.raw, self.rounded_to))

            yield read

    def _read(self, names: Sequence[str], device: torch.device, dtype: torch.dtype) -> Iterator[tuple[str, Tensor]]:
        """Copies of the named tensors, in that order, a few of them made at once."""
        with self.open() as read, ThreadPoolExecutor(READING_THREADS) as pool:

            def copy(name: str) -> Tensor:
                # How a thread makes tensors is its own setting, not its starter's.
                with torch.inference_mode(False), torch.no_grad():
                    return read(name).to(device, dtype, copy=True, memory_format=torch.contiguous_format)

            try:
                yield from zip(names, pool.map(copy, names), strict=True)
            finally:
                pool.shutdown(cancel_futures=True)  # after a cancel or an error no more is read


def _rounded(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """The nearest numbers of another kind; the largest of it stand for larger ones."""
    largest = torch.finfo(dtype).max
    wide = weight if weight.dtype.itemsize > 1 else weight.float()  # numbers of 8 bits know no arithmetic
    return wide.clamp(-largest, largest).to(dtype)


def put_tensor(net: nn.Module, name: str, value: Tensor) -> None:
    """Have a parameter or buffer of a net be this tensor."""
    path, _, last = name.rpartition(".")
    module = net.get_submodule(path)
    if last in module._parameters:
        module._parameters[last] = nn.Parameter(value, requires_grad=False)
    else:
        module._buffers[last] = value
