"""IP-Adapter: what a vision encoder reads off an image, as tokens and as keys and values for a UNet's cross-attention.

Attribute names are those of the published files (`image_proj.*`, `ip_adapter.N.to_k_ip.weight`), so `state_dict()` is
the file's layout. Source: Ye et al. 2023, arXiv:2308.06721, section 3.2; for the resampler Alayrac et al. 2022,
arXiv:2204.14198, section 3.1.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from einops import rearrange
from torch import Tensor, nn

from heddle.graph.errors import ShapeError
from heddle.graph.said import say
from heddle.networks.ops import Ops
from heddle.numerics.attention import attend

#: How the image becomes tokens: one linear layer over the picture as a whole; a resampler, or an MLP for each patch,
#: over the second last layer's states.
Projection: TypeAlias = Literal["linear", "resampler", "mlp"]


@dataclass(frozen=True)
class IpAdapterConfig:
    """Sizes of the adapter.

    in_width: of what is read off the image. context_width: of a token, which is that of the UNet's text.
    tokens: how many an image becomes; 0 = as many as it has patches (`mlp`).
    layer_widths: of the UNet's cross-attentions, in the file's order.
    width, depth, mlp_width: of the resampler. inner_width: of its queries, all heads together.
    """

    projection: Projection
    in_width: int
    context_width: int
    tokens: int
    layer_widths: tuple[int, ...]
    width: int = 0
    depth: int = 0
    mlp_width: int = 0
    inner_width: int = 0
    heads: int = 1

    def __post_init__(self) -> None:
        if self.inner_width % self.heads:
            raise ShapeError(
                say(
                    "IpAdapterConfig: queries {width} wide cannot be split into {heads} heads",
                    width=self.inner_width,
                    heads=self.heads,
                ),
                wanted=f"a multiple of {self.heads}",
                got=self.inner_width,
            )

    @property
    def reads_whole(self) -> bool:
        """It is given one vector for the picture as a whole, and not one for each patch."""
        return self.projection == "linear"


class LinearProjection(nn.Module):
    """The picture as a whole to a few tokens."""

    def __init__(self, config: IpAdapterConfig, ops: Ops) -> None:
        super().__init__()
        self.tokens = config.tokens
        self.proj = ops.Linear(config.in_width, config.tokens * config.context_width)
        self.norm = ops.LayerNorm(config.context_width)

    def forward(self, whole: Tensor) -> Tensor:
        return self.norm(rearrange(self.proj(whole), "b (t d) -> b t d", t=self.tokens))


class MlpProjection(nn.Module):
    """Each patch to a token."""

    def __init__(self, config: IpAdapterConfig, ops: Ops) -> None:
        super().__init__()
        self.proj = nn.Sequential(
            ops.Linear(config.in_width, config.in_width),
            nn.GELU(),
            ops.Linear(config.in_width, config.context_width),
            ops.LayerNorm(config.context_width),
        )

    def forward(self, states: Tensor) -> Tensor:
        return self.proj(states)


class ResamplerAttention(nn.Module):
    """Tokens look at the patches and at each other."""

    def __init__(self, config: IpAdapterConfig, ops: Ops) -> None:
        super().__init__()
        width, inner = config.width, config.inner_width
        self.heads = config.heads
        self.norm1 = ops.LayerNorm(width)
        self.norm2 = ops.LayerNorm(width)
        self.to_q = ops.Linear(width, inner, bias=False)
        self.to_kv = ops.Linear(width, 2 * inner, bias=False)
        self.to_out = ops.Linear(inner, width, bias=False)

    def forward(self, patches: Tensor, tokens: Tensor) -> Tensor:
        own = self.norm2(tokens)
        k, v = self.to_kv(torch.cat([self.norm1(patches), own], dim=1)).chunk(2, dim=-1)
        return self.to_out(attend(self.to_q(own), k, v, self.heads))


class ResamplerBlock(nn.ModuleList):
    """What the tokens gather, then what each works out for itself."""

    def __init__(self, config: IpAdapterConfig, ops: Ops) -> None:
        mlp = nn.Sequential(
            ops.LayerNorm(config.width),
            ops.Linear(config.width, config.mlp_width, bias=False),
            nn.GELU(),
            ops.Linear(config.mlp_width, config.width, bias=False),
        )
        super().__init__([ResamplerAttention(config, ops), mlp])

    def forward(self, patches: Tensor, tokens: Tensor) -> Tensor:
        attention, mlp = self
        tokens = tokens + attention(patches, tokens)
        return tokens + mlp(tokens)


class Resampler(nn.Module):
    """However many patches to a fixed number of tokens, which are learnt and gather what they want."""

    def __init__(self, config: IpAdapterConfig, ops: Ops) -> None:
        super().__init__()
        width = config.width
        self.latents = nn.Parameter(torch.randn(1, config.tokens, width) / width**0.5)
        self.proj_in = ops.Linear(config.in_width, width)
        self.proj_out = ops.Linear(width, config.context_width)
        self.norm_out = ops.LayerNorm(config.context_width)
        self.layers = nn.ModuleList(ResamplerBlock(config, ops) for _ in range(config.depth))

    def forward(self, states: Tensor) -> Tensor:
        patches = self.proj_in(states)
        tokens = self.latents.expand(len(states), -1, -1)
        for block in self.layers:
            tokens = block(patches, tokens)
        return self.norm_out(self.proj_out(tokens))


class KeysValues(nn.Module):
    """Keys and values of one cross-attention."""

    def __init__(self, context_width: int, width: int, ops: Ops) -> None:
        super().__init__()
        self.to_k_ip = ops.Linear(context_width, width, bias=False)
        self.to_v_ip = ops.Linear(context_width, width, bias=False)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        return self.to_k_ip(tokens), self.to_v_ip(tokens)


_PROJECTIONS: dict[Projection, type[LinearProjection | MlpProjection | Resampler]] = {
    "linear": LinearProjection,
    "mlp": MlpProjection,
    "resampler": Resampler,
}


class IpAdapter(nn.Module):
    """Both halves of an adapter. The picture's keys and values are the same in every step, so a run needs it once."""

    def __init__(self, config: IpAdapterConfig, ops: Ops) -> None:
        super().__init__()
        self.config = config
        self.image_proj = _PROJECTIONS[config.projection](config, ops)
        # Files count all attentions, and those of a picture to itself have nothing of their own.
        self.ip_adapter = nn.ModuleDict(
            {
                str(2 * number + 1): KeysValues(config.context_width, width, ops)
                for number, width in enumerate(config.layer_widths)
            }
        )

    def forward(self, seen: Tensor) -> Tensor:
        """Images to tokens, [B, tokens, context_width].

        Args:
            seen: [B, in_width] where the picture as a whole is read, else [B, T, in_width].
        """
        return self.image_proj(seen)

    def keys_values(self, tokens: Tensor) -> list[tuple[Tensor, Tensor]]:
        """For each cross-attention, in the file's order, [B, T, its width] twice."""
        return [layer(tokens) for layer in self.ip_adapter.values()]
