"""Weights of one kind times a number, throughout a net: what attention asks, looks for, finds and says, made more."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from heddle.graph.errors import GraphError
from heddle.graph.said import say
from model_management.handles import Clip, Model
from model_management.stored_net import StoredNet
from model_management.weight_patches import ChangeWeight, WeightPatch

#: The net's own names of the layers around an attention, behind that of the attention itself.
UNET_LAYERS = {"q": "to_q", "k": "to_k", "v": "to_v", "out": "to_out.0"}
TIME_STACK = ".time_stack."
CLIP_LAYERS = {"q": "q_proj", "k": "k_proj", "v": "v_proj", "out": "out_proj"}


@dataclass(frozen=True)
class Scaled:
    """factors: for each weight that is changed, by its name."""

    factors: tuple[tuple[str, float], ...]

    @property
    def key(self) -> Hashable:
        return ("scaled", self.factors)

    @property
    def weights(self) -> Collection[str]:
        return dict(self.factors).keys()

    @contextmanager
    def open(self) -> Iterator[ChangeWeight]:
        factors = dict(self.factors)
        yield lambda name, weight, strength: weight * (1 + (factors[name] - 1) * strength)


def scale_unet_attention(
    model: Model, attention: str, factors: Mapping[str, float], along_time: Mapping[str, float] | None = None
) -> Model:
    """A copy of the model with the layers of one kind of its attentions scaled, weights and biases.

    Args:
        attention: "attn1", to the picture itself, or "attn2", to the text.
        factors: for "q", "k", "v" and "out".
        along_time: the same for those that look along the frames of a video; None = as the others.
    Raises: GraphError, if the network has no attention of such names.
    """
    within, along = (
        {f".{attention}.{UNET_LAYERS[name]}": factor for name, factor in each.items()}
        for each in (factors, factors if along_time is None else along_time)
    )
    patch = _scale(model.stored, within, along)
    if patch is None:
        raise GraphError(
            say(
                "the network of {family} ({model}) has no attention of a UNet whose parts could be "
                "multiplied; leave the node out, or use a model that has one",
                family=model.family.name,
                model=model.stored.header.path.name,
            ),
            found=model.family.name,
            wanted="a model with a UNet",
        )
    return model.with_patch(f"multiply {attention}", patch) if patch.source.weights else model


def scale_clip_attention(clip: Clip, factors: Mapping[str, float]) -> Clip:
    """A copy with the attentions of all its CLIP encoders scaled; encoders of other kinds stay as they are.

    Raises: GraphError, if it has none of CLIP.
    """
    ends = {f".self_attn.{CLIP_LAYERS[name]}": factor for name, factor in factors.items()}
    patches = {each.part.name: _scale(each.stored, ends) for each in clip.encoders}
    found = {name: patch for name, patch in patches.items() if patch is not None}
    if not found:
        raise GraphError(
            say(
                "the text encoders {names} have no attention of CLIP whose parts could be multiplied; "
                "leave the node out, or use a CLIP",
                names=", ".join(patches) or say("(none)"),
            ),
            found=", ".join(patches),
            wanted="a CLIP text encoder",
        )
    changing = {name: patch for name, patch in found.items() if patch.source.weights}
    return clip.with_patch("multiply attention", changing) if changing else clip


def looks_along_time(model: Model) -> bool:
    """Whether its net has attentions along the frames of a video."""
    return any(TIME_STACK in name for name in model.stored.shapes)


def _scale(
    stored: StoredNet, ends: Mapping[str, float], along_time: Mapping[str, float] | None = None
) -> WeightPatch | None:
    """Scales what ends so, in front of `.weight` or `.bias`; None, if there is nothing of such a name.

    Args:
        along_time: the same for layers along time; None = there are none.
    """
    factors = [
        (name, factor)
        for name in stored.shapes
        for end, factor in (along_time if along_time and TIME_STACK in name else ends).items()
        if name.rpartition(".")[0].endswith(end)
    ]
    return WeightPatch(Scaled(tuple(each for each in factors if each[1] != 1))) if factors else None
