"""The text half of CLIP: a causal transformer over tokens, as OpenAI and as OpenCLIP trained it.

Attribute names are those of the published checkpoints below `cond_stage_model.transformer.`, so `state_dict()` is the
file's layout. Source: Radford et al. 2021, arXiv:2103.00020; Cherti et al. 2022, arXiv:2212.07143.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from heddle.graph.errors import ShapeError
from heddle.graph.said import say
from heddle.networks.ops import AddingBlock, Ops
from heddle.numerics.attention import attend, check_heads

HEAD_WIDTH = 64


#: What stands between the two layers of an Mlp.
Gate: TypeAlias = Callable[[Tensor], Tensor]


def quick_gelu(x: Tensor) -> Tensor:
    return x * torch.sigmoid(1.702 * x)


class LayerSizes(Protocol):
    """What a layer of the transformer needs to know of a net."""

    @property
    def width(self) -> int: ...
    @property
    def layers(self) -> int: ...
    @property
    def mlp_width(self) -> int: ...
    @property
    def heads(self) -> int: ...
    @property
    def gate(self) -> Gate: ...
    @property
    def norm_eps(self) -> float: ...


@dataclass(frozen=True)
class ClipTextConfig:
    """Sizes of the net. The vocabulary's last entry is the token that ends a text.

    quick_gate: the layers' gate is x·σ(1.702 x), as in OpenAI's nets, and not the Gaussian one that it stands near.
    projection_width: of what the pooled vector is projected to; 0 = it is not.
    """

    width: int
    layers: int
    mlp_width: int
    vocabulary: int = 49408
    positions: int = 77
    quick_gate: bool = True
    projection_width: int = 0

    def __post_init__(self) -> None:
        check_heads("ClipTextConfig", self.width, HEAD_WIDTH)

    @property
    def heads(self) -> int:
        return self.width // HEAD_WIDTH

    @property
    def end_token(self) -> int:
        return self.vocabulary - 1

    @property
    def gate(self) -> Gate:
        return quick_gelu if self.quick_gate else gelu

    @property
    def norm_eps(self) -> float:
        return 1e-5


class EncodedText(NamedTuple):
    """states: [B, T, width], one for each token. pooled: [B, width or projection_width], one for each text."""

    states: Tensor
    pooled: Tensor


def check_layer(layer: int, depth: int) -> None:
    """Raises: ShapeError, if a text encoder of so many layers has no such one; -1 is its last."""
    if not -depth <= layer <= -1:
        raise ShapeError(
            say(
                "this text encoder has {depth} layers, so its layers are -1 to -{depth}; {layer} was asked for",
                depth=depth,
                layer=layer,
            ),
            wanted=f"-{depth}..-1",
            got=layer,
        )


class Embeddings(nn.Module):
    """A vector for each token and one for each place."""

    def __init__(self, config: ClipTextConfig, ops: Ops) -> None:
        super().__init__()
        self.token_embedding = ops.Embedding(config.vocabulary, config.width)
        self.position_embedding = ops.Embedding(config.positions, config.width)
        # Published files carry these numbers, so ours do; they are counted here and never read from a file, since
        # merged checkpoints are known with this row damaged by averaging. The device is named so that they are there
        # also in a net that is built on the meta device.
        self.register_buffer("position_ids", torch.arange(config.positions, device="cpu")[None])

    def forward(self, vectors: Tensor) -> Tensor:
        return vectors + self.position_embedding.weight[: vectors.shape[1]]


class SelfAttention(AddingBlock):
    """Each token looks at those that the mask lets it see."""

    def __init__(self, config: LayerSizes, ops: Ops) -> None:
        super().__init__()
        self.heads = config.heads
        self.q_proj = ops.Linear(config.width, config.width)
        self.k_proj = ops.Linear(config.width, config.width)
        self.v_proj = ops.Linear(config.width, config.width)
        self.out_proj = ops.Linear(config.width, config.width)

    def last_layer(self) -> nn.Module:
        return self.out_proj

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        return self.out_proj(attend(self.q_proj(x), self.k_proj(x), self.v_proj(x), self.heads, mask))


class Mlp(AddingBlock):
    """What each token works out for itself."""

    def __init__(self, config: LayerSizes, ops: Ops) -> None:
        super().__init__()
        self.gate = config.gate
        self.fc1 = ops.Linear(config.width, config.mlp_width)
        self.fc2 = ops.Linear(config.mlp_width, config.width)

    def last_layer(self) -> nn.Module:
        return self.fc2

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.gate(self.fc1(x)))


class Layer(nn.Module):
    """One layer of the transformer, normed before each half."""

    def __init__(self, config: LayerSizes, ops: Ops) -> None:
        super().__init__()
        self.layer_norm1 = ops.LayerNorm(config.width, config.norm_eps)
        self.self_attn = SelfAttention(config, ops)
        self.layer_norm2 = ops.LayerNorm(config.width, config.norm_eps)
        self.mlp = Mlp(config, ops)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        x = x + self.self_attn(self.layer_norm1(x), mask)
        return x + self.mlp(self.layer_norm2(x))


class Encoder(nn.Module):
    """The stack of layers."""

    def __init__(self, config: LayerSizes, ops: Ops) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(config, ops) for _ in range(config.layers))

    def forward(self, x: Tensor, chosen: int, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """What comes out of the chosen layer (-1 is the last), and out of the last."""
        states = x
        for number, layer in enumerate(self.layers, start=-len(self.layers)):
            x = layer(x, mask)
            if number == chosen:
                states = x
        return states, x


class TextModel(nn.Module):
    """Embeddings, layers and the norm after the last of them."""

    def __init__(self, config: ClipTextConfig, ops: Ops) -> None:
        super().__init__()
        self.embeddings = Embeddings(config, ops)
        self.encoder = Encoder(config, ops)
        self.final_layer_norm = ops.LayerNorm(config.width)


class ClipText(nn.Module):
    """Tokens to one vector for each of them, and one for the whole text."""

    def __init__(self, config: ClipTextConfig, ops: Ops) -> None:
        super().__init__()
        self.config = config
        self.text_model = TextModel(config, ops)
        if config.projection_width:
            self.text_projection = ops.Linear(config.width, config.projection_width, bias=False)

    def embed(self, tokens: Tensor) -> Tensor:
        """The vectors of tokens, before places are added. tokens [B, T] -> [B, T, width]."""
        return self.text_model.embeddings.token_embedding(tokens)

    def forward(
        self, tokens: Tensor, *, layer: int = -1, with_norm: bool = True, vectors: Tensor | None = None
    ) -> EncodedText:
        """Encode texts, each for itself.

        Args:
            tokens: [B, T], int64, T at most `config.positions`. A text ends at its first end token.
            layer: the layer whose output is taken; -1 is the last, -2 the one before it.
            with_norm: whether that output goes through the final norm. The pooled vector always does.
            vectors: [B, T, width], used in place of `embed(tokens)` (for learned words that are no tokens).
        Returns: the states of `layer`; pooled, the last layer's state where each text ends, normed and projected.
        """
        depth = self.config.layers
        check_layer(layer, depth)
        if tokens.shape[1] > self.config.positions:
            raise ShapeError(
                say(
                    "this text encoder reads {limit} tokens at once, {count} were given; encode the text in chunks",
                    limit=self.config.positions,
                    count=tokens.shape[1],
                ),
                wanted=self.config.positions,
                got=tokens.shape[1],
            )
        embeddings, final_norm = self.text_model.embeddings, self.text_model.final_layer_norm
        x = embeddings(self.embed(tokens) if vectors is None else vectors)
        length = x.shape[1]
        no_later_ones = torch.ones(length, length, dtype=torch.bool, device=x.device).tril()
        chosen, last = self.text_model.encoder(x, layer, no_later_ones)
        end = (tokens == self.config.end_token).int().argmax(dim=-1)
        pooled = final_norm(last[torch.arange(len(tokens), device=tokens.device), end])
        if self.config.projection_width:
            pooled = self.text_projection(pooled)
        return EncodedText(final_norm(chosen) if with_norm else chosen, pooled)


def unprojected(config: ClipTextConfig, ops: Ops) -> ClipText:
    """The net for those who read its pooled vector as it is, also where the file has a projection for it."""
    return ClipText(replace(config, projection_width=0), ops)
