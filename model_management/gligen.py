"""GLIGEN models: what flows along GLIGEN wires, and how their files are read.

A conditioning's entry carries "gligen": ("position", the handle, boxes), as other programs of this ecosystem have it; a
box is (pooled text [1, D], height, width, top, left), in cells of the latent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from heddle.graph.errors import WeightsError
from heddle.graph.said import say
from heddle.networks.clip_text import ClipTextConfig, unprojected
from heddle.networks.gligen import FuserSizes, GligenConfig
from heddle.networks.gligen import Gligen as GligenNet
from heddle.networks.hooks import AttentionPlace, place_named
from model_management.adapter_files import MatchReport
from model_management.checkpoint import stored_net
from model_management.diffusers_unet import is_diffusers_unet, names_in_diffusers
from model_management.family import NetPart, describe_names
from model_management.handles import Clip
from model_management.header import Header, read_header
from model_management.places import Place
from model_management.stored_net import StoredNet
from model_management.weight_patches import WeightPatch

NULL = "position_net.null_positive_feature"
NULL_PLACE = "position_net.null_position_feature"
FUSER = re.compile(r"(.*\.transformer_blocks\.\d+)\.fuser\.linear\.weight")
OWN = ("position_net.", ".fuser.")

#: Networks that read CLIP-L have this many heads of whatever width, others heads of so many numbers.
CLIP_L_WIDTH, HEADS, HEAD_WIDTH = 768, 8, 64


@dataclass(frozen=True)
class Gligen:
    """A GLIGEN model. Held, it gives a `heddle.networks.gligen.Gligen`."""

    stored: StoredNet
    config: GligenConfig
    weight_patches: tuple[WeightPatch, ...] = ()

    @property
    def name(self) -> str:
        return self.stored.header.path.name

    @property
    def report(self) -> MatchReport:
        """How many of the keys of this kind have been taken; the UNet that may lie beside them is not counted."""
        used = {self.stored.key_of(name) for name in self.stored.shapes}
        own = [key for key in self.stored.header.tensors if any(part in key for part in OWN)]
        return MatchReport(self.name, len(used), tuple(key for key in own if key not in used))


def open_gligen(path: Path | str) -> Gligen:
    """The handle of a GLIGEN model for texts in boxes; alone or beside its UNet, also by the names of diffusers.

    Raises: WeightsError, if the file is missing, damaged, or none.
    """
    header = read_header(path)
    prefix = next((key.removesuffix(NULL) for key in header.tensors if key.endswith(NULL)), None)
    names = _fuser_names(header, prefix or "")
    if prefix is None or not names:
        raise WeightsError(
            say(
                "{file} holds no GLIGEN model for texts in boxes: {null} and ...fuser.linear.weight are "
                "wanted, but found were {found}; choose another file",
                file=header.path.name,
                null=NULL,
                found=describe_names(header),
            ),
            file=header.path,
        )
    part = NetPart(
        prefix, partial(gligen_config, names=names), GligenNet, partial(_place, blocks=tuple(names.values()))
    )
    stored = stored_net("gligen", header, part)
    return Gligen(stored, stored.config)


def _fuser_names(header: Header, prefix: str) -> dict[AttentionPlace, str]:
    """Where fusers stand, and what the file calls those blocks behind the prefix; in the order in which they run."""
    inner = header.below(prefix)
    ours = names_in_diffusers(inner) if is_diffusers_unet(inner) else {key: key for key in inner.tensors}
    found: dict[AttentionPlace, str] = {}
    for name, key in ours.items():
        if block := FUSER.fullmatch(name):
            found[place_named(f"{block[1]}.attn2")] = key.removesuffix(".fuser.linear.weight")
    sides = ("input", "middle", "output")
    return dict(sorted(found.items(), key=lambda item: (sides.index(item[0].side), item[0].stage, item[0].block)))


def gligen_config(header: Header, prefix: str, names: dict[AttentionPlace, str]) -> GligenConfig:
    """The sizes of a GLIGEN model below `prefix`.

    Args:
        names: of the blocks with fusers, by their place.
    """
    inner_width, _ = header.shape(f"{prefix}position_net.linears.0.weight")
    fusers = []
    for place, block in names.items():
        width, context_width = header.shape(f"{prefix}{block}.fuser.linear.weight")
        heads = HEADS if context_width == CLIP_L_WIDTH else max(1, width // HEAD_WIDTH)
        fusers.append(FuserSizes(place, width, heads))
    return GligenConfig(
        text_width=header.shape(f"{prefix}{NULL}")[0],
        context_width=header.shape(f"{prefix}position_net.linears.4.weight")[0],
        inner_width=inner_width,
        frequencies=header.shape(f"{prefix}{NULL_PLACE}")[0] // 8,
        fusers=tuple(fusers),
    )


def _place(name: str, blocks: tuple[str, ...]) -> Place:
    kind, _, rest = name.partition(".")
    if kind != "fusers":
        return Place(name)
    number, _, rest = rest.partition(".")
    return Place(f"{blocks[int(number)]}.fuser.{rest}")


def unprojected_clip(clip: Clip) -> Clip:
    """A copy whose pooled text is not projected, as GLIGEN was trained to read it."""
    return replace(
        clip,
        encoders=tuple(
            replace(each, stored=replace(each.stored, part=replace(each.stored.part, build=unprojected)))
            if isinstance(each.config, ClipTextConfig) and each.config.projection_width
            else each
            for each in clip.encoders
        ),
    )
