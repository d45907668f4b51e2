"""Nets written into safetensors files as they are with what changes them, in the layout that they came in.

The format (https://huggingface.co/docs/safetensors): 8 bytes with the length of the header, little-endian; the header,
JSON; the weights without a gap. One tensor at a time is in memory.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeAlias

import torch
from torch import Tensor

from heddle.graph.errors import WeightsError
from heddle.graph.said import all_of, say
from model_management.family import TextPart
from model_management.handles import Clip, Model, TextEncoder, Vae
from model_management.places import Place, as_named, in_open_clip_vision
from model_management.stored_net import FLOATING, StoredNet
from model_management.stored_tensors import TensorEntry
from model_management.stored_vocabulary import MODEL, model_key, read_model
from model_management.tensor_reading import DTYPES
from model_management.vision import ClipVision
from model_management.weight_patches import WeightPatch, open_patches

_ALIGNED = 8  # readers map the weights, and want them to begin at a multiple of this

#: A tensor of a file to be written: its name there, the names of the net's tensors in it, their dtype, its shape.
_Entry: TypeAlias = tuple[str, tuple[str, ...], str, tuple[int, ...]]


@dataclass(frozen=True)
class SavedPart:
    """A net to be written.

    prefix, place: how the file is to spell its tensors; it may have come in another spelling.
    vocabulary: the name of the tokenizer that its file holds and that goes with it, "" = none.
    """

    stored: StoredNet
    patches: tuple[WeightPatch, ...]
    prefix: str
    place: Callable[[str], Place]
    vocabulary: str = ""

    def entries(self) -> list[_Entry]:
        """Its tensors, with those that the file holds in one put together."""
        entries: dict[str, _Entry] = {}
        for name, shape in self.stored.shapes.items():
            place = self.place(name)
            key = self.prefix + place.key
            names = (*entries[key][1], name) if key in entries else (name,)
            entries[key] = (key, names, _saved_dtype(self.stored.entry(name)), place.whole_shape(shape))
        return list(entries.values())

    def tensors(self, entries: Sequence[_Entry]) -> Iterator[Tensor]:
        """Their contents, one after the other."""
        with self.stored.open() as read, open_patches(self.patches) as change:
            for _key, names, dtype, shape in entries:
                whole = torch.empty(shape, dtype=FLOATING[dtype])
                for name in names:
                    # Where nothing changes it, each number stays exactly what it was.
                    stored = read(name)
                    is_changed = any(name in patch.source.weights for patch in self.patches)
                    self.place(name).put(whole, change(name, stored) if is_changed else stored)
                yield whole


def _saved_dtype(entry: TensorEntry) -> str:
    """What a tensor came in; halves for numbers that only make sense with a scale beside them."""
    return entry.dtype if entry.dtype in FLOATING and entry.scale is None else "F16"


def checkpoint_parts(model: Model, clip: Clip, vae: Vae) -> list[SavedPart]:
    """What a full checkpoint of the model's family holds, without text encoders that there are files without.

    Raises: WeightsError, if the family has other text encoders than these.
    """
    family = model.family
    places = {part.name: part for part in family.text}
    names = {each.part.name for each in clip.encoders}
    if not names <= set(places) or any(part.name not in names and not part.may_lack for part in family.text):
        raise WeightsError(
            say(
                "a checkpoint of {family} holds the text encoders {wanted}, but these are {found}; save "
                "each alone, or connect the model's own",
                family=family.name,
                wanted=_named(family.text),
                found=_named([each.part for each in clip.encoders]),
            )
        )
    parts = [model_part(model)]
    for encoder in clip.encoders:
        part = places[encoder.part.name]
        parts.append(_text_part(encoder, part.prefix, part.place))
    return [*parts, SavedPart(vae.stored, vae.weight_patches, family.vae.prefix, family.vae.place)]


def image_only_parts(model: Model, clip_vision: ClipVision, vae: Vae) -> list[SavedPart]:
    """What a checkpoint holds whose model is shown images: no text encoders, but what reads the images.

    Raises: WeightsError, if checkpoints of the model's family hold no vision encoder.
    """
    family = model.family
    if not family.vision_prefix:
        raise WeightsError(
            say(
                "a checkpoint of {family} holds no vision encoder; save it with Save Checkpoint, or connect a "
                "model that goes on from images",
                family=family.name,
            )
        )
    place = as_named if clip_vision.config.is_siglip else in_open_clip_vision
    return [
        model_part(model),
        SavedPart(clip_vision.stored, clip_vision.weight_patches, family.vision_prefix, place),
        SavedPart(vae.stored, vae.weight_patches, family.vae.prefix, family.vae.place),
    ]


def model_part(model: Model) -> SavedPart:
    """A diffusion network, as it stands in a full checkpoint of its family."""
    return SavedPart(model.stored, model.weight_patches, model.family.network.prefix, model.family.network.place)


def text_parts(clip: Clip) -> dict[str, SavedPart]:
    """The text encoders by name, as files of their own have them."""
    return {each.part.name: _text_part(each, "", as_named) for each in clip.encoders}


def _text_part(encoder: TextEncoder, prefix: str, place: Callable[[str], Place]) -> SavedPart:
    stored = encoder.stored
    key = None if encoder.part.row is None else model_key(stored.header, stored.part.prefix)
    return SavedPart(stored, encoder.weight_patches, prefix, place, key or "")


def vae_part(vae: Vae) -> SavedPart:
    """An autoencoder, as files of its own have it."""
    return SavedPart(vae.stored, vae.weight_patches, "", as_named)


def _named(parts: Sequence[TextPart]) -> str:
    return all_of(part.name for part in parts)


def net_pieces(
    parts: Sequence[SavedPart], metadata: Mapping[str, str], marks: Mapping[str, Tensor] = {}
) -> Iterator[bytes]:
    """The bytes of a file with these nets, made one tensor at a time.

    Args:
        marks: small tensors, float32, which say something of the nets. They come first: behind weights in halves they
            might begin where numbers of four bytes cannot. Tokenizers are bytes and come last, for the same reason.
    Raises: WeightsError, while they are made, if a file that weights come from cannot be read.
    """
    entries = [part.entries() for part in parts]
    tensors = (tensor for part, own in zip(parts, entries, strict=True) for tensor in part.tensors(own))
    with_vocabulary = [part for part in parts if part.vocabulary]
    return safetensors_pieces(
        [
            *((name, "F32", tuple(mark.shape)) for name, mark in marks.items()),
            *((key, dtype, shape) for own in entries for key, _, dtype, shape in own),
            *((part.prefix + MODEL, "U8", part.stored.header.shape(part.vocabulary)) for part in with_vocabulary),
        ],
        chain(marks.values(), tensors, (_vocabulary_of(part) for part in with_vocabulary)),
        metadata,
    )


def _vocabulary_of(part: SavedPart) -> Tensor:
    return read_model(part.stored.header, part.vocabulary).view(torch.uint8)


def safetensors_pieces(
    entries: Sequence[tuple[str, str, tuple[int, ...]]], tensors: Iterable[Tensor], metadata: Mapping[str, str]
) -> Iterator[bytes]:
    """The bytes of a file, one tensor at a time.

    Args:
        entries: name, dtype as the format writes it, and shape of each tensor.
        tensors: their contents, in that order and on the CPU.
    """
    yield _header(entries, metadata)
    with torch.inference_mode():
        for tensor in tensors:
            yield _bytes_of(tensor)


def _header(entries: Iterable[tuple[str, str, tuple[int, ...]]], metadata: Mapping[str, str]) -> bytes:
    table: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    begin = 0
    for key, dtype, shape in entries:
        end = begin + math.prod(shape) * DTYPES[dtype].itemsize
        table[key] = {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(table, separators=(",", ":")).encode("ascii")
    text += b" " * (-len(text) % _ALIGNED)
    return len(text).to_bytes(8, "little") + text


def _bytes_of(tensor: Tensor) -> bytes:
    return tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b""
