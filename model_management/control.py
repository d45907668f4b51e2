"""What flows along CONTROL_NET wires, and what a conditioning carries of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from torch import Tensor

from heddle.graph.errors import GraphError
from heddle.graph.said import say
from heddle.networks.residuals import Residuals
from model_management.handles import Model, Vae
from model_management.stored_net import StoredNet
from model_management.weight_patches import WeightPatch

#: What sizes of networks are called when a control net was made for others.
SIZES = {
    "width": say("width"),
    "head_width": say("head width"),
    "context_width": say("context width"),
    "vector_width": say("vector width"),
    "widths": say("widths"),
    "blocks": say("blocks"),
}


@dataclass(frozen=True)
class PixelHint:
    """For nets that look at pixels.

    channels: 3, or 1 for nets that look at grey pictures.
    px_per_cell: side in pixels of the square of a hint that one latent position stands for.
    multiple_px: its height and width are multiples of it.
    """

    channels: int = 3
    px_per_cell: int = 8
    multiple_px: int = 1


@dataclass(frozen=True)
class LatentHint:
    """For nets that look at the latent of a hint.

    has_mask: a mask is joined to it, 1 = keep.
    has_shift: it is in the network's units; only scaled to them otherwise.
    prepare: from a hint, 0..1, to the picture that the net was trained on.
    """

    has_mask: bool = False
    has_shift: bool = True
    prepare: Callable[[Tensor], Tensor] | None = None


#: From a control net's config and a model to what of the two does not agree: (what, found, wanted), or None.
FindMisfit: TypeAlias = Callable[[Any, Model], "tuple[str, object, object] | None"]


@dataclass(frozen=True)
class ControlKind:
    """What control nets of one layout have in common, for whoever runs them.

    made_for: the family, as people call it.
    reads: the inputs that it takes of those that the network is given.
    misfit: see `FindMisfit`.
    hint: what it looks at.
    place: from what it gives and the config of the model's network to what that is to add, block by block.
    types: the words of the node that says what a hint shows, and the number that the net knows each by.
    complete: gives a net whose file leaves out what the model has the model's own; None = its file is complete.
    """

    made_for: str
    reads: tuple[str, ...]
    misfit: FindMisfit
    hint: PixelHint | LatentHint
    place: Callable[[Residuals, Any], Residuals] = lambda residuals, config: residuals
    types: Mapping[str, int] = field(default_factory=dict)
    complete: Callable[[ControlNet, Model], ControlNet] | None = None

    @property
    def looks_at_mask(self) -> bool:
        return isinstance(self.hint, LatentHint) and self.hint.has_mask


@dataclass(frozen=True)
class ControlNet:
    """A control net or an adapter that acts as one. Held, it gives a net of `heddle.networks`.

    is_pooled: only the mean of each of its residuals counts, which says what and not where.
    type: what the hint shows, by the net's own number; None leaves it to the net.
    """

    stored: StoredNet
    kind: ControlKind
    is_pooled: bool = False
    type: int | None = None
    weight_patches: tuple[WeightPatch, ...] = ()

    @property
    def name(self) -> str:
        return self.stored.header.path.name

    @property
    def config(self) -> Any:
        return self.stored.config

    def told(self, word: str) -> ControlNet:
        """A copy that is told what its hint shows. Raises: GraphError, if the net does not know such hints."""
        if word not in self.kind.types:
            raise GraphError(
                say(
                    "type: {name} knows no hints of the type {word}, only {known}; choose one of them, "
                    "or auto to leave it to the net",
                    name=self.name,
                    word=word,
                    known=", ".join(self.kind.types),
                ),
                input_name="type",
                found=word,
                wanted=list(self.kind.types),
            )
        return replace(self, type=self.kind.types[word])

    def fitted(self, model: Model) -> ControlNet:
        """The net for a run of this model.

        Raises: GraphError, if it was made for another family; WeightsError, if the model cannot complete it.
        """
        misfit = self.kind.misfit(self.config, model)
        if misfit is not None:
            what, found, wanted = misfit
            raise GraphError(
                say(
                    "the control net {name} is made for {made_for} ({what} {found}), but the model "
                    "{model} is of the family {family} ({what} {wanted}); choose a control net of the "
                    "model's family",
                    name=self.name,
                    made_for=self.kind.made_for,
                    what=what,
                    found=found,
                    model=model.stored.header.path.name,
                    family=model.family.name,
                    wanted=wanted,
                ),
                found=found,
                wanted=wanted,
            )
        return self if self.kind.complete is None else self.kind.complete(self, model)


@dataclass(frozen=True, eq=False)
class Control:
    """A control net with what it is to look at: the "control" of a conditioning's entry.

    hint: [B, H, W, C], 0..1, of any size.
    start_percent, end_percent: the part of a run in which it counts, as shares of the model's levels.
    previous: the control that was applied before it; the residuals of all of them are added.
    vae: makes the latent of the hint, for nets that look at that.
    keep: [B, 1, H, W], 1 where the hint is to be kept, for nets that look at a mask.
    Raises: GraphError, if something is missing that the net looks at.
    """

    net: ControlNet
    hint: Tensor
    strength: float = 1.0
    start_percent: float = 0.0
    end_percent: float = 1.0
    previous: Control | None = None
    vae: Vae | None = None
    keep: Tensor | None = None

    def __post_init__(self) -> None:
        if isinstance(self.net.kind.hint, LatentHint) and self.vae is None:
            raise GraphError(
                say(
                    "{net} looks at the latent of its image, and there is no VAE to make it; apply it "
                    "with Apply ControlNet and connect the model's VAE to vae",
                    net=self.net.name,
                ),
                input_name="vae",
            )
        if self.net.kind.looks_at_mask and self.keep is None:
            raise GraphError(
                say(
                    "{net} also looks at a mask of what is to be drawn; apply it with Apply ControlNet "
                    "Inpainting (AliMama)",
                    net=self.net.name,
                ),
                input_name="control_net",
            )

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
