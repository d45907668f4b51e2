"""Language models: each token looks at itself and at those before it (Gemma 2 and 3, Llama, Qwen 2.5).

They encode texts, and what they say of a text's last token tells which may be the next one.

Attribute names are those of the published checkpoints. Source: Touvron et al. 2023, arXiv:2302.13971, section 2.2, for
the block; Ainslie et al. 2023, arXiv:2305.13245, for keys that several queries share; Gemma Team 2024,
arXiv:2408.00118, section 2, and 2025, arXiv:2503.19786, section 2, for what Gemma does otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, rms_norm, silu

from heddle.graph.errors import ShapeError
from heddle.graph.said import say
from heddle.networks.clip_text import EncodedText, check_layer
from heddle.networks.once_per_shape import OncePerShape
from heddle.networks.ops import Ops
from heddle.numerics.attention import attend, share_heads
from heddle.numerics.rope import THETA, rotate_halves, turns

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"silu": silu, "gelu": partial(gelu, approximate="tanh")}


@dataclass(frozen=True)
class NearLayers:
    """Layers that look only at near tokens, with far ones between them that look at all (Gemma 3).

    every: each layer of this number is a far one, counted from 1.
    window: how many tokens a near layer sees, the token itself counted.
    theta: of a near layer's places; the far ones have the net's.
    """

    every: int
    window: int
    theta: float = THETA


@dataclass(frozen=True)
class CausalTextConfig:
    """Sizes of the net and the ways of its kind.

    heads, kv_heads: of the queries, and of keys and values, which neighbouring queries share.
    theta, places_per_token: of the places by which queries and keys are turned.
    has_qkv_bias: queries, keys and values have biases (Qwen 2.5).
    has_qk_norm: queries and keys are normed (Gemma 3).
    is_gemma: norms stand after attention and MLP too, their weights are told as what is more than 1, and token vectors
        begin sqrt(width) as long.
    near: None = every layer looks at all tokens before.
    score_cap: what scores of next tokens come near to and never reach (Gemma 2); None = they may be of any size.
    ties_head: the token table tells the next token, too, in files without a matrix for it.
    """

    width: int
    layers: int
    heads: int
    kv_heads: int
    head_width: int
    mlp_width: int
    vocabulary: int
    activation: Literal["silu", "gelu"] = "silu"
    norm_eps: float = 1e-6
    theta: float = THETA
    places_per_token: float = 1.0
    has_qkv_bias: bool = False
    has_qk_norm: bool = False
    is_gemma: bool = False
    near: NearLayers | None = None
    score_cap: float | None = None
    ties_head: bool = True

    def __post_init__(self) -> None:
        if self.kv_heads < 1 or self.heads % self.kv_heads:
            raise ShapeError(
                say(
                    "CausalTextConfig: {heads} heads cannot share {kv_heads} heads of keys evenly; both "
                    "sizes come from the file, which is damaged or of another kind",
                    heads=self.heads,
                    kv_heads=self.kv_heads,
                ),
                wanted="a divisor of the number of heads",
                got=self.kv_heads,
            )


class Sight(NamedTuple):
    """What one kind of layer sees.

    turn: see `turns`. mask: [T, S] or [B, 1, T, S], bool, true = may look there; None = everywhere. window: how many
    tokens each one sees, itself counted; None = all.
    """

    turn: Tensor
    mask: Tensor | None
    window: int | None


class KeysAndValues(NamedTuple):
    """Of the tokens that a layer still sees, each [B, S, kv_heads, head_width]; the keys are turned."""

    keys: Tensor
    values: Tensor

    def last(self, count: int) -> KeysAndValues:
        begin = max(0, self.keys.shape[1] - count)
        return KeysAndValues(self.keys[:, begin:], self.values[:, begin:])


@dataclass
class TextMemory:
    """What the tokens of texts left behind in each layer, so that those after them cost their own places alone.

    length: how many tokens it is of.
    """

    length: int = 0
    layers: list[KeysAndValues] = field(default_factory=list)


class LayerMemory:
    """One layer's, in the course of a run: what was there before it, and what will be after it."""

    def __init__(self, known: KeysAndValues | None) -> None:
        self.known = known

    def join(self, keys: Tensor, values: Tensor, window: int | None) -> KeysAndValues:
        """Those known with new ones behind them. What no later token sees is forgotten afterwards."""
        joined = KeysAndValues(keys, values)
        if self.known is not None:
            joined = KeysAndValues(*(torch.cat(each, dim=1) for each in zip(self.known, joined, strict=True)))
        self.known = joined if window is None else joined.last(window - 1)
        return joined


