"""Merges of nets, worked out weight by weight when the merged net is held; until then nothing is read."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

from torch import Tensor

from heddle.adapters.changes import Change, Difference
from heddle.adapters.merging import Added, Mixed, Subtracted
from heddle.graph.errors import WeightsError
from heddle.graph.said import say
from model_management.handles import Clip, Model, TextEncoder
from model_management.stored_net import StoredNet
from model_management.weight_patches import ChangeWeight, WeightPatch, open_patches, refuse_unless_finite

How: TypeAlias = Literal["mix", "add", "subtract"]

#: How a net that reads more channels differs from one that reads fewer: an inpainting model from its base.
_MOST_THAT_DIFFER = 1


@dataclass(frozen=True)
class OtherNet:
    """The weights of another net, with what changes them, and what is done with them.

    shares: of a mix, what share of the first net stays, by the beginnings of weights' names; the longest that fits
        counts, the first one where none does.
    """

    stored: StoredNet
    patches: tuple[WeightPatch, ...]
    how: How
    shares: tuple[tuple[str, float], ...] = ()

    @property
    def key(self) -> Hashable:
        return (self.how, self.stored.key, *(patch.key for patch in self.patches), self.shares)

    @property
    def weights(self) -> Collection[str]:
        return self._weights

    @cached_property
    def _weights(self) -> Collection[str]:
        if self.how != "mix":
            return self.stored.shapes.keys()
        return {name for name in self.stored.shapes if self._share(name) != 1}

    @contextmanager
    def open(self) -> Iterator[ChangeWeight]:
        with self.stored.open() as read, open_patches(self.patches) as change:

            def change_weight(name: str, weight: Tensor, strength: float, /) -> Tensor:
                if self.stored.shapes[name] != tuple(weight.shape):
                    return weight
                other = change(name, read(name).to(weight.device))
                changed = self._change(name, other).apply(weight, strength)
                refuse_unless_finite(changed, weight, self.stored.header.path.name, self.stored.key_of(name))
                return changed

            yield change_weight

    def _change(self, name: str, other: Tensor) -> Change:
        match self.how:
            case "mix":
                return Mixed(other, self._share(name))
            case "add":
                return Added(other)
            case "subtract":
                return Subtracted(other)

    def _share(self, name: str) -> float:
        fitting = [entry for entry in self.shares if name.startswith(entry[0])]
        return max(fitting, key=lambda entry: len(entry[0]))[1] if fitting else self.shares[0][1]


@dataclass(frozen=True)
class NetDifference:
    """What another net has over the one that is changed, as both lie in their files: W + s·(V - W0).

    Weights of other shapes are left alone.
    """

    other: StoredNet
    own: StoredNet

    @property
    def key(self) -> Hashable:
        return ("difference", self.other.key, self.own.key)

    @property
    def weights(self) -> Collection[str]:
        return self._weights

    @cached_property
    def _weights(self) -> Collection[str]:
        return {name for name, shape in self.own.shapes.items() if self.other.shapes.get(name) == shape}

    @contextmanager
    def open(self) -> Iterator[ChangeWeight]:
        with self.other.open() as read, self.own.open() as read_own:

            def change_weight(name: str, weight: Tensor, strength: float, /) -> Tensor:
                theirs, mine = (each(name).to(weight.device).float() for each in (read, read_own))
                changed = Difference(theirs - mine).apply(weight, strength)
                refuse_unless_finite(changed, weight, self.other.header.path.name, self.other.key_of(name))
                return changed

            yield change_weight


def net_difference(other: StoredNet, own: StoredNet) -> NetDifference:
    """Raises: WeightsError, if the two are no nets of one family and size."""
    _see_that_they_fit(own, other)
    return NetDifference(other, own)


def merge_models(
    first: Model, second: Model, how: How, shares: Mapping[str, float] | None = None, strength: float = 1.0
) -> Model:
    """The first model with the second one's weights brought in, each with what is in it.

    Args:
        how: mix (share·first + (1 - share)·second), add (first + second), or subtract (strength·(first - second)).
        shares: of a mix, by beginnings of names in the published layout, `""` for all; the first where none fits.
    Raises: WeightsError, if the two are no models of one family and size.
    """
    patch = _other(first.stored, second.stored, second.weight_patches, how, shares, strength)
    return first.with_patch(_name(how, second.stored), patch)


def merge_clips(
    first: Clip, second: Clip, how: How, shares: Mapping[str, float] | None = None, strength: float = 1.0
) -> Clip:
    """The same with text encoders; the second is to have those of the first.

    Raises: WeightsError, if it has not, or they are of other sizes.
    """
    patches = {}
    for encoder in first.encoders:
        other: TextEncoder | None = second.encoder(encoder.part.name)
        if other is None:
            raise WeightsError(
                say(
                    "{file} has no text encoder {encoder!r}, which the first has; merge text encoders of one family",
                    file=second.encoders[0].stored.header.path.name,
                    encoder=encoder.part.name,
                ),
                file=second.encoders[0].stored.header.path,
            )
        patches[encoder.part.name] = _other(encoder.stored, other.stored, other.weight_patches, how, shares, strength)
    return first.with_patch(_name(how, second.encoders[0].stored), patches)


def _name(how: How, other: StoredNet) -> str:
    return f"{how} {other.header.path.name}"


def _other(
    first: StoredNet,
    second: StoredNet,
    patches: Sequence[WeightPatch],
    how: How,
    shares: Mapping[str, float] | None,
    strength: float,
) -> WeightPatch:
    _see_that_they_fit(first, second)
    entries = tuple((shares or {"": 0.5}).items()) if how == "mix" else ()
    return WeightPatch(OtherNet(second, tuple(patches), how, entries), strength)


def _see_that_they_fit(first: StoredNet, second: StoredNet) -> None:
    differing = [name for name, shape in first.shapes.items() if second.shapes.get(name) != shape] + [
        name for name in second.shapes if name not in first.shapes
    ]
    if len(differing) > _MOST_THAT_DIFFER:
        name = differing[0]
        raise WeightsError(
            say(
                "{first} and {second} cannot be merged: {count} weights differ in shape, such as {name} "
                "with {first_shape} and {second_shape}; choose two models of one family",
                first=first.header.path.name,
                second=second.header.path.name,
                count=len(differing),
                name=name,
                first_shape=_shape(first, name),
                second_shape=_shape(second, name),
            ),
            file=second.header.path,
            key=name,
        )


def _shape(net: StoredNet, name: str) -> str:
    return str(list(net.shapes[name])) if name in net.shapes else say("none")
