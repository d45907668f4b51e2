"""Changes that turn the outputs of a layer: OFT and BOFT."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from einops import einsum, rearrange
from torch import Tensor

from heddle.graph.errors import ShapeError
from heddle.graph.said import say

SMALLEST_NORM = 1e-8


@dataclass(frozen=True)
class Rotation:
    """W + s·(R·W - W), with R turning blocks of outputs.

    Source: Qiu et al. 2023, arXiv:2306.07280, section 3.2 (Cayley's transform of skew matrices, which may be bounded);
    several factors with a butterfly's crossing between them: Liu et al. 2023, arXiv:2311.06243, section 4.

    Attributes:
        blocks: [blocks, b, b], or [factors, blocks, b, b].
        bound: the largest norm of the skew matrices together; None or 0 = any.
        rescale: [out, 1, ...], a factor for each output.
    """

    blocks: Tensor
    bound: Tensor | None = None
    rescale: Tensor | None = None

    def apply(self, weight: Tensor, strength: float) -> Tensor:
        blocks = self.blocks.float()
        size = blocks.shape[-1]
        if blocks.dim() not in (3, 4) or blocks.shape[-2] != size or blocks.shape[-3] * size != weight.shape[0]:
            raise ShapeError(
                say(
                    "blocks of shape {shape} cannot turn the {outputs} outputs of a weight",
                    shape=list(blocks.shape),
                    outputs=weight.shape[0],
                ),
                wanted=weight.shape[0],
                got=tuple(blocks.shape),
            )
        rotations = _cayley(blocks, self.bound)
        if blocks.dim() == 3:
            parts = rearrange(weight, "(k n) ... -> k n ...", n=size)
            turned = einsum(rotations, parts, "k n m, k n ... -> k m ...").reshape(weight.shape)
        else:
            turned = _butterfly(rotations, weight)
        if self.rescale is not None:
            turned = turned * self.rescale.float().reshape(-1, *[1] * (weight.dim() - 1))
        return weight + strength * (turned - weight)


def _cayley(blocks: Tensor, bound: Tensor | None) -> Tensor:
    """(I + Q)(I - Q)^-1 of the skew parts Q."""
    skew = blocks - blocks.transpose(-1, -2)
    if bound is not None:
        limit = torch.where(bound.float() > 0, bound.float(), torch.inf)
        skew = skew * (limit / (torch.linalg.vector_norm(skew) + SMALLEST_NORM)).clamp(max=1.0)
    eye = torch.eye(blocks.shape[-1], dtype=skew.dtype, device=skew.device)
    return (eye + skew) @ torch.linalg.inv(eye - skew)


def _butterfly(rotations: Tensor, weight: Tensor) -> Tensor:
    half = rotations.shape[-1] // 2
    for factor, rotation in enumerate(rotations):
        stride = 2**factor * half
        if weight.shape[0] % (2 * stride):
            raise ShapeError(
                say("{count} crossings do not fit {outputs} outputs", count=len(rotations), outputs=weight.shape[0]),
                got=weight.shape[0],
            )
        crossed = rearrange(weight, "(c g k) ... -> (c k g) ...", g=2, k=stride)
        parts = rearrange(crossed, "(n b) ... -> n b ...", b=2 * half)
        turned = einsum(rotation, parts, "n i j, n j ... -> n i ...").reshape(weight.shape)
        weight = rearrange(turned, "(c k g) ... -> (c g k) ...", g=2, k=stride)
    return weight
