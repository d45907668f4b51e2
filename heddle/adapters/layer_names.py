"""Every name under which adapter files speak of a net's layers.

Own names and diffusers' names, behind the beginnings that trainers put before them, with dots or with underscores.
A file's keys are looked up in here, so the names of a net are made once and a file of thousands of keys costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from heddle.adapters.targets import Target
from heddle.adapters.transformer_names import Shapes, diffusers_targets, own_variants
from heddle.adapters.unet_names import diffusers_names

#: What stands before a layer's name with dots: none, checkpoints', diffusers', PEFT's.
_NETWORK_DOTTED = ("diffusion_model.", "model.diffusion_model.", "unet.", "transformer.", "base_model.model.", "")
#: And before one with underscores: kohya's, OneTrainer's, LyCORIS's.
_NETWORK_FLAT = ("lora_unet_", "lora_transformer_", "lycoris_", "lora_prior_unet_")


def network_layers(shapes: Shapes) -> dict[str, Target]:
    """Name in a file -> part of a diffusion network's weight.

    Args:
        shapes: names of the net's weights, as in the published single file, and their shapes.
    """
    layers: dict[str, Target] = {}
    # Own names first: where a name of another layout is the same, this net's own is meant.
    for name, target in (*_own(shapes), *own_variants(shapes), *diffusers_targets(shapes)):
        _add(layers, name, target, _NETWORK_DOTTED, _NETWORK_FLAT)
    for name, layer in diffusers_names(name[: -len(".weight")] for name in shapes if name.endswith(".weight")):
        _add(layers, name, Target(f"{layer}.weight"), _NETWORK_DOTTED, _NETWORK_FLAT)
    return layers


def text_layers(encoders: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, Target]]:
    """Name in a file -> text encoder, and part of its weight.

    Args:
        encoders: the encoders of a model, in its order: the word that files have for each ("clip_l", "clip_g", "t5xxl"
            ...), and the names of its weights, as transformers has them.
    """
    layers: dict[str, tuple[str, Target]] = {}
    for place, (encoder, weights) in enumerate(encoders.items(), start=1):
        for name, target in _own(weights):
            for start in _text_starts(encoder, place, is_alone=len(encoders) == 1):
                spelled = f"{start}{name}" if start.endswith(".") else f"{start}{name.replace('.', '_')}"
                layers.setdefault(spelled, (encoder, target))
    return layers


def is_of_text(layer: str) -> bool:
    """Whether a name in a file can only be a text encoder's."""
    return layer.startswith(("lora_te", "text_encoder", "lora_prior_te_"))


def _text_starts(encoder: str, place: int, *, is_alone: bool) -> Iterator[str]:
    yield f"text_encoders.{encoder}.transformer."
    yield f"lora_te{place}_"
    yield f"text_encoder_{place}."
    if place == 1:
        yield "lora_te_"
        yield "text_encoder."
    if encoder == "clip_g":
        yield "lora_te2_"  # also where it is the only one, as in a refiner
        yield "lora_prior_te_"
    if is_alone:
        yield "base_model.model."


def _own(weights: Iterable[str]) -> Iterator[tuple[str, Target]]:
    for weight in weights:
        yield weight.removesuffix(".weight"), Target(weight)


def _add(layers: dict[str, Target], name: str, target: Target, dotted: Iterable[str], flat: Iterable[str]) -> None:
    for start in dotted:
        layers.setdefault(f"{start}{name}", target)
    for start in flat:
        layers.setdefault(f"{start}{name.replace('.', '_')}", target)
