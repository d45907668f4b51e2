"""Diffusion transformers as diffusers writes them: where their tensors lie, by the names of the published single files.

diffusers keeps queries, keys and values in tensors of their own, where the published files have one for all of them.
Source: the names in published files of both layouts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from heddle.adapters.targets import Target
from heddle.adapters.transformer_names import diffusers_targets
from model_management.header import Header
from model_management.places import Place
from model_management.signs import Sign, has, holds, lacks

_SD3_PLAIN = {"pos_embed": "pos_embed.pos_embed"}
_AURAFLOW_PLAIN = {"positional_encoding": "pos_embed.pos_embed", "register_tokens": "register_tokens"}


@dataclass(frozen=True)
class _Kind:
    """One kind of transformer.

    signs: of a file in diffusers' layout.
    fused: from a file to the shapes of those of our weights that `diffusers_targets` counts blocks and rows by.
    plain: our names of tensors that are no layers, and diffusers'.
    """

    signs: tuple[Sign, ...]
    fused: Callable[[Header], dict[str, tuple[int, ...]]]
    plain: Callable[[Header], Mapping[str, str]]


def is_diffusers_transformer(header: Header) -> bool:
    return _kind_of(header) is not None


def places_in_diffusers(header: Header) -> dict[str, Place]:
    """Where each of our tensors lies that the file has. It must hold a transformer in diffusers' layout.

    Where one tensor here is several there, a file that lacks some of them has the place all the same.

    Raises: WeightsError, if a tensor is missing that a size is read from.
    """
    kind = _kind_of(header)
    assert kind is not None
    places = {ours: Place(theirs) for ours, theirs in kind.plain(header).items() if theirs in header}
    return places | layer_places(diffusers_targets(kind.fused(header)), header)


def layer_places(targets: Iterable[tuple[str, Target]], header: Header) -> dict[str, Place]:
    """The same for layers whose names in diffusers stand for these targets."""
    rows: dict[str, dict[int, tuple[str, bool]]] = {}
    for there, target in targets:
        begin = target.rows[0] if target.rows else 0
        for ours, theirs in ((target.weight, f"{there}.weight"), (target.bias, f"{there}.bias")):
            # Of two names for the same rows the first is meant.
            rows.setdefault(ours, {}).setdefault(begin, (theirs, target.is_swapped))
    places: dict[str, Place] = {}
    for ours, parts in rows.items():
        (first, is_swapped), *rest = (parts[begin] for begin in sorted(parts))
        place = Place(first, rest=tuple(theirs for theirs, _ in rest), is_swapped=is_swapped)
        if any(key in header for key in place.keys):
            places[ours] = place
    return places


def _kind_of(header: Header) -> _Kind | None:
    return next((kind for kind in _KINDS if holds(kind.signs, header)), None)


def _width(header: Header, layer: str) -> int:
    return header.shape(f"{layer}.weight")[0]


def flux_fused(header: Header) -> dict[str, tuple[int, ...]]:
    """Of FLUX.1's kind."""
    width = _width(header, "x_embedder")
    shapes: dict[str, tuple[int, ...]] = {}
    for block in range(header.numbered("transformer_blocks.")):
        shapes[f"double_blocks.{block}.img_attn.qkv.weight"] = (3 * width, width)
    for block in range(header.numbered("single_transformer_blocks.")):
        inner = _width(header, f"single_transformer_blocks.{block}.proj_mlp")
        shapes[f"single_blocks.{block}.linear1.weight"] = (3 * width + inner, width)
        shapes[f"single_blocks.{block}.linear2.weight"] = (width, width + inner)
    return shapes


def sd3_fused(header: Header) -> dict[str, tuple[int, ...]]:
    """Of Stable Diffusion 3's kind."""
    width = _width(header, "pos_embed.proj")
    blocks = range(header.numbered("transformer_blocks."))
    return {f"joint_blocks.{block}.x_block.attn.qkv.weight": (3 * width, width) for block in blocks}


def _auraflow_fused(header: Header) -> dict[str, tuple[int, ...]]:
    """Nothing is fused there; blocks are counted by any tensor."""
    stacks = {"double_layers": "joint_transformer_blocks", "single_layers": "single_transformer_blocks"}
    return {
        f"{ours}.{block}.attn.w1q.weight": ()
        for ours, theirs in stacks.items()
        for block in range(header.numbered(f"{theirs}."))
    }


def _lumina_fused(header: Header) -> dict[str, tuple[int, ...]]:
    """Of Lumina Image 2's kind, in which keys and values have fewer heads."""
    shapes: dict[str, tuple[int, ...]] = {"cap_embedder.1.weight": (), "layers.0.adaLN_modulation.1.weight": ()}
    for stack in ("context_refiner", "noise_refiner", "layers"):
        for block in range(header.numbered(f"{stack}.")):
            queries, shared = (_width(header, f"{stack}.{block}.attn.to_{word}") for word in "qk")
            shapes[f"{stack}.{block}.attention.qkv.weight"] = (queries + 2 * shared, 0)
            shapes[f"{stack}.{block}.attention.out.weight"] = (0, queries)
    return shapes


def _chroma_plain(header: Header) -> dict[str, str]:
    """Its small net that works out how the blocks are moved."""
    return dict(_chroma_names(header.numbered("distilled_guidance_layer.layers.")))


def _chroma_names(layers: int) -> Iterator[tuple[str, str]]:
    net = "distilled_guidance_layer."
    for kind in ("weight", "bias"):
        for end in ("in_proj", "out_proj"):
            yield f"{net}{end}.{kind}", f"{net}{end}.{kind}"
        for layer in range(layers):
            yield f"{net}layers.{layer}.in_layer.{kind}", f"{net}layers.{layer}.linear_1.{kind}"
            yield f"{net}layers.{layer}.out_layer.{kind}", f"{net}layers.{layer}.linear_2.{kind}"
    for layer in range(layers):
        yield f"{net}norms.{layer}.scale", f"{net}norms.{layer}.weight"


_FLUX = ("x_embedder.weight", "context_embedder.weight", "transformer_blocks.0.attn.add_k_proj.weight")
_KINDS = (
    _Kind(
        (
            has(*_FLUX, "time_text_embed.text_embedder.linear_1.weight", "proj_out.weight"),
            lacks("controlnet_x_embedder.weight"),
        ),
        flux_fused,
        lambda header: {},
    ),
    _Kind((has(*_FLUX, "distilled_guidance_layer.in_proj.weight"),), flux_fused, _chroma_plain),
    _Kind(
        (has("pos_embed.proj.weight", "transformer_blocks.0.norm1_context.linear.weight", "proj_out.weight"),),
        sd3_fused,
        lambda header: _SD3_PLAIN,
    ),
    _Kind(
        (has("pos_embed.proj.weight", "joint_transformer_blocks.0.norm1_context.linear.weight"),),
        _auraflow_fused,
        lambda header: _AURAFLOW_PLAIN,
    ),
    _Kind(
        (has("time_caption_embed.caption_embedder.0.weight", "layers.0.norm1.linear.weight"),),
        _lumina_fused,
        lambda header: {},
    ),
)
