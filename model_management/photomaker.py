"""PhotoMaker models: their files, and prompts with a person in one of their words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from heddle.graph.errors import ShapeError, WeightsError
from heddle.graph.said import say
from heddle.networks.photomaker import PhotoMaker as PhotoMakerNet
from heddle.networks.photomaker import PhotoMakerConfig
from heddle.prompts.chunks import Token
from heddle.prompts.tokenizer import clip_tokenizer
from model_management.checkpoint import stored_net
from model_management.family import NetPart, describe_names
from model_management.finiteness import refuse_unless_encoded
from model_management.header import Header, read_header
from model_management.stored_net import StoredNet
from model_management.vision import clip_vision_config, prepare
from model_management.weight_patches import WeightPatch
from model_management.weights import Weights

#: Stands in a prompt behind the word that the person is put into, and is taken out.
TRIGGER = "photomaker"

#: In the published file the encoder lies beside a LoRA.
PREFIXES = ("id_encoder.", "")
FUSES, SECOND = "fuse_module.layer_norm.weight", "visual_projection_2.weight"


@dataclass(frozen=True)
class PhotoMaker:
    """A PhotoMaker model. Held, it gives a `heddle.networks.photomaker.PhotoMaker`."""

    stored: StoredNet
    config: PhotoMakerConfig
    weight_patches: tuple[WeightPatch, ...] = ()

    @property
    def name(self) -> str:
        return self.stored.header.path.name


def open_photomaker(path: Path | str) -> PhotoMaker:
    """The handle of a PhotoMaker model (version 1).

    Raises: WeightsError, if the file is missing, damaged, or none.
    """
    header = read_header(path)
    for prefix in PREFIXES:
        if f"{prefix}{FUSES}" in header and not header.has_prefix(f"{prefix}qformer_perceiver."):
            stored = stored_net("photomaker", header, NetPart(prefix, photomaker_config, PhotoMakerNet))
            return PhotoMaker(stored, stored.config)
    raise WeightsError(
        say(
            "{file} holds no PhotoMaker model of version 1: {fuses} is wanted, bare or behind "
            "id_encoder., and no qformer_perceiver, but found were {found}; choose another file",
            file=header.path.name,
            fuses=FUSES,
            found=describe_names(header),
        ),
        file=header.path,
    )


def photomaker_config(header: Header, prefix: str) -> PhotoMakerConfig:
    """The model below `prefix`."""
    return PhotoMakerConfig(clip_vision_config(header, prefix), header.shape(f"{prefix}{SECOND}")[0])


class Triggered(NamedTuple):
    """chunks: without the trigger. place: of the token before it, counted through all of them; None = there is none."""

    chunks: list[list[Token]]
    place: int | None


def take_out_trigger(chunks: Sequence[Sequence[Token]]) -> Triggered:
    """Take the trigger's first occurrence out of a prompt's chunks, which stay as long as they were."""
    trigger = clip_tokenizer().encode(TRIGGER)
    read = [
        (number, at, token.token)
        for number, chunk in enumerate(chunks)
        for at, token in enumerate(chunk)
        if token.word > 0
    ]
    for begin in range(len(read) - len(trigger) + 1):
        if [token for _, _, token in read[begin : begin + len(trigger)]] == trigger:
            gone = {(number, at) for number, at, _ in read[begin : begin + len(trigger)]}
            left = [
                [token for at, token in enumerate(chunk) if (number, at) not in gone]
                for number, chunk in enumerate(chunks)
            ]
            filled = [kept + [chunk[-1]] * (len(chunk) - len(kept)) for kept, chunk in zip(left, chunks, strict=True)]
            number, at, _ = read[begin - 1] if begin else (0, 0, None)
            return Triggered(filled, number * len(chunks[0]) + at)
    return Triggered([list(chunk) for chunk in chunks], None)


def take_out_triggers(
    chunks: Mapping[str, Sequence[Sequence[Token]]],
) -> tuple[dict[str, list[list[Token]]], int | None]:
    """The same for each of a clip's encoders, which read one text; the place is the last one's."""
    place = None
    left: dict[str, list[list[Token]]] = {}
    for name, own in chunks.items():
        left[name], place = take_out_trigger(own)
    return left, place


def with_person(photomaker: PhotoMaker, image: Tensor, states: Tensor, place: int, weights: Weights) -> Tensor:
    """An encoded prompt [1, T, D] whose token at a place has the person of an image [1, H, W, C] in it.

    Raises: ShapeError, if the prompt was encoded for another family; WeightsError or GraphError, if what is made of it
        is not finite.
    """
    wanted = photomaker.config.context_width
    if states.shape[-1] != wanted:
        raise ShapeError(
            say(
                "the text is encoded {width} wide, but {photomaker} wants {wanted}; encode it with the "
                "CLIP of a Stable Diffusion XL checkpoint",
                width=states.shape[-1],
                photomaker=photomaker.name,
                wanted=wanted,
            ),
            wanted=wanted,
            got=states.shape[-1],
        )
    pixels = prepare(image, photomaker.config.vision, is_cropped=True)
    with weights.hold(photomaker) as net:
        weight = net.visual_projection_2.weight
        word = net(pixels.to(weight), states[:, place].to(weight))
    refuse_unless_encoded(word, photomaker.stored, say("the image"))
    changed = states.clone()
    changed[:, place] = word.to(states)
    return changed
