"""The picture half of CLIP and of SigLIP: a transformer over patches.

Attribute names are those of the transformers library's checkpoints, so `state_dict()` is such a file's layout (with
`pre_layrnorm` as it is spelt there). Source: Radford et al. 2021, arXiv:2103.00020; Dosovitskiy et al. 2021,
arXiv:2010.11929; Zhai et al. 2023, arXiv:2303.15343.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn.functional import gelu

from heddle.graph.errors import ShapeError
from heddle.graph.said import say
from heddle.networks.clip_text import Encoder, Gate, quick_gelu
from heddle.networks.ops import EMBEDDING_STD, Ops


@dataclass(frozen=True)
class ClipVisionConfig:
    """Sizes of the net.

    patch_px: side of the squares that a picture is cut into; image_px: side of the picture.
    quick_gate: the layers' gate is x·σ(1.702 x), as in OpenAI's nets, and not the Gaussian one.
    projection_width: of what stands for the whole picture; 0 = it is not projected.
    is_siglip: no patch but those of the picture, normed at the end and not at the start.
    """

    width: int
    layers: int
    mlp_width: int
    heads: int
    patch_px: int = 14
    image_px: int = 224
    quick_gate: bool = False
    projection_width: int = 0
    is_siglip: bool = False

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise ShapeError(
                say(
                    "ClipVisionConfig: a width of {width} cannot be split into {heads} heads",
                    width=self.width,
                    heads=self.heads,
                ),
                wanted=f"a multiple of {self.heads}",
                got=self.width,
            )

    @property
    def positions(self) -> int:
        return (self.image_px // self.patch_px) ** 2 + (not self.is_siglip)

    @property
    def gate(self) -> Gate:
        if self.is_siglip:
            return partial(gelu, approximate="tanh")
        return quick_gelu if self.quick_gate else gelu

    @property
    def norm_eps(self) -> float:
        return 1e-6 if self.is_siglip else 1e-5


class EncodedImage(NamedTuple):
    """What is read off pictures.

    last, penultimate: [B, T, width], after the last layer and after the one before it; of T tokens the first stands for
        the whole picture, which SigLIP has none for. SigLIP's last is normed.
    whole: [B, projection_width], each picture as a whole; without a projection its normed first token; SigLIP's `last`.
    """

    last: Tensor
    penultimate: Tensor
    whole: Tensor


class PatchEmbeddings(nn.Module):
    """A vector for each patch, with its place."""

    def __init__(self, config: ClipVisionConfig, ops: Ops) -> None:
        super().__init__()
        patch = config.patch_px
        if not config.is_siglip:
            self.class_embedding = nn.Parameter(EMBEDDING_STD * torch.randn(config.width))
        self.patch_embedding = ops.Conv2d(3, config.width, patch, stride=patch, bias=config.is_siglip)
        self.position_embedding = ops.Embedding(config.positions, config.width)
        self.has_class = not config.is_siglip

    def forward(self, pixels: Tensor) -> Tensor:
        x = rearrange(self.patch_embedding(pixels), "b c h w -> b (h w) c")
        if self.has_class:
            x = torch.cat([self.class_embedding.expand(x.shape[0], 1, -1), x], dim=1)
        return x + self.position_embedding.weight


class VisionModel(nn.Module):
    """Embeddings, layers and the norms around them."""

    def __init__(self, config: ClipVisionConfig, ops: Ops) -> None:
        super().__init__()
        self.embeddings = PatchEmbeddings(config, ops)
        self.pre_layrnorm = nn.Identity() if config.is_siglip else ops.LayerNorm(config.width, config.norm_eps)
        self.encoder = Encoder(config, ops)
        self.post_layernorm = ops.LayerNorm(config.width, config.norm_eps)


class ClipVision(nn.Module):
    """Pictures to one vector for each of their patches, and one for the whole."""

    def __init__(self, config: ClipVisionConfig, ops: Ops) -> None:
        super().__init__()
        self.config = config
        self.vision_model = VisionModel(config, ops)
        if config.projection_width:
            self.visual_projection = ops.Linear(config.width, config.projection_width, bias=False)

    def forward(self, pixels: Tensor) -> EncodedImage:
        """Encode pictures, each for itself.

        Args:
            pixels: [B, 3, image_px, image_px], normalised as the net was trained.
        """
        model = self.vision_model
        penultimate, last = model.encoder(model.pre_layrnorm(model.embeddings(pixels)), -2, None)
        if self.config.is_siglip:
            last = model.post_layernorm(last)
            return EncodedImage(last, penultimate, last)
        whole = model.post_layernorm(last[:, 0])
        return EncodedImage(last, penultimate, self.visual_projection(whole) if self.config.projection_width else whole)
