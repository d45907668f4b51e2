"""Where a net's tensor lies in a file whose layout has other names, or more than one tensor under one name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from model_management.stored_tensors import Header, TensorEntry
from model_management.stored_weight import StoredWeight


@dataclass(frozen=True)
class Place:
    """One tensor of a net, in a file.

    key: its name there, behind the net's prefix.
    share, shares: of the rows of the file's tensor it is this one of so many equal shares, counted from 0.
    is_turned: the file has it with rows and columns exchanged.
    is_flat: the file has the matrix of a linear layer where the net has a convolution of one pixel.
    rest: names of further tensors there, whose rows follow in the net's.
    is_swapped: the file has the two halves of the rows the other way round.
    """

    key: str
    share: int = 0
    shares: int = 1
    is_turned: bool = False
    is_flat: bool = False
    rest: tuple[str, ...] = ()
    is_swapped: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        return (self.key, *self.rest)

    def whole_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape that the file's tensor, or all of them together, have when the net's own has this one."""
        turned = shape[::-1] if self.is_turned else shape[:2] if self.is_flat else shape
        return (turned[0] * self.shares, *turned[1:]) if self.shares > 1 else turned

    def taken(self, whole: Tensor) -> Tensor:
        """The net's tensor from the file's, in the same memory."""
        part = whole.chunk(self.shares)[self.share] if self.shares > 1 else whole
        if self.is_flat:
            return part[:, :, None, None]
        return part.t() if self.is_turned else part

    def read(self, get: Callable[[str], Tensor], prefix: str) -> Tensor:
        """The net's tensor; `get` gives one of the file's by its name."""
        if self.is_swapped:
            whole = get(prefix + self.key)
            return whole.roll(len(whole) // 2, 0)
        if not self.rest:
            return self.taken(get(prefix + self.key))
        return torch.cat([get(prefix + key) for key in self.keys])

    def read_stored(self, get: Callable[[str], StoredWeight], prefix: str) -> StoredWeight:
        """The same in the form in which it is stored, if that can be kept."""
        if not self.rest and not self.is_swapped:
            stored = get(prefix + self.key)
            if self.shares == 1 and not self.is_turned and not self.is_flat:
                return stored
            if stored.kind is None and stored.scale is None:
                return StoredWeight.plain(self.taken(stored.raw))
        return StoredWeight.plain(self.read(lambda key: get(key).numbers(), prefix))

    def put(self, whole: Tensor, part: Tensor) -> None:
        """Write the net's tensor to where it lies in the file's one, whose rows are in the net's order."""
        self.taken(whole).copy_(part)


def placed(header: Header, places: Mapping[str, Place]) -> Header:
    """The same file by the net's own names, for what reads sizes from names and shapes; other tensors are left out.

    Raises: WeightsError, if one of several tensors is missing that are one in the net.
    """

    def entry(place: Place) -> TensorEntry:
        first, *rest = (header.shape(key) for key in place.keys)
        return replace(header.tensors[place.key], shape=(first[0] + sum(shape[0] for shape in rest), *first[1:]))

    return replace(
        header,
        tensors={
            name: entry(place) if place.rest else header.tensors[place.key]
            for name, place in places.items()
            if any(key in header for key in place.keys)
        },
    )


def as_named(name: str) -> Place:
    """Files that have the net's own names."""
    return Place(name)


#: OpenCLIP's names for the modules of a text encoder, and of those of each of its layers.
_OPEN_CLIP = {
    "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
    "text_model.embeddings.position_embedding.weight": "positional_embedding",
    "text_model.final_layer_norm.weight": "ln_final.weight",
    "text_model.final_layer_norm.bias": "ln_final.bias",
}
_OPEN_CLIP_LAYER = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}
_LAYERS = "text_model.encoder.layers."
_QKV = ("q_proj", "k_proj", "v_proj")


_OPEN_CLIP_VISION = {
    "vision_model.embeddings.class_embedding": "class_embedding",
    "vision_model.embeddings.patch_embedding.weight": "conv1.weight",
    "vision_model.embeddings.position_embedding.weight": "positional_embedding",
    "vision_model.pre_layrnorm.weight": "ln_pre.weight",
    "vision_model.pre_layrnorm.bias": "ln_pre.bias",
    "vision_model.post_layernorm.weight": "ln_post.weight",
    "vision_model.post_layernorm.bias": "ln_post.bias",
}
_VISION_LAYERS = "vision_model.encoder.layers."
_STYLE_LAYERS = "transformer_layes.layers."


def in_open_clip(name: str) -> Place:
    """Text encoders as OpenCLIP writes them: queries, keys and values in one tensor, the projection turned."""
    if name == "text_projection.weight":
        return Place("text_projection", is_turned=True)
    return _layer(name, _LAYERS) if name.startswith(_LAYERS) else Place(_OPEN_CLIP[name])


def in_open_clip_vision(name: str) -> Place:
    """Vision encoders as OpenCLIP writes them."""
    if name == "visual_projection.weight":
        return Place("proj", is_turned=True)
    return _layer(name, _VISION_LAYERS) if name.startswith(_VISION_LAYERS) else Place(_OPEN_CLIP_VISION[name])


def in_style_adapter(name: str) -> Place:
    """The style adapter, whose layers are written as OpenCLIP's are."""
    if name == "proj.weight":
        return Place("proj", is_turned=True)
    return _layer(name, _STYLE_LAYERS, "transformer_layes.") if name.startswith(_STYLE_LAYERS) else Place(name)


def _layer(name: str, layers: str, theirs: str = "transformer.resblocks.") -> Place:
    number, _, inner = name.removeprefix(layers).partition(".")
    module, _, kind = inner.rpartition(".")
    layer = f"{theirs}{number}"
    if module.startswith("self_attn.") and (last := module.removeprefix("self_attn.")) in _QKV:
        return Place(f"{layer}.attn.in_proj_{kind}", _QKV.index(last), len(_QKV))
    return Place(f"{layer}.{_OPEN_CLIP_LAYER[module]}.{kind}")
