"""Kernels of attention that one may choose: torch's own, two of ours that need little memory, those of packages.

A package's kernel computes what it can, and torch's the rest: on a CPU, in float32, with a mask, in wide heads.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad, scaled_dot_product_attention

from heddle.graph.errors import GraphError
from heddle.graph.said import say
from heddle.numerics.attention import AttentionKernel, torch_attention

PART_BYTES = 64 << 20  # of logits that are in memory at once
KEYS_AT_ONCE = 1024
FLASH_WIDEST, SAGE_WIDEST = 256, 128  # numbers of a head, as those packages say
ALIGNED = 8  # xformers wants the rows of a mask to begin at multiples of this


def attend_by_queries(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, /) -> Tensor:
    """So many queries at once as `PART_BYTES` of logits allow, each with all keys."""
    rows = max(1, PART_BYTES // (q.shape[0] * q.shape[1] * k.shape[2] * q.element_size()))
    parts = [
        scaled_dot_product_attention(q[:, :, begin : begin + rows], k, v, attn_mask=_cut(mask, -2, begin, rows))
        for begin in range(0, q.shape[2], rows)
    ]
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)


def attend_by_parts(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, /) -> Tensor:
    """Some queries at once with some keys at once: memory does not grow with the square of the length.

    Sums over keys are brought along with the largest logit so far, so that nothing overflows.
    Source: Rabe and Staats 2021, arXiv:2112.05682, section 3.
    """
    columns = min(k.shape[2], KEYS_AT_ONCE)
    rows = max(1, PART_BYTES // (q.shape[0] * q.shape[1] * columns * torch.float32.itemsize))
    parts = [
        _over_keys(q[:, :, begin : begin + rows], k, v, _cut(mask, -2, begin, rows), columns)
        for begin in range(0, q.shape[2], rows)
    ]
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)


def _over_keys(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, columns: int) -> Tensor:
    scaled = q * q.shape[-1] ** -0.5
    largest = q.new_full((*q.shape[:-1], 1), -torch.inf, dtype=torch.float32)
    weights = torch.zeros_like(largest)
    sums = torch.zeros_like(largest).expand(*q.shape[:-1], v.shape[-1])
    for begin in range(0, k.shape[2], columns):
        logits = (scaled @ k[:, :, begin : begin + columns].transpose(-1, -2)).float()
        part = _cut(mask, -1, begin, columns)
        if part is not None:
            logits = logits.masked_fill(~part, -torch.inf) if part.dtype == torch.bool else logits + part
        now = torch.maximum(largest, logits.amax(-1, keepdim=True))
        base = now.where(now > -torch.inf, 0)  # a query that may look nowhere yet
        share = (logits - base).exp()
        before = (largest - base).exp()
        weights = weights * before + share.sum(-1, keepdim=True)
        sums = sums * before + (share.to(v.dtype) @ v[:, :, begin : begin + columns]).float()
        largest = now
    return (sums / weights).to(q.dtype)


def _cut(mask: Tensor | None, axis: int, begin: int, length: int) -> Tensor | None:
    """The mask's part along one axis, where it has one."""
    if mask is None or mask.dim() < -axis or mask.shape[axis] == 1:
        return mask
    return mask.narrow(axis, begin, min(length, mask.shape[axis] - begin))


def _xformers(package: ModuleType) -> AttentionKernel:
    attention: Any = package.memory_efficient_attention

    def kernel(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, /) -> Tensor:
        if not _is_on_a_gpu(q):
            return torch_attention(q, k, v, mask)
        bias = None if mask is None else _aligned_bias(mask, q, k.shape[2])
        # heads beside each other, as the package has them
        q, k, v = (each.transpose(1, 2) for each in (q, k, v))
        return attention(q, k, v, attn_bias=bias).transpose(1, 2)

    return kernel


def _aligned_bias(mask: Tensor, q: Tensor, length: int) -> Tensor:
    """A mask as numbers that are added, for each head and query."""
    bias = torch.zeros_like(mask, dtype=q.dtype).masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else mask
    bias = bias.to(q.dtype).expand(*q.shape[:3], length)
    return pad(bias, (0, -length % ALIGNED))[..., :length]


def _sage(package: ModuleType) -> AttentionKernel:
    attention: Any = package.sageattn

    def kernel(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, /) -> Tensor:
        if not _is_half_on_a_gpu(q) or mask is not None or q.shape[-1] > SAGE_WIDEST:
            return torch_attention(q, k, v, mask)
        return attention(q, k, v, tensor_layout="HND", is_causal=False)

    return kernel


def _flash(package: ModuleType) -> AttentionKernel:
    attention: Any = package.flash_attn_func

    def kernel(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, /) -> Tensor:
        if not _is_half_on_a_gpu(q) or mask is not None or q.shape[-1] > FLASH_WIDEST:
            return torch_attention(q, k, v, mask)
        q, k, v = (each.transpose(1, 2) for each in (q, k, v))
        return attention(q, k, v, dropout_p=0.0, causal=False).transpose(1, 2)

    return kernel


def _is_on_a_gpu(x: Tensor) -> bool:
    return x.is_cuda


def _is_half_on_a_gpu(x: Tensor) -> bool:
    return _is_on_a_gpu(x) and x.dtype in (torch.float16, torch.bfloat16)


_OWN: dict[str, AttentionKernel] = {
    "pytorch attention": torch_attention,
    "sub-quadratic attention": attend_by_parts,
    "split attention": attend_by_queries,
}

#: Name of the choice -> the package that one installs, the module with the function, and what makes the kernel of it.
_OF_PACKAGES: dict[str, tuple[str, str, Callable[[ModuleType], AttentionKernel]]] = {
    "xformers attention": ("xformers", "xformers.ops", _xformers),
    "sage attention": ("sageattention", "sageattention", _sage),
    "flash attention": ("flash-attn", "flash_attn", _flash),
}

KERNELS = (*_OWN, *_OF_PACKAGES)


def kernel_named(name: str) -> AttentionKernel:
    """One of `KERNELS`.

    Raises: GraphError, naming the package that it needs, if that is not installed or does not load.
    """
    if name in _OWN:
        return _OWN[name]
    package, module, make = _OF_PACKAGES[name]
    try:
        return make(importlib.import_module(module))  # heavy, and seldom there
    except (ImportError, OSError, AttributeError) as problem:
        raise GraphError(
            say(
                "{name} needs the package {package}, which does not load here ({why}); install it (pip "
                "install {package}), or choose {own}",
                name=name,
                package=package,
                why=problem,
                own=", ".join(_OWN),
            ),
            found=name,
            wanted=package,
        ) from problem
