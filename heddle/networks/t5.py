"""The encoder half of T5, in its versions 1.0 (relu), 1.1 (gated) and umT5.

Attribute names are those of the published checkpoints, so `state_dict()` is the file's layout.
Source: Raffel et al. 2020, arXiv:1910.10683, section 2.1; Shazeer 2020, arXiv:2002.05202, for the gate; Chung et al.
2023, arXiv:2304.09151, for umT5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, relu

from heddle.graph.errors import ShapeError
from heddle.graph.said import say
from heddle.networks.clip_text import EncodedText, check_layer
from heddle.networks.once_per_shape import OncePerShape
from heddle.networks.ops import Ops
from heddle.numerics.attention import attend

FARTHEST = 128  # all tokens that lie so far away or farther share one bias
NORM_EPS = 1e-6


@dataclass(frozen=True)
class T5Config:
    """Sizes of the net.

    inner_width: of the queries of all heads together, which need not be the net's width.
    buckets: how many kinds of distance there are.
    has_gate: the MLP has two layers side by side, one gating the other (1.1); else one with a relu (1.0).
    bias_in_each_layer: every layer has distances of its own (umT5); else all use the first layer's.
    """

    width: int
    layers: int
    heads: int
    inner_width: int
    mlp_width: int
    vocabulary: int = 32128
    buckets: int = 32
    has_gate: bool = True
    bias_in_each_layer: bool = False

    def __post_init__(self) -> None:
        if self.inner_width % self.heads:
            raise ShapeError(
                say(
                    "T5Config: queries {width} wide cannot be split into {heads} heads",
                    width=self.inner_width,
                    heads=self.heads,
                ),
                wanted=f"a multiple of {self.heads}",
                got=self.inner_width,
            )


def distance_buckets(length: int, buckets: int, device: torch.device) -> Tensor:
    """The kind of the distance from each token to each other one.

    One half of the kinds is for tokens that come after, one for those before. Of each half, the first half are single
    distances, the others spans that grow in proportion to the distance, up to `FARTHEST`.

    Returns: [length, length], int64; rows look, columns are looked at.
    """
    half = buckets // 2
    single = half // 2
    ways = torch.arange(length, device=device) - torch.arange(length, device=device)[:, None]
    distance = ways.abs()
    growth = (distance.clamp(min=1).float() / single).log() / math.log(FARTHEST / single)
    spans = (single + (growth * (half - single)).long()).clamp(max=half - 1)
    return torch.where(distance < single, distance, spans) + half * (ways > 0)


class Distances(NamedTuple):
    """buckets: [T, T], see `distance_buckets`. allowed: [B, T], which tokens may be looked at; None = all."""

    buckets: Tensor
    allowed: Tensor | None


class SelfAttention(nn.Module):
    """Each token looks at all others, with a bias for their distance. Logits are not divided by anything."""

    def __init__(self, config: T5Config, has_bias: bool, ops: Ops) -> None:
        super().__init__()
        self.heads = config.heads
        self.q = ops.Linear(config.width, config.inner_width, bias=False)
        self.k = ops.Linear(config.width, config.inner_width, bias=False)
        self.v = ops.Linear(config.width, config.inner_width, bias=False)
        self.o = ops.Linear(config.inner_width, config.width, bias=False)
        self.relative_attention_bias = ops.Embedding(config.buckets, config.heads) if has_bias else None
        self.root = math.sqrt(config.inner_width // config.heads)

    def forward(self, x: Tensor, distances: Distances, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """What is gathered, and the mask that was used: an own one, or the one given in a layer that has none."""
        if self.relative_attention_bias is not None:
            bias, allowed = self.relative_attention_bias(distances.buckets).permute(2, 0, 1)[None], distances.allowed
            mask = bias if allowed is None else bias.masked_fill(~allowed[:, None, None], -math.inf)
        # attend divides by the root of a head's width, which this net was trained without
        return self.o(attend(self.q(x) * self.root, self.k(x), self.v(x), self.heads, mask)), mask


class AttentionHalf(nn.Module):
    """A norm, then attention."""

    def __init__(self, config: T5Config, has_bias: bool, ops: Ops) -> None:
        super().__init__()
        self.SelfAttention = SelfAttention(config, has_bias, ops)
        self.layer_norm = ops.RMSNorm(config.width, eps=NORM_EPS)

    def forward(self, x: Tensor, distances: Distances, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        gathered, mask = self.SelfAttention(self.layer_norm(x), distances, mask)
        return x + gathered, mask


class GatedMlp(nn.Module):
    """What each token works out for itself, version 1.1."""

    def __init__(self, config: T5Config, ops: Ops) -> None:
        super().__init__()
        self.wi_0 = ops.Linear(config.width, config.mlp_width, bias=False)
        self.wi_1 = ops.Linear(config.width, config.mlp_width, bias=False)
        self.wo = ops.Linear(config.mlp_width, config.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.wo(gelu(self.wi_0(x), approximate="tanh") * self.wi_1(x))


class ReluMlp(nn.Module):
    """What each token works out for itself, version 1.0."""

    def __init__(self, config: T5Config, ops: Ops) -> None:
        super().__init__()
        self.wi = ops.Linear(config.width, config.mlp_width, bias=False)
        self.wo = ops.Linear(config.mlp_width, config.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.wo(relu(self.wi(x)))


class MlpHalf(nn.Module):
    """A norm, then the MLP."""

    def __init__(self, config: T5Config, ops: Ops) -> None:
        super().__init__()
        self.DenseReluDense = GatedMlp(config, ops) if config.has_gate else ReluMlp(config, ops)
        self.layer_norm = ops.RMSNorm(config.width, eps=NORM_EPS)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.DenseReluDense(self.layer_norm(x))


class Block(nn.Module):
    """One layer of the transformer."""

    def __init__(self, config: T5Config, has_bias: bool, ops: Ops) -> None:
        super().__init__()
        self.layer = nn.ModuleList([AttentionHalf(config, has_bias, ops), MlpHalf(config, ops)])

    def forward(self, x: Tensor, distances: Distances, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        attention, mlp = self.layer
        x, mask = attention(x, distances, mask)
        return mlp(x), mask


class Stack(nn.Module):
    """The layers and the norm after them."""

    def __init__(self, config: T5Config, ops: Ops) -> None:
        super().__init__()
        self.block = nn.ModuleList(
            Block(config, number == 0 or config.bias_in_each_layer, ops) for number in range(config.layers)
        )
        self.final_layer_norm = ops.RMSNorm(config.width, eps=NORM_EPS)


class T5(nn.Module):
    """Tokens to one vector for each of them."""

    def __init__(self, config: T5Config, ops: Ops) -> None:
        super().__init__()
        self.config = config
        self.shared = ops.Embedding(config.vocabulary, config.width)
        self.encoder = Stack(config, ops)
        self.buckets = OncePerShape(distance_buckets)

    def embed(self, tokens: Tensor) -> Tensor:
        """The vectors of tokens. tokens [B, T] -> [B, T, width]."""
        return self.shared(tokens)

    def forward(
        self,
        tokens: Tensor,
        *,
        layer: int = -1,
        with_norm: bool = True,
        vectors: Tensor | None = None,
        allowed: Tensor | None = None,
    ) -> EncodedText:
        """Encode texts, each for itself.

        Args:
            tokens: [B, T], int64, any T.
            layer: the layer whose output is taken; -1 is the last, -2 the one before it.
            with_norm: whether that output goes through the final norm.
            vectors: [B, T, width], used in place of `embed(tokens)`.
            allowed: [B, T], bool: which tokens may be looked at, at least one of each text; None = all.
        Returns: the states of `layer`; pooled is empty, [B, 0], since no token stands for a whole text.
        """
        depth = self.config.layers
        check_layer(layer, depth)
        x = self.embed(tokens) if vectors is None else vectors
        distances = Distances(self.buckets(x.shape[1], self.config.buckets, x.device), allowed)
        mask: Tensor | None = None
        for block in self.encoder.block[: depth + 1 + layer]:
            x, mask = block(x, distances, mask)
        return EncodedText(self.encoder.final_layer_norm(x) if with_norm else x, x.new_zeros(len(x), 0))
