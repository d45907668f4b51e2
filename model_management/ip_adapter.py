"""An IP-Adapter put into a model: an image becomes keys and values that cross-attentions read beside the text.

Source: Ye et al. 2023, arXiv:2308.06721, equation 5: attention to the text and attention to the image, by the same
queries, are added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from heddle.graph.errors import GraphError, WeightsError
from heddle.graph.said import say
from heddle.networks.hooks import AttentionPlace, Hooks, place_named
from heddle.numerics.attention import attend
from heddle.samplers.conditions import Call, Network, same_length
from heddle.samplers.fitting import fit_mask
from heddle.samplers.predictions import Prediction
from heddle.samplers.windows import Window
from model_management.control_run import Note
from model_management.handles import Model
from model_management.ip_adapter_files import IpAdapter
from model_management.patches import NetworkPatch, with_hooks
from model_management.reference import AVERSE, REFERENCE
from model_management.unet_patches import unet_of
from model_management.vision import ClipVision, encode_for_vision, encode_pixels
from model_management.weights import Weights

_WAYS = ("input", "output", "middle")  # in the order in which files count their layers

BLOCKS = ("whole", "style only", "composition only")

#: Of one cross-attention: [1, T, width] each.
KeysValues: TypeAlias = tuple[Tensor, Tensor]


def cross_attentions(model: Model) -> dict[AttentionPlace, tuple[int, int]]:
    """The model's attentions to the text, in the order in which files count them, with widths of queries and text.

    That is the way down, the way up, the middle.

    Raises: GraphError, if the model is no UNet.
    """
    unet_of(model, "IP-Adapter")
    shapes = {
        place_named(name.removesuffix(".to_k.weight")): shape
        for name, shape in model.stored.shapes.items()
        if name.endswith(".attn2.to_k.weight")
    }
    places = sorted(shapes, key=lambda place: (_WAYS.index(place.side), place.stage, place.block))
    return {place: (shapes[place][0], shapes[place][1]) for place in places}


def check_fits(adapter: IpAdapter, model: Model) -> list[AttentionPlace]:
    """The model's cross-attentions, in the adapter's order.

    Raises: WeightsError, if the adapter was made for a network of another layout; GraphError, if the model is no UNet.
    """
    places = cross_attentions(model)
    wanted = [(width, adapter.config.context_width) for width in adapter.config.layer_widths]
    found = list(places.values())
    if found != wanted:
        matching = sum(one == other for one, other in zip(found, wanted, strict=False))
        raise WeightsError(
            say(
                "{adapter} is made for {count} cross-attentions of a text {width} wide, but {family} "
                "({model}) has {found} of a text {own} wide, of which {matching} match; choose an "
                "IP-Adapter of the model's family",
                adapter=adapter.name,
                count=len(wanted),
                width=adapter.config.context_width,
                family=model.family.name,
                model=model.stored.header.path.name,
                found=len(found),
                own=model.config.context_width,
                matching=matching,
            ),
            file=adapter.stored.header.path,
        )
    return list(places)


def chosen_places(places: Sequence[AttentionPlace], model: Model, blocks: str) -> list[AttentionPlace]:
    """Those of the cross-attentions in which an image counts.

    Style is taken up by the second stage of the way up, composition by the last stage of the way down. Source: Wang et
    al. 2024, arXiv:2404.02733, section 3.2, for Stable Diffusion XL.

    Raises: GraphError, if that is not known of the model.
    """
    if blocks == "whole":
        return list(places)
    if any(unet_of(model, "IP-Adapter").depths_down(0)):
        raise GraphError(
            say(
                "{blocks}: which blocks take up style and composition is known of Stable Diffusion XL "
                "alone, and this model is {family}; choose `whole`",
                blocks=blocks,
                family=model.family.name,
            ),
            found=model.family.name,
            wanted="sdxl",
        )
    side, stage = "output", 1
    if blocks == "composition only":
        side, stage = "input", max(place.stage for place in places if place.side == "input")
    return [place for place in places if (place.side, place.stage) == (side, stage)]


@dataclass(frozen=True, eq=False)
class AppliedIpAdapter:
    """What an image says to each cross-attention of a model, and how much it counts.

    positive, negative: for sides that show what is wanted, and for the others. mask: [1 or B, H, W], of any size.
    start_percent, end_percent: the part of a run in which it counts, as shares of the model's levels.
    """

    positive: Mapping[AttentionPlace, KeysValues]
    negative: Mapping[AttentionPlace, KeysValues]
    weight: float = 1.0
    start_percent: float = 0.0
    end_percent: float = 1.0
    mask: Tensor | None = None

    def begin(self, network: Network, predicts: Prediction, note: Note) -> Network:
        """The network of one run, which is shown the image."""
        percent_to_sigma = predicts.schedule.percent_to_sigma
        first, last = percent_to_sigma(self.start_percent), percent_to_sigma(self.end_percent)
        run = _Run(self)

        def shown(x: Tensor, timesteps: Tensor, call: Call, /) -> Tensor:
            if call.kind == REFERENCE or not last <= call.level <= first:
                return network(x, timesteps, call)

            def add_image(place: AttentionPlace, q: Tensor, attended: Tensor, heads: int) -> Tensor:
                if place not in self.positive:
                    return attended
                k, v = run.keys_values(place, call.sides, q)
                seen = attend(q, k, v, heads) * self.weight
                if self.mask is not None:
                    seen = seen * run.mask(place, call, q)
                return attended + seen

            return network(x, timesteps, with_hooks(call, Hooks(attended=(add_image,))))

        return shown


@dataclass(eq=False)
class _Run:
    """What one run needs again in each step, brought to the network's device once."""

    applied: AppliedIpAdapter
    pairs: dict[tuple[AttentionPlace, tuple[str, ...], int], KeysValues] = field(default_factory=dict)
    masks: dict[tuple[object, ...], Tensor] = field(default_factory=dict)
    masks_of: WeakKeyDictionary[Window, dict[tuple[object, ...], Tensor]] = field(default_factory=WeakKeyDictionary)

    def keys_values(self, place: AttentionPlace, sides: tuple[str, ...], q: Tensor) -> KeysValues:
        """For each item of a call, [len(q), T, width]."""
        key = (place, sides, len(q))
        if key not in self.pairs:
            wanted, unwanted = self.applied.positive[place], self.applied.negative[place]
            rows = torch.tensor([int(side in AVERSE) for side in sides])
            k, v = (torch.cat(same_length(*pair))[rows].to(q) for pair in zip(wanted, unwanted, strict=True))
            self.pairs[key] = (k, v)
        return self.pairs[key]

    def mask(self, place: AttentionPlace, call: Call, q: Tensor) -> Tensor:
        """For each item of a call how much the image counts at each of its tokens, [len(q), T, 1]."""
        masks = self.masks if call.window is None else self.masks_of.setdefault(call.window, {})
        key = (place.grid, call.areas, len(q), call.whole)
        if key not in masks:
            whole = self.whole_mask(call, len(q) // len(call.areas))
            parts = [whole if area is None else area.cut(whole) for area in call.areas]
            grids = interpolate(torch.cat(parts), size=place.grid, mode="area")
            masks[key] = grids.flatten(2).mT.to(q)
        return masks[key]

    def whole_mask(self, call: Call, items: int) -> Tensor:
        """The mask for the latents of a call, or for the window of them that it is about, [items, 1, h, w]."""
        mask, window = self.applied.mask, call.window
        assert mask is not None
        if window is None:
            return fit_mask(mask, torch.empty(items, 1, *call.whole))
        count = window.length if window.dim == 0 else items
        return window.of(fit_mask(mask, torch.empty(count, 1, *window.whole_size(call.whole))))


def read_images(
    adapter: IpAdapter, clip_vision: ClipVision, image: Tensor | None, weights: Weights, *, is_cropped: bool = True
) -> Tensor:
    """What the adapter's projection is given of images [B, H, W, C]: [B, D] or [B, T, D].

    None stands for no image at all: of the picture as a whole nothing, else what the encoder says to pixels that are
    all of the mean colour, as in the adapters' training.

    Raises: GraphError, if the encoder is not the one that the adapter was made for.
    """
    config = clip_vision.config
    whole_width = 0 if config.is_siglip else config.projection_width or config.width
    width = whole_width if adapter.config.reads_whole else config.width
    if width != adapter.config.in_width:
        raise GraphError(
            say(
                "{adapter} wants {encoder}, but {file} gives {width}; connect the vision encoder that it "
                "was trained with",
                adapter=adapter.name,
                encoder=adapter.wanted_encoder,
                file=clip_vision.stored.header.path.name,
                width=width,
            ),
            found=width,
            wanted=adapter.config.in_width,
        )
    if image is not None:
        seen = encode_for_vision(clip_vision, image, weights, is_cropped=is_cropped)
    elif adapter.config.reads_whole:
        return torch.zeros(1, width)
    else:
        seen = encode_pixels(clip_vision, torch.zeros(1, 3, config.image_px, config.image_px), weights)
    return seen.image_embeds if adapter.config.reads_whole else seen.penultimate_hidden_states


def put_ip_adapter(
    adapter: IpAdapter,
    model: Model,
    positive: Tensor,
    negative: Tensor,
    weights: Weights,
    *,
    weight: float = 1.0,
    start_percent: float = 0.0,
    end_percent: float = 1.0,
    mask: Tensor | None = None,
    blocks: str = "whole",
) -> Model:
    """A copy of the model that is shown images beside the text, after what is in it already.

    Args:
        positive, negative: what `read_images` gives. The tokens of several images stand side by side.
        mask: where the images count.
    Raises: WeightsError or GraphError, if the adapter does not fit the model; see `chosen_places`, too.
    """
    places = check_fits(adapter, model)
    chosen = set(chosen_places(places, model, blocks))
    sides: list[dict[AttentionPlace, KeysValues]] = []
    with weights.hold(adapter) as net:
        weight_of_net = next(net.parameters())
        for seen in (positive, negative):
            tokens = net(seen.to(weight_of_net)).flatten(0, 1)[None]
            pairs = zip(places, net.keys_values(tokens), strict=True)
            sides.append({place: (k.float().cpu(), v.float().cpu()) for place, (k, v) in pairs if place in chosen})
    applied = AppliedIpAdapter(sides[0], sides[1], weight, start_percent, end_percent, mask)
    return model.with_patch(adapter.name, NetworkPatch(applied.begin))
