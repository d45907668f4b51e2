"""Nets that turn what a vision encoder read off a picture into tokens that stand behind a text's.

Attribute names are those of the published files. Sources: Mou et al. 2023, arXiv:2302.08453, and its published style
adapter for Stable Diffusion 1; Black Forest Labs' published FLUX.1 Redux.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from heddle.networks.clip_text import Encoder, Gate, quick_gelu
from heddle.networks.ops import EMBEDDING_STD, Ops


@dataclass(frozen=True)
class StyleConfig:
    """Sizes of the style adapter.

    width: of the vision encoder's states. context_width: of a text's tokens.
    """

    width: int
    context_width: int
    tokens: int
    layers: int
    mlp_width: int
    heads: int = 8

    @property
    def gate(self) -> Gate:
        return quick_gelu

    @property
    def norm_eps(self) -> float:
        return 1e-5


class StyleAdapter(nn.Module):
    """Learned tokens look at all that was read off the picture, and are what is left of it."""

    def __init__(self, config: StyleConfig, ops: Ops) -> None:
        super().__init__()
        self.config = config
        self.style_embedding = nn.Parameter(EMBEDDING_STD * torch.randn(1, config.tokens, config.width))
        self.ln_pre = ops.LayerNorm(config.width, config.norm_eps)
        self.transformer_layes = Encoder(config, ops)
        self.ln_post = ops.LayerNorm(config.width, config.norm_eps)
        self.proj = ops.Linear(config.width, config.context_width, bias=False)

    def forward(self, states: Tensor) -> Tensor:
        """states: [B, T, width], the vision encoder's last. Returns: [B, tokens, context_width]."""
        learned = self.style_embedding.expand(len(states), -1, -1)
        _, x = self.transformer_layes(self.ln_pre(torch.cat([states, learned], dim=1)), -1, None)
        return self.proj(self.ln_post(x[:, -self.config.tokens :]))


@dataclass(frozen=True)
class ReduxConfig:
    """Sizes of Redux. width: of the vision encoder's states. context_width: of a text's tokens."""

    width: int
    context_width: int
    inner_width: int


class Redux(nn.Module):
    """Each of a picture's tokens becomes one of a text's."""

    def __init__(self, config: ReduxConfig, ops: Ops) -> None:
        super().__init__()
        self.config = config
        self.redux_up = ops.Linear(config.width, config.inner_width)
        self.redux_down = ops.Linear(config.inner_width, config.context_width)

    def forward(self, states: Tensor) -> Tensor:
        """states: [B, T, width], the vision encoder's last. Returns: [B, T, context_width]."""
        return self.redux_down(silu(self.redux_up(states)))
