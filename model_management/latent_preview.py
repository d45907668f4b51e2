"""Which colours a model's latents show: those published for its family, or read off the model's own autoencoder."""

from __future__ import annotations

from itertools import product

import torch
from torch.nn.functional import avg_pool2d, interpolate

from heddle.numerics.latent_rgb import LatentColours, fit_colours
from model_management.family import LatentSpace
from model_management.handles import Model, Vae
from model_management.image_coding import working_bytes
from model_management.weights import Weights

#: How far the colours that are encoded lie from mid grey, of 1. Full colours would bend the fit: an autoencoder
#: presses them together at the ends of the scale, and a linear map has to choose between those and all others.
SPREAD = 0.6
PATCH_CELLS = 4


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
    return fit_colours((mean - space.shift) * space.scale, avg_pool2d(pictures, vae.px_per_cell))
