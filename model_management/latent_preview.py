"""Which colours a model's latents show: those published for its family, or read off the model's own autoencoder."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from heddle.numerics.latent_rgb import LatentColours, fit_colours, fit_into, latent_to_pixels
from model_management.family import LatentSpace
from model_management.handles import Model, Vae
from model_management.image_coding import working_bytes
from model_management.small_vae import SmallDecoder
from model_management.weights import Weights

#: How far the colours that are encoded lie from mid grey, of 1. Full colours would bend the fit: an autoencoder
#: presses them together at the ends of the scale, and a linear map has to choose between those and all others.
SPREAD = 0.6
PATCH_CELLS = 4


#: From a clean guess [1, C, h, w], in the network's units, to [H, W, 3] uint8 on the CPU.
Paint: TypeAlias = Callable[[Tensor], Tensor]


def painter_of(model: Model, weights: Weights, longest_px: int, decoder: SmallDecoder | None = None) -> Paint | None:
    """What makes previews of a model's latents, None if nothing is known of them.

    Args:
        longest_px: the longer side of the pictures, which may be smaller.
        decoder: of the model's family; None = by colours alone.
    """
    if decoder is not None:
        return lambda latent: decoded(latent, decoder, weights, longest_px)
    colours = colours_of(model, weights)
    return None if colours is None else lambda latent: latent_to_pixels(latent, colours, longest_px)


@torch.inference_mode()
def decoded(latent: Tensor, decoder: SmallDecoder, weights: Weights, longest_px: int) -> Tensor:
    """The picture [H, W, 3], uint8, that a small decoder makes of a latent [1, C, h, w] in the network's units."""
    with weights.hold(decoder) as net:
        rgb = net(latent.to(next(net.parameters()))).float().cpu()[0]
    pixels = rgb.mul(255).nan_to_num(nan=0.0, posinf=0.0, neginf=0.0).add(0.5).clamp(0, 255).to(torch.uint8)
    return fit_into(pixels.permute(1, 2, 0), min(longest_px, max(pixels.shape[1:])))


def colours_of(model: Model, weights: Weights) -> LatentColours | None:
    """The colours of a model's latents, None if nothing is known of them.

    The published map holds for autoencoders of the published sizes. For any other, the one in the model's own file is
    asked, once per file and ledger.
    """
    space, vae = model.latent, model.vae
    if vae is None or vae.config == space.published_vae:
        return space.colours
    return weights.worked_out(vae, "colours", lambda: read_colours(vae, space, weights))


@torch.inference_mode()
def read_colours(vae: Vae, space: LatentSpace, weights: Weights) -> LatentColours:
    """The map that fits an autoencoder, from two small pictures of four colours each that it encodes.

    Encoded colours lie where real latents do, which drawn ones do not, and encoding costs half of decoding.
    """
    corners = SPREAD * torch.tensor(list(product((-1.0, 1.0), repeat=vae.config.image_channels)))
    squares = corners.view(-1, 2, 2, vae.config.image_channels).permute(0, 3, 1, 2)
    pictures = interpolate(squares, scale_factor=float(PATCH_CELLS * vae.px_per_cell))
    height, width = pictures.shape[2:]
    with weights.hold(vae, len(pictures) * working_bytes(vae.config, height, width)) as net:
        mean, _log_variance = net.encode(pictures.to(net.encoder.conv_in.weight)).float().cpu().chunk(2, dim=1)
    return fit_colours(space.inward(mean), avg_pool2d(pictures, vae.px_per_cell))
