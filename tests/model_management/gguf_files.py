"""GGUF files with the content of others, made for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tests.heddle.prompts.tables import write_gguf

F32, F16, Q8_0, BF16 = 0, 1, 8, 30
_WHOLE = {F32: torch.float32, F16: torch.float16, BF16: torch.bfloat16}


def as_q8_0(tensor: Tensor) -> tuple[bytes, Tensor]:
    """Blocks of 32 numbers with one scale each, and the numbers that they stand for."""
    blocks = tensor.float().reshape(-1, 32)
    scale = (blocks.abs().amax(1, keepdim=True) / 127).half()
    numbers = torch.where(scale > 0, (blocks / scale.float()).round(), 0).clamp(-127, 127).to(torch.int8)
    raw = torch.cat([scale.view(torch.uint8), numbers.view(torch.uint8)], dim=1)
    return raw.numpy().tobytes(), (scale.float() * numbers.float()).view(tensor.shape)


def write_gguf_tensors(
    path: Path, tensors: dict[str, Tensor], entries: dict[str, Any] | None = None, own_shapes: bool = False
) -> dict[str, Tensor]:
    """Write what fills whole blocks as Q8_0 and the rest as it is. Returns: the numbers that the file stands for.

    own_shapes: tensors whose rows do not fill blocks are stored in blocks too, in another shape, and say their own.
    """
    entries = dict(entries or {})
    stored: dict[str, tuple[int, tuple[int, ...], bytes]] = {}
    numbers: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        shape = tuple(tensor.shape)
        fills = tensor.ndim == 2 and shape[-1] % 32 == 0
        if own_shapes and tensor.ndim > 1 and not fills and tensor.numel() % 32 == 0:
            entries[f"comfy.gguf.orig_shape.{name}"] = list(shape)
            shape, fills = (tensor.numel() // 32, 32), True
        if fills:
            content, numbers[name] = as_q8_0(tensor)
            stored[name] = (Q8_0, shape, content)
        else:
            kind = next((kind for kind, dtype in _WHOLE.items() if dtype == tensor.dtype), F32)
            whole = tensor.to(_WHOLE[kind])
            numbers[name] = whole.float()
            stored[name] = (kind, shape, whole.contiguous().view(torch.uint8).numpy().tobytes() if whole.ndim else b"")
    write_gguf(path, {"general.architecture": "test", **entries}, tensors=stored)
    return numbers
