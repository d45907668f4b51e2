"""Changes of weights that are worked out when a net is held: what they are, and how a net comes to have them.

Each changed weight is worked out in float32 from the net's own and stored in the dtype that the net is computed in. All
others are the very tensors of the net without changes, so a change is undone by holding the handle without it.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeAlias

import torch
from torch import Tensor, nn

from heddle.graph.errors import WeightsError
from heddle.graph.said import say
from model_management.stored_net import OnPart, StoredNet, ignore_parts

#: `(name of the weight, weight float32, strength) -> changed weight`, a new tensor. It may raise WeightsError.
ChangeWeight: TypeAlias = Callable[[str, Tensor, float], Tensor]


class WeightSource(Protocol):
    """Where a change comes from: an adapter's file, another model."""

    @property
    def key(self) -> Hashable:
        """Equal for sources that change any net equally."""
        ...

    @property
    def weights(self) -> Collection[str]:
        """Names of the weights that are changed, those of the net's `state_dict()`."""
        ...

    def open(self) -> AbstractContextManager[ChangeWeight]:
        """What changes the weights, valid until the block ends."""
        ...


@dataclass(frozen=True)
class WeightPatch:
    """Changes the weights of the net that a handle gives. Put in with `with_patch`.

    config: the net's sizes with it, where it changes those; None = it does not.
    """

    counts_as_small: ClassVar[bool] = True
    source: WeightSource
    strength: float = 1.0
    config: Any = None

    @property
    def key(self) -> Hashable:
        return (self.source.key, self.strength)


def changed_weights(stored: StoredNet, patches: Sequence[WeightPatch]) -> set[str]:
    """Names of the weights that the patches change."""
    return {name for patch in patches for name in patch.source.weights if name in stored.shapes}


def changed_numel(stored: StoredNet, patches: Sequence[WeightPatch]) -> int:
    """How many numbers a net needs of its own to have the patches."""
    return sum(math.prod(stored.shapes[name]) for name in changed_weights(stored, patches))


@contextmanager
def open_patches(patches: Sequence[WeightPatch]) -> Iterator[Callable[[str, Tensor], Tensor]]:
    """What makes of a weight the one that all patches together, in order, make of it."""
    with ExitStack() as stack:
        opened = [(patch, stack.enter_context(patch.source.open())) for patch in patches]

        def change(name: str, weight: Tensor) -> Tensor:
            weight = weight.float()
            for patch, change_weight in opened:
                if name in patch.source.weights:
                    weight = change_weight(name, weight, patch.strength)
            return weight

        yield change


def share_weights(net: nn.Module) -> nn.Module:
    """Another net with the very same weights, in which each may be replaced without touching the first."""
    shared: dict[int, nn.Module] = {}

    def share(module: nn.Module) -> nn.Module:
        if id(module) not in shared:
            twin = shared[id(module)] = copy.copy(module)
            twin.__dict__["_parameters"] = dict(module._parameters)
            twin.__dict__["_buffers"] = dict(module._buffers)
            twin.__dict__["_modules"] = {
                name: None if child is None else share(child) for name, child in module._modules.items()
            }
        return shared[id(module)]

    return share(net)


def change_weights(
    net: nn.Module, stored: StoredNet, patches: Sequence[WeightPatch], on_part: OnPart = ignore_parts
) -> None:
    """Replace the weights of a net that patches change.

    Raises: WeightsError, if a file cannot be read or a change makes no finite numbers. Some weights are replaced then.
    """
    names = sorted(changed_weights(stored, patches), key=lambda name: stored.entry(name).begin)
    with torch.inference_mode(False), torch.no_grad(), open_patches(patches) as change:
        done_bytes, total_bytes = 0, changed_numel(stored, patches) * next(net.parameters()).element_size()
        for name in names:
            path, _, last = name.rpartition(".")
            module = net.get_submodule(path)
            old = module._parameters[last]
            assert old is not None
            changed = change(name, old.detach())
            new = torch.empty_like(old) if changed.shape == old.shape else changed.to(old.dtype, copy=True)
            if changed.shape == old.shape:
                new.copy_(changed)  # into the layout that the old one has in memory
            module._parameters[last] = nn.Parameter(new, requires_grad=False)
            done_bytes += new.nbytes
            on_part(done_bytes, max(done_bytes, total_bytes))


def refuse_unless_finite(changed: Tensor, weight: Tensor, file: str, key: str) -> None:
    """Raises: WeightsError, if a change made infinite numbers, or none, of finite ones."""
    if not torch.isfinite(changed).all() and torch.isfinite(weight).all():
        raise WeightsError(
            say(
                "{file}: {key} holds numbers that are not finite, or far too large; the file is damaged "
                "or its training failed: download it again, or choose another",
                file=file,
                key=key,
            ),
            file=file,
            key=key,
        )
