"""T2I-Adapters from their files: the authors' names, or those of diffusers.

Sources: the headers of the published files.
"""

from __future__ import annotations

import re

from heddle.graph.errors import WeightsError
from heddle.graph.said import say
from heddle.networks.residuals import Residuals
from heddle.networks.t2i_adapter import T2IAdapter, T2IAdapterConfig
from heddle.networks.unet import UNetConfig
from model_management.checkpoint import stored_net
from model_management.control import SIZES, ControlKind, ControlNet, PixelHint
from model_management.family import NetPart
from model_management.handles import Model
from model_management.header import Header

PREFIX = "adapter."
ROLE = "control"

#: Channels that the first layer sees, by the hint's channels and the side of the square that is one position to it.
FOLDED = {64: (1, 8), 192: (3, 8), 256: (1, 16), 768: (3, 16)}
XL_FOLD_PX = 16

#: Adapters for XL halve once, before their third feature.
XL_HALVES = (False, False, True, False)


def is_t2i_adapter(header: Header) -> bool:
    inner = _plain(header)
    return "body.0.in_conv.weight" in inner or ("conv_in.weight" in inner and "body.0.block1.weight" in inner)


def open_t2i_adapter(header: Header) -> ControlNet:
    """The handle of an adapter.

    Raises: WeightsError, if a tensor is missing, or its first layer sees pictures in a way that is not known.
    """
    stored = stored_net(ROLE, _plain(header), NetPart("", _config, T2IAdapter))
    config: T2IAdapterConfig = stored.config
    for_xl = config.fold_px == XL_FOLD_PX
    kind = ControlKind(
        made_for="Stable Diffusion XL" if for_xl else "Stable Diffusion 1",
        reads=(),
        misfit=_misfit,
        hint=PixelHint(config.hint_channels, multiple_px=config.fold_px),
        place=_at_levels,
    )
    return ControlNet(stored, kind)


def _misfit(config: T2IAdapterConfig, model: Model) -> tuple[str, object, object] | None:
    its = model.config
    if not isinstance(its, UNetConfig):
        return (say("network"), say("a UNet"), say("a transformer"))
    # The last feature for XL, which has three levels, goes to the middle.
    mine = config.widths[:-1] if config.fold_px == XL_FOLD_PX else config.widths
    return None if mine == its.widths else (SIZES["widths"], mine, its.widths)


def _at_levels(features: Residuals, config: UNetConfig) -> Residuals:
    """Each feature where its level ends, before the halving; for XL the first one behind it, the last in the middle."""
    blocks = config.blocks
    ends = [sum(blocks[: level + 1]) + level for level in range(len(blocks))]
    middle = None
    inside = features.inside
    if len(inside) > len(ends):
        ends[0] += 1
        *inside, middle = inside
    at = dict(zip(ends, inside, strict=True))
    return Residuals(middle=middle, inside=tuple(at.get(number) for number in range(ends[-1] + 1)))


def _config(header: Header, prefix: str) -> T2IAdapterConfig:
    is_light = "body.0.in_conv.weight" in header
    seen = header.shape("body.0.in_conv.weight" if is_light else "conv_in.weight")[1]
    if seen not in FOLDED:
        raise WeightsError(
            say(
                "{file} looks like a T2I-Adapter whose first layer sees {seen} channels, but {known} are "
                "known; choose another file",
                file=header.path.name,
                seen=seen,
                known=", ".join(map(str, FOLDED)),
            ),
            file=header.path,
        )
    channels, fold_px = FOLDED[seen]
    count = header.numbered("body.")
    if is_light:
        widths = tuple(header.shape(f"body.{number}.out_conv.weight")[0] for number in range(count))
        halves = (False, *(True,) * (count - 1))
        return T2IAdapterConfig(channels, fold_px, widths, header.numbered("body.0.body."), halves, is_light=True)
    # A feature's first block widens or halves; two blocks each in all that are published.
    blocks = 2
    widths = tuple(header.shape(f"body.{number}.block1.weight")[0] for number in range(0, count, blocks))
    halves = XL_HALVES if fold_px == XL_FOLD_PX else (False, *(True,) * (len(widths) - 1))
    return T2IAdapterConfig(
        channels,
        fold_px,
        widths,
        blocks,
        halves,
        narrow=header.shape("body.0.block2.weight")[2] == 1,
        pools=not any(key.endswith("down_opt.op.weight") for key in header.tensors),
    )


def _plain(header: Header) -> Header:
    """The file by the authors' names."""
    inner = header.below(PREFIX) if header.has_prefix(PREFIX) else header
    is_light = "body.0.out_conv.weight" in inner
    blocks = inner.numbered("body.0.resnets.")
    return inner.renamed(
        {key: key if not blocks else _authors_name(key, blocks, is_light=is_light) for key in inner.tensors}
    )


def _authors_name(key: str, blocks: int, *, is_light: bool) -> str:
    """Of a name in diffusers' layout, where a feature's residual blocks are counted by themselves."""
    found = re.fullmatch(r"body\.(\d+)\.(?:resnets\.(\d+)\.)?(.+)", key)
    if found is None:
        return key
    if is_light:
        return key.replace(".resnets.", ".body.")
    return f"body.{int(found[1]) * blocks + int(found[2] or 0)}.{found[3]}"
