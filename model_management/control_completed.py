"""Control nets whose files leave out what the model has: differences from it, and weights that are simply its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from heddle.graph.errors import WeightsError
from heddle.graph.said import say
from model_management.handles import Model
from model_management.stored_net import StoredNet
from model_management.stored_tensors import TensorEntry
from model_management.stored_weight import StoredWeight
from model_management.tensor_reading import open_tensors
from model_management.weight_patches import WeightPatch, open_patches

UP, DOWN = ".up", ".down"


@dataclass(frozen=True)
class DifferenceNet(StoredNet):
    """A net whose file says how it differs from another; what the other does not have is whole in the file."""

    base: StoredNet

    @property
    def key(self) -> tuple[object, ...]:
        return (*super().key, *self.base.key)

    @property
    def shared(self) -> list[str]:
        """The names of weights that the base has, too."""
        return [name for name in self.shapes if name in self.base.shapes]

    def check_base(self) -> None:
        """Raises: WeightsError, if the base has other sizes."""
        for name in self.shared:
            if self.shapes[name] != self.base.shapes[name]:
                raise _of_another_model(self, name, self.shapes[name], self.base, self.base.shapes[name])

    @contextmanager
    def open_stored(self, *, is_mapped: bool = True) -> Iterator[Callable[[str], StoredWeight]]:
        with super().open_stored(is_mapped=is_mapped) as read_own, self.base.open() as read_base:
            shared = set(self.shared)

            def read(name: str) -> StoredWeight:
                own = read_own(name)
                return StoredWeight.plain(own.numbers().float() + read_base(name)) if name in shared else own

            yield read


@dataclass(frozen=True)
class CompletedNet(StoredNet):
    """A net that takes from a model's network what its own file does not have.

    Where the file has two narrow factors, `.up` and `.down`, their product is added to the network's weight; what it
    has whole counts alone.

    base_patches: what changes the network's weights; it counts here as well.
    """

    base: StoredNet
    base_patches: tuple[WeightPatch, ...] = ()

    @property
    def key(self) -> tuple[object, ...]:
        return (*super().key, *self.base.key, *(patch.key for patch in self.base_patches))

    @cached_property
    def borrowed(self) -> frozenset[str]:
        """Names of the weights that the file does not have whole."""
        return frozenset(name for name in self.shapes if self.key_of(name) not in self.header)

    @property
    def used_keys(self) -> set[str]:
        whole = [self.part.place(name).keys for name in self.shapes if name not in self.borrowed]
        factors = [self._factors(name) for name in self.borrowed]
        return {self.part.prefix + key for keys in whole for key in keys} | {key for keys in factors for key in keys}

    def entry(self, name: str) -> TensorEntry:
        return self.base.entry(name) if name in self.borrowed else super().entry(name)

    def position(self, name: str) -> tuple[int, int]:
        if name not in self.borrowed:
            return super().position(name)
        file, begin = self.base.position(name)
        return file + len(self.header.shards) + 1, begin

    def check(self) -> None:
        for name, shape in self.shapes.items():
            if name not in self.borrowed:
                wanted, found = self.part.place(name).whole_shape(shape), self._found_shape(name)
            else:
                # Raises where neither has it.
                wanted, found = shape, self.base.shapes.get(name) or self.header.shape(self.key_of(name))
                factors = [self.header.shape(key) for key in self._factors(name)]
                if factors and found == wanted:
                    (rows, inner, *_), (depth, *columns) = factors
                    found = (rows, *columns) if inner == depth else (rows, inner, depth, *columns)
            if found != wanted:
                raise _of_another_model(self, name, found, self.base, wanted)

    @contextmanager
    def open(self) -> Iterator[Callable[[str], Tensor]]:
        with (
            open_tensors(self.header) as own,
            self.base.open() as read_base,
            open_patches(self.base_patches) as change,
        ):

            def read(name: str) -> Tensor:
                if name not in self.borrowed:
                    return self.part.place(name).read(own.get_tensor, self.part.prefix)
                weight = change(name, read_base(name)) if self.base_patches else read_base(name)
                factors = [own.get_tensor(key).float().flatten(1) for key in self._factors(name)]
                if factors:
                    up, down = factors
                    weight = weight.float() + (up @ down).reshape(weight.shape)
                return weight

            yield read

    @contextmanager
    def open_stored(self, *, is_mapped: bool = True) -> Iterator[Callable[[str], StoredWeight]]:
        with self.open() as read:
            yield lambda name: StoredWeight.plain(read(name))

    def _factors(self, name: str) -> list[str]:
        """The keys of the two narrow factors that are added to a weight, if the file has them."""
        module, _, kind = self.key_of(name).rpartition(".")
        if kind != "weight" or f"{module}{UP}" not in self.header:
            return []
        return [f"{module}{UP}", f"{module}{DOWN}"]


def completed(net: StoredNet, config: object, model: Model) -> CompletedNet:
    """A net of a file, with what is missing there from a model's network, changed as that is.

    Raises: WeightsError, if the two do not fit together, or neither has a tensor.
    """
    whole = CompletedNet(net.role, net.header, net.part, config, model.stored, model.weight_patches)
    whole.check()
    return whole


def _of_another_model(
    net: StoredNet, name: str, found: tuple[int, ...], base: StoredNet, wanted: tuple[int, ...]
) -> WeightsError:
    return WeightsError(
        say(
            "{file} goes with another kind of model: {name} has shape {found}, but {wanted} in {base}; "
            "choose a model of the family that the control net was made for",
            file=net.header.path.name,
            name=name,
            found=list(found),
            wanted=list(wanted),
            base=base.header.path.name,
        ),
        file=net.header.path,
        key=name,
    )