def place_turns(
    length: int, head_width: int, theta: float, per_token: float, device: torch.device, first: int = 0
) -> Tensor:
    """The turns of so many tokens in a row."""
    return turns(per_token * torch.arange(first, first + length, device=device)[:, None], (head_width,), theta)


def before(length: int, window: int | None, device: torch.device) -> Tensor:
    """[T, T], bool: which tokens each one sees: itself and those before it, the last `window` of them."""
    whole = torch.ones(length, length, dtype=torch.bool, device=device).tril()
    return whole if window is None else whole.triu(1 - window)


class RaisedNorm(nn.Module):
    """Divides by the root mean square, then scales by 1 + weight, all in float32."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        return rms_norm(x.float(), x.shape[-1:], 1 + self.weight.float(), self.eps).to(x.dtype)


def make_norm(config: CausalTextConfig, width: int, ops: Ops) -> nn.Module:
    """A norm of the net's kind."""
    return RaisedNorm(width, config.norm_eps) if config.is_gemma else ops.RMSNorm(width, eps=config.norm_eps)


class SelfAttention(nn.Module):
    """Each token looks at those that it may see."""

    def __init__(self, config: CausalTextConfig, ops: Ops) -> None:
        super().__init__()
        self.heads, self.head_width = config.heads, config.head_width
        inner, shared = config.heads * config.head_width, config.kv_heads * config.head_width
        self.q_proj = ops.Linear(config.width, inner, bias=config.has_qkv_bias)
        self.k_proj = ops.Linear(config.width, shared, bias=config.has_qkv_bias)
        self.v_proj = ops.Linear(config.width, shared, bias=config.has_qkv_bias)
        self.o_proj = ops.Linear(inner, config.width, bias=False)
        self.q_norm = make_norm(config, config.head_width, ops) if config.has_qk_norm else nn.Identity()
        self.k_norm = make_norm(config, config.head_width, ops) if config.has_qk_norm else nn.Identity()

    def forward(self, x: Tensor, sight: Sight, memory: LayerMemory | None = None) -> Tensor:
        q, k, v = (layer(x).unflatten(-1, (-1, self.head_width)) for layer in (self.q_proj, self.k_proj, self.v_proj))
        q, k = rotate_halves(self.q_norm(q), sight.turn), rotate_halves(self.k_norm(k), sight.turn)
        if memory is not None:
            k, v = memory.join(k, v, sight.window)
        k, v = share_heads(k, self.heads), share_heads(v, self.heads)
        return self.o_proj(attend(q.flatten(2), k.flatten(2), v.flatten(2), self.heads, sight.mask))


