"""Attention: the one place where queries meet keys. Which kernel runs is torch's choice, unless a person makes one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

import torch
from einops import rearrange
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from heddle.graph.errors import ShapeError
from heddle.graph.said import say


class AttentionKernel(Protocol):
    def __call__(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, /) -> Tensor:
        """softmax(q kᵀ / √d + mask) v for q [B, heads, T, d] and k, v [B, heads, S, d]: [B, heads, T, d]."""
        ...


def torch_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, /) -> Tensor:
    """By whichever kernel torch finds best for device, shape and type."""
    return scaled_dot_product_attention(q, k, v, attn_mask=mask)


_kernel: ContextVar[AttentionKernel] = ContextVar("attention kernel", default=torch_attention)


@contextmanager
def attending_by(kernel: AttentionKernel) -> Iterator[None]:
    """All attention of this thread (or task) is computed by this kernel until the block ends.

    Compiled nets are left out: they attend by torch's, into which the compiler sees.
    """
    token = _kernel.set(kernel)
    try:
        yield
    finally:
        _kernel.reset(token)


def attend(q: Tensor, k: Tensor, v: Tensor, heads: int, mask: Tensor | None = None) -> Tensor:
    """Multi-head attention: softmax(q kᵀ / √d) v in each head, the heads side by side again.

    Args:
        q: [B, T, heads * d].
        k, v: [B, S, heads * d].
        mask: broadcastable to [B, heads, T, S]; bool (true = may look there) or a number added to the logits.
    Returns: [B, T, heads * d].
    Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.2.
    """
    q, k, v = (rearrange(each, "b t (heads d) -> b heads t d", heads=heads) for each in (q, k, v))
    kernel = torch_attention if torch.compiler.is_compiling() else _kernel.get()
    return rearrange(kernel(q, k, v, mask), "b heads t d -> b t (heads d)")


def share_heads(x: Tensor, heads: int) -> Tensor:
    """Keys or values of fewer heads, so that each serves as many neighbouring heads of queries.

    Args:
        x: [B, S, shared, d], where shared divides heads.
    Returns: [B, S, heads, d]; x itself where there are as many.
    Source: Ainslie et al. 2023, arXiv:2305.13245, section 2.2.
    """
    shared = x.shape[2]
    return x if shared == heads else x.repeat_interleave(heads // shared, dim=2)


def check_heads(kind: str, width: int, head_width: int) -> None:
    """Raises: ShapeError, naming what kind of net it is, if its width cannot be split into such heads."""
    if width % head_width:
        raise ShapeError(
            say(
                "{kind}: a width of {width} cannot be split into heads of {head_width}; use a multiple of {head_width}",
                kind=kind,
                width=width,
                head_width=head_width,
            ),
            wanted=f"a multiple of {head_width}",
            got=width,
        )
