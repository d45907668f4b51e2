"""PhotoMaker: who is seen on a picture, put into the word of a prompt that says what kind of person it is.

Attribute names are those of the published files. Source: Li et al. 2023, arXiv:2312.04461, section 3.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from heddle.networks.clip_vision import ClipVisionConfig, VisionModel
from heddle.networks.ops import Ops


@dataclass(frozen=True)
class PhotoMakerConfig:
    """Sizes of the net.

    vision: of the encoder, `projection_width` that of its first projection.
    second_width: of its second projection; both side by side are as wide as a word.
    """

    vision: ClipVisionConfig
    second_width: int

    @property
    def context_width(self) -> int:
        return self.vision.projection_width + self.second_width


class Mlp(nn.Module):
    """A norm and two layers; what comes in is added where it is as wide as what comes out."""

    def __init__(self, in_width: int, width: int, ops: Ops) -> None:
        super().__init__()
        self.layernorm = ops.LayerNorm(in_width)
        self.fc1 = ops.Linear(in_width, width)
        self.fc2 = ops.Linear(width, width)
        self.is_residual = in_width == width

    def forward(self, x: Tensor) -> Tensor:
        made = self.fc2(gelu(self.fc1(self.layernorm(x))))
        return made + x if self.is_residual else made


class FuseModule(nn.Module):
    """A word and a person to that word with the person in it."""

    def __init__(self, width: int, ops: Ops) -> None:
        super().__init__()
        self.mlp1 = Mlp(2 * width, width, ops)
        self.mlp2 = Mlp(width, width, ops)
        self.layer_norm = ops.LayerNorm(width)

    def forward(self, word: Tensor, person: Tensor) -> Tensor:
        """Both [B, width]."""
        return self.layer_norm(self.mlp2(self.mlp1(torch.cat([word, person], dim=-1)) + word))


class PhotoMaker(nn.Module):
    """A vision encoder with two projections, as the text encoders of Stable Diffusion XL are two, and what fuses."""

    def __init__(self, config: PhotoMakerConfig, ops: Ops) -> None:
        super().__init__()
        self.config = config
        width = config.vision.width
        self.vision_model = VisionModel(config.vision, ops)
        self.visual_projection = ops.Linear(width, config.vision.projection_width, bias=False)
        self.visual_projection_2 = ops.Linear(width, config.second_width, bias=False)
        self.fuse_module = FuseModule(config.context_width, ops)

    def forward(self, pixels: Tensor, word: Tensor) -> Tensor:
        """A word of the prompt with a person in it.

        Args:
            pixels: [B, 3, image_px, image_px], normalised as for CLIP.
            word: [B, context_width], as the text encoders read it.
        Returns: [B, context_width].
        """
        model = self.vision_model
        _, last = model.encoder(model.pre_layrnorm(model.embeddings(pixels)), -1, None)
        whole = model.post_layernorm(last[:, 0])
        person = torch.cat([self.visual_projection(whole), self.visual_projection_2(whole)], dim=-1)
        return self.fuse_module(word, person)
