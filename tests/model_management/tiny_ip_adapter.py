"""IP-Adapters of every published layout for tiny models, small enough to write in a test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

KINDS = ("base", "plus", "full")

WHOLE, STATES = 24, 20  # widths of what the vision encoder says of a picture and of its patches
TOKENS, RESAMPLER, MLP, DEPTH, INNER = 5, 32, 128, 4, 128  # depth and the MLP's four times as those of published files


def ip_adapter_tensors(kind: str, context: int, layers: Sequence[int], seed: int = 11) -> dict[str, Tensor]:
    """The file's tensors, with joined names.

    Args:
        layers: widths of the model's cross-attentions, in the file's order.
    """
    random = torch.Generator().manual_seed(seed)

    def draw(*shape: int, mean: float = 0.0) -> Tensor:
        return torch.randn(shape, generator=random) * 0.2 + mean

    shapes: dict[str, tuple[int, ...]] = {}
    norms: dict[str, int] = {}
    if kind == "base":
        shapes = {"proj.weight": (4 * context, WHOLE), "proj.bias": (4 * context,)}
        norms = {"norm": context}
    elif kind == "full":
        shapes = {"proj.0.weight": (STATES, STATES), "proj.0.bias": (STATES,)}
        shapes |= {"proj.2.weight": (context, STATES), "proj.2.bias": (context,)}
        norms = {"proj.3": context}
    else:
        shapes = {"latents": (1, TOKENS, RESAMPLER)}
        shapes |= {"proj_in.weight": (RESAMPLER, STATES), "proj_in.bias": (RESAMPLER,)}
        shapes |= {"proj_out.weight": (context, RESAMPLER), "proj_out.bias": (context,)}
        norms = {"norm_out": context}
        for number in range(DEPTH):
            layer = f"layers.{number}"
            shapes |= {
                f"{layer}.0.to_q.weight": (INNER, RESAMPLER),
                f"{layer}.0.to_kv.weight": (2 * INNER, RESAMPLER),
                f"{layer}.0.to_out.weight": (RESAMPLER, INNER),
                f"{layer}.1.1.weight": (MLP, RESAMPLER),
                f"{layer}.1.3.weight": (RESAMPLER, MLP),
            }
            norms |= {f"{layer}.0.norm1": RESAMPLER, f"{layer}.0.norm2": RESAMPLER, f"{layer}.1.0": RESAMPLER}
    tensors = {f"image_proj.{name}": draw(*shape) for name, shape in shapes.items()}
    for name, width in norms.items():
        tensors |= {f"image_proj.{name}.weight": draw(width, mean=1.0), f"image_proj.{name}.bias": draw(width)}
    for number, width in enumerate(layers):
        for letter in "kv":
            tensors[f"ip_adapter.{2 * number + 1}.to_{letter}_ip.weight"] = draw(width, context)
    return tensors


def nested(tensors: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """The same as a table in tables, as torch.save is given it."""
    tables: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        table, _, rest = name.partition(".")
        tables.setdefault(table, {})[rest] = tensor
    return tables


def written(path: Path, tensors: dict[str, Tensor]) -> Path:
    """In the layout that goes with the file's name."""
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save(nested(tensors), path)
    return path


def seen(kind: str, images: int = 1, seed: int = 12) -> Tensor:
    """What a vision encoder may say of images."""
    shape: tuple[Any, ...] = (images, WHOLE) if kind == "base" else (images, 7, STATES)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))
