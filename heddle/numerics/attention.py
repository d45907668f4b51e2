"""Attention: the one place where queries meet keys. Which kernel runs is torch's choice."""

from __future__ import annotations

from einops import rearrange
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention


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
    return rearrange(scaled_dot_product_attention(q, k, v, attn_mask=mask), "b heads t d -> b t (heads d)")


def share_heads(x: Tensor, heads: int) -> Tensor:
    """Keys or values of fewer heads, so that each serves as many neighbouring heads of queries.

    Args:
        x: [B, S, shared, d], where shared divides heads.
    Returns: [B, S, heads, d]; x itself where there are as many.
    Source: Ainslie et al. 2023, arXiv:2305.13245, section 2.2.
    """
    shared = x.shape[2]
    return x if shared == heads else x.repeat_interleave(heads // shared, dim=2)
