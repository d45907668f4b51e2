"""What packs find in `import node_helpers`: small turns of conditionings, pictures and names."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import torch
from PIL import ImageFile, UnidentifiedImageError


def conditioning_set_values(
    conditioning: list[Any], values: Mapping[str, Any] | None = None, append: bool = False
) -> list[Any]:
    """A conditioning whose entries carry more values; with `append` lists that are there already grow at their end."""
    made = []
    for states, carried in conditioning:
        more = dict(carried)
        for name, value in (values or {}).items():
            more[name] = more[name] + value if append and more.get(name) is not None else value
        made.append([states, more])
    return made


def conditioning_set_values_with_timestep_range(
    conditioning: list[Any],
    values: Mapping[str, Any] | None = None,
    start_percent: float = 0.0,
    end_percent: float = 1.0,
) -> list[Any]:
    """A conditioning that carries the values between two points of the sampling only, and is as it was around it."""
    made = []
    for entry in conditioning:
        begin, end = entry[1].get("start_percent", 0.0), entry[1].get("end_percent", 1.0)
        inner = max(begin, start_percent), min(end, end_percent)
        if inner[0] >= inner[1]:  # they do not meet: nothing changes
            made.append(entry)
            continue
        for low, high, extra in ((begin, inner[0], {}), (*inner, dict(values or {})), (inner[1], end, {})):
            if low < high:
                made.append([entry[0], {**entry[1], **extra, "start_percent": low, "end_percent": high}])
    return made


def pillow(function: Callable[..., Any], arg: Any) -> Any:
    """Call a function of Pillow; once more and less strictly, if the file is cut short."""
    strict = ImageFile.LOAD_TRUNCATED_IMAGES
    try:
        return function(arg)
    except (OSError, UnidentifiedImageError, ValueError):
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        return function(arg)
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = strict


def hasher() -> Any:
    """The hash function for files."""
    return hashlib.sha256


def string_to_torch_dtype(string: str) -> torch.dtype | None:
    """The type that `fp32`, `fp16` or `bf16` means; None for any other word."""
    return {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}.get(string)


def image_alpha_fix(destination: torch.Tensor, source: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Destination and source, the source with as many channels: without its alpha, or with an opaque one."""
    have, want = source.shape[-1], destination.shape[-1]
    if want < have:
        source = source[..., :want]
    elif want > have:
        source = torch.nn.functional.pad(source, (0, want - have), value=1.0)
    return destination, source
