"""What flows along CONTROL_NET wires, and what a conditioning carries of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from heddle.networks.control import ControlNetConfig
from model_management.stored_net import StoredNet
from model_management.weight_patches import WeightPatch


@dataclass(frozen=True)
class ControlNet:
    """A control net. Held, it gives a `heddle.networks.control.ControlNet`.

    is_pooled: only the mean of each of its residuals counts, which says what and not where.
    """

    stored: StoredNet
    config: ControlNetConfig
    is_pooled: bool = False
    weight_patches: tuple[WeightPatch, ...] = ()

    @property
    def name(self) -> str:
        return self.stored.header.path.name


@dataclass(frozen=True, eq=False)
class Control:
    """A control net with what it is to look at: the "control" of a conditioning's entry.

    hint: [B, H, W, C], 0..1, of any size.
    start_percent, end_percent: the part of a run in which it counts, as shares of the model's levels.
    previous: the control that was applied before it; the residuals of all of them are added.
    """

    net: ControlNet
    hint: Tensor
    strength: float = 1.0
    start_percent: float = 0.0
    end_percent: float = 1.0
    previous: Control | None = None

    def chain(self) -> Iterator[Control]:
        """This one and all that were applied before it, the first one first."""
        if self.previous is not None:
            yield from self.previous.chain()
        yield self


def shared_controls(sides: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
    """The sides with the positive's controls also on the others, where the positive's entries say so.

    Such an entry has "control_apply_to_uncond". The first of them gives its control to the first entry of each other
    side that has no area, and so on in turn; a side where an entry has a control already is left as it is.
    """
    positive = sides.get("positive", ())
    given = [
        more["control"]
        for _states, more in positive
        if more.get("control_apply_to_uncond") and more.get("control") is not None
    ]
    if not given:
        return dict(sides)
    return {name: side if name == "positive" else give_in_turn(side, "control", given) for name, side in sides.items()}


def give_in_turn(side: Sequence[Any], option: str, given: Sequence[Any]) -> Sequence[Any]:
    """A side whose entries without an area have what is given as an option, in turn; more of them if it is more.

    A side where such an entry has the option already is left as it is.
    """
    open_places = [number for number, (_states, more) in enumerate(side) if more.get("area") is None]
    if not open_places or any(side[number][1].get(option) is not None for number in open_places):
        return side
    entries = list(side)
    for turn, value in enumerate(given):
        states, more = side[open_places[turn % len(open_places)]]
        entry = [states, {**more, option: value}]
        if turn < len(open_places):
            entries[open_places[turn]] = entry
        else:
            entries.append(entry)
    return entries