class Mlp(nn.Module):
    """What each token works out for itself: one layer gates another."""

    def __init__(self, config: CausalTextConfig, ops: Ops) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[config.activation]
        self.gate_proj = ops.Linear(config.width, config.mlp_width, bias=False)
        self.up_proj = ops.Linear(config.width, config.mlp_width, bias=False)
        self.down_proj = ops.Linear(config.mlp_width, config.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(self.activation(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    """One layer of the transformer. `post_attention_layernorm` is Llama's name for the norm before the MLP."""

    def __init__(self, config: CausalTextConfig, ops: Ops) -> None:
        super().__init__()
        self.self_attn = SelfAttention(config, ops)
        self.mlp = Mlp(config, ops)
        self.input_layernorm = make_norm(config, config.width, ops)
        self.post_attention_layernorm = make_norm(config, config.width, ops)

    def forward(self, x: Tensor, sight: Sight, memory: LayerMemory | None = None) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), sight, memory)
        return x + self.mlp(self.post_attention_layernorm(x))


class GemmaBlock(Block):
    """One layer with norms before and after each half."""

    def __init__(self, config: CausalTextConfig, ops: Ops) -> None:
        super().__init__(config, ops)
        self.pre_feedforward_layernorm = make_norm(config, config.width, ops)
        self.post_feedforward_layernorm = make_norm(config, config.width, ops)

    def forward(self, x: Tensor, sight: Sight, memory: LayerMemory | None = None) -> Tensor:
        x = x + self.post_attention_layernorm(self.self_attn(self.input_layernorm(x), sight, memory))
        return x + self.post_feedforward_layernorm(self.mlp(self.pre_feedforward_layernorm(x)))


class Stack(nn.Module):
    """The token table, the layers and the norm after them."""

    def __init__(self, config: CausalTextConfig, ops: Ops) -> None:
        super().__init__()
        block = GemmaBlock if config.is_gemma else Block
        self.embed_tokens = ops.Embedding(config.vocabulary, config.width)
        self.layers = nn.ModuleList(block(config, ops) for _ in range(config.layers))
        self.norm = make_norm(config, config.width, ops)


class CausalText(nn.Module):
    """Tokens to one vector for each of them."""

    def __init__(self, config: CausalTextConfig, ops: Ops) -> None:
        super().__init__()
        self.config = config
        self.model = Stack(config, ops)
        self.turns = OncePerShape(place_turns)
        self.before = OncePerShape(before)

    def embed(self, tokens: Tensor) -> Tensor:
        """The vectors of tokens. tokens [B, T] -> [B, T, width]."""
        return self.model.embed_tokens(tokens)

    def forward(
        self,
        tokens: Tensor,
        *,
        layer: int = -1,
        with_norm: bool = True,
        vectors: Tensor | None = None,
        allowed: Tensor | None = None,
        memory: TextMemory | None = None,
    ) -> EncodedText:
        """Encode texts, each for itself.

        Args:
            tokens: [B, T], int64, any T.
            layer: the layer whose output is taken; -1 is the last, -2 the one before it.
            with_norm: whether that output goes through the final norm.
            vectors: [B, T, width], used in place of `embed(tokens)`.
            allowed: [B, T], bool: which tokens may be looked at, the first of each text among them; None = all. Only
                without a memory.
            memory: of the tokens before these, all of which may be looked at. These are added at the end, so that a run
                which is broken off can be run again.
        Returns: the states of `layer`; pooled is empty, [B, 0], since no token stands for a whole text.
        """
        config, depth = self.config, self.config.layers
        check_layer(layer, depth)
        x = self.embed(tokens) if vectors is None else vectors
        if config.is_gemma:
            x = x * math.sqrt(config.width)
        known = 0 if memory is None else memory.length
        far = self._sight(x, None, config.theta, config.places_per_token, allowed, known)
        near = far
        if config.near is not None:
            near = self._sight(x, config.near.window, config.near.theta, 1.0, allowed, known)
        blocks = self.model.layers[: depth + 1 + layer]
        remembered = self._remembered(memory, len(blocks))
        for number, (block, each) in enumerate(zip(blocks, remembered, strict=True), start=1):
            is_near = config.near is not None and number % config.near.every != 0
            x = block(x, near if is_near else far, each)
        if memory is not None:
            memory.layers = [each.known for each in remembered if each is not None and each.known is not None]
            memory.length += x.shape[1]
        return EncodedText(self.model.norm(x) if with_norm else x, x.new_zeros(len(x), 0))

    def _remembered(self, memory: TextMemory | None, layers: int) -> list[LayerMemory] | list[None]:
        if memory is None:
            return [None] * layers
        return [LayerMemory(memory.layers[at] if memory.length else None) for at in range(layers)]

    def _sight(
        self, x: Tensor, window: int | None, theta: float, per_token: float, allowed: Tensor | None, known: int
    ) -> Sight:
        length, head_width = x.shape[1], self.config.head_width
        if known:  # as many shapes as tokens: none comes again
            turn = place_turns(length, head_width, theta, per_token, x.device, known)
            if length == 1:
                return Sight(turn, None, window)
            seen = known if window is None else min(known, window - 1)
            return Sight(turn, before(seen + length, window, x.device)[-length:], window)
        mask = self.before(length, window, x.device)
        turn = self.turns(length, head_width, theta, per_token, x.device)
        return Sight(turn, mask if allowed is None else mask & allowed[:, None, None], window)


class NextToken(nn.Module):
    """From a token's states to a score for each token that may come next: the logits of their probabilities."""

    def __init__(self, config: CausalTextConfig, ops: Ops) -> None:
        super().__init__()
        self.cap = config.score_cap
        self.lm_head = ops.Linear(config.width, config.vocabulary, bias=False)

    def forward(self, states: Tensor) -> Tensor:
        """states: [..., width], of the last layer, normed -> [..., vocabulary]."""
        scores = self.lm_head(states)
        return scores if self.cap is None else (scores / self.cap).tanh() * self.cap
