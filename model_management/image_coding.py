"""Images to latents and back, a few at a time."""

from __future__ import annotations

from collections.abc import Callable

import torch
from einops import rearrange
from torch import Tensor

from heddle.graph.errors import ShapeError
from heddle.networks.small_vae import SmallVaeConfig
from heddle.networks.vae import VaeConfig
from model_management.handles import Vae
from model_management.weights import Weights

PART_BYTES = 1 << 30  # a batch is split so that running a part takes about this much
#: Layers of the finest scale that are in memory at once, counted in those of the second finest scale's width.
LAYERS_AT_ONCE = 4


def encode_image(
    vae: Vae, image: Tensor, weights: Weights, on_part: Callable[[int, int], None] = lambda done, total: None
) -> Tensor:
    """The latents of images: the mean of what the encoder gives, so that the same image has the same latent.

    Args:
        image: [B, H, W, 3 or more], 0..1, H and W multiples of `vae.px_per_cell`. Channels after the third are dropped.
        on_part: told how many of the batch are done; may raise.
    Returns: [B, C, h, w] in the VAE's units, float32 on the CPU.
    Raises: ShapeError, if H or W is no multiple of `vae.px_per_cell`.
    """
    pixels = rearrange(image[..., : vae.config.image_channels], "b h w c -> b c h w") * 2 - 1
    height, width = pixels.shape[2:]
    each_bytes = working_bytes(vae.config, height, width)
    with weights.hold(vae, each_bytes) as net:
        weight = next(net.parameters())
        latents = []
        for part in pixels.split(max(1, PART_BYTES // each_bytes)):
            # What follows after the means are variances, where the net has any.
            latents.append(net.encode(part.to(weight)).float().cpu()[:, : vae.latent_channels])
            on_part(sum(map(len, latents)), len(pixels))
    return torch.cat(latents)


def decode_latent(
    vae: Vae, latent: Tensor, weights: Weights, on_part: Callable[[int, int], None] = lambda done, total: None
) -> Tensor:
    """The images of latents.

    Args:
        latent: [B, C, h, w] in the VAE's units.
        on_part: told how many of the batch are done; may raise.
    Returns: [B, H, W, 3], 0..1, float32 on the CPU.
    Raises: ShapeError, if the latent has another number of channels than the VAE.
    """
    if latent.ndim != 4 or latent.shape[1] != vae.latent_channels:
        raise ShapeError(
            f"the latent has shape {list(latent.shape)}, but this VAE wants [B, {vae.latent_channels}, h, w]; "
            "decode it with the VAE of the model that made it",
            wanted=vae.latent_channels,
            got=tuple(latent.shape),
        )
    cell = vae.px_per_cell
    each_bytes = working_bytes(vae.config, latent.shape[2] * cell, latent.shape[3] * cell)
    with weights.hold(vae, each_bytes) as net:
        weight = next(net.parameters())
        images = []
        for part in latent.split(max(1, PART_BYTES // each_bytes)):
            pixels = net.decode(part.to(weight)).float().cpu()
            images.append(rearrange(pixels.add(1).div(2).clamp(0, 1), "b c h w -> b h w c"))
            on_part(sum(map(len, images)), len(latent))
    return torch.cat(images).contiguous()


def working_bytes(config: VaeConfig | SmallVaeConfig, height_px: int, width_px: int) -> int:
    """About how much memory it takes to encode or decode one image, beside the weights. In float32."""
    return height_px * width_px * max(config.widths[:2]) * LAYERS_AT_ONCE * torch.float32.itemsize
