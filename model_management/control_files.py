"""From a file to the handle of a control net, or of an adapter that acts as one, in each of their published layouts."""

from __future__ import annotations

from pathlib import Path

from heddle.graph.errors import HeddleError, WeightsError
from heddle.graph.said import say
from model_management.adapter_files import MatchReport
from model_management.control import ControlNet
from model_management.control_transformers import is_flux_control, is_sd3_control, open_flux_control, open_sd3_control
from model_management.control_unets import (
    DIFFERENCE,
    LOW_RANK,
    has_diffusers_names,
    has_plain_names,
    open_low_rank_control,
    open_unet_control,
)
from model_management.family import describe_names
from model_management.handles import Model
from model_management.header import Header, read_header
from model_management.signs import has, has_prefix, holds
from model_management.t2i_adapters import is_t2i_adapter, open_t2i_adapter

#: What is met among control nets and is none, beside what is known everywhere (`known_layouts.py`).
STRANGERS = (
    (say("a full checkpoint or a diffusion model"), (has_prefix("model.diffusion_model."),)),
    (say("a style adapter, which says nothing of places"), (has("style_embedding", "proj"),)),
    (
        say("a control net of Qwen-Image"),
        (has("controlnet_blocks.0.weight", "transformer_blocks.0.img_mlp.net.0.proj.weight"),),
    ),
    (say("MistoLine's control net of FLUX.1"), (has("controlnet_blocks.0.linear.weight"),)),
    (say("a control net of Stable Cascade"), (has("backbone.0.0.weight"),)),
    (say("a control net of Hunyuan-DiT"), (has("after_proj_list.18.bias"),)),
)


def open_control_net(path: Path | str, model: Model | None = None) -> ControlNet:
    """The handle of a control net.

    Args:
        model: what a file of differences differs from; its own weights count, not what was put into it.
    Raises: WeightsError, if the file is missing, damaged, no control net, or one of differences and no model is given.
    """
    header = read_header(path)
    try:
        net = _open(header, model)
    except WeightsError:
        raise
    except (HeddleError, ValueError, IndexError, ZeroDivisionError) as problem:
        raise WeightsError(
            say(
                "{file}: its sizes make no net: {why}; the file is damaged or of another kind: choose another",
                file=header.path.name,
                why=problem,
            ),
            file=header.path,
        ) from problem
    if net is None:
        title = _title(header)
        looks = say("; it looks like {title}", title=title) if title else ""
        raise WeightsError(
            say(
                "{file} holds no control net known here{looks}: found were {found}; choose a control net "
                "or a T2I-Adapter",
                file=header.path.name,
                looks=looks,
                found=describe_names(header),
            ),
            file=header.path,
        )
    return net


def _open(header: Header, model: Model | None) -> ControlNet | None:
    """None for a file of no layout that is known."""
    if LOW_RANK in header:
        return open_low_rank_control(header)
    prefix = next((each for each in ("control_model.", "") if has_plain_names(header, each)), None)
    if prefix is not None or has_diffusers_names(header):
        return open_unet_control(header, prefix or "", model)
    if is_flux_control(header):
        return open_flux_control(header)
    if is_sd3_control(header):
        return open_sd3_control(header)
    return open_t2i_adapter(header) if is_t2i_adapter(header) else None


def _title(header: Header) -> str | None:
    """What people call a file that is no control net, where that can be seen."""
    return next((title for title, signs in STRANGERS if holds(signs, header)), None)


def match_report(net: ControlNet) -> MatchReport | None:
    """How much of its file a control net uses; None as long as it lacks what a model has."""
    if net.kind.complete is not None:
        return None
    header = net.stored.header
    used = {header.file_names.get(key, key) for key in net.stored.used_keys}
    whole = read_header(header.path).tensors
    return MatchReport(net.name, len(used), tuple(key for key in whole if key not in used and key != DIFFERENCE))
