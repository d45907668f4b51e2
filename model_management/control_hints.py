"""A control's hint brought to what its net looks at: the latent's size, pixels or a latent, with or without a mask."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from heddle.graph.errors import GraphError
from heddle.graph.said import say
from heddle.numerics.resize import resize
from heddle.samplers.conditions import Area
from heddle.samplers.fitting import fit_batch
from heddle.samplers.windows import Window
from model_management.control import Control, LatentHint, PixelHint
from model_management.handles import Model
from model_management.image_coding import encode_image
from model_management.weights import Weights

Note: TypeAlias = Callable[[str], None]

PLAIN_CHANNELS = 3


def fitted_hint(control: Control, model: Model, shape: tuple[int, ...], weights: Weights, note: Note) -> Tensor:
    """What the net is shown of the whole picture.

    Args:
        shape: of the run's latent, [B, C, h, w].
        note: told of a hint that is resized.
    Returns: [1 or B, C, H, W] pixels 0..1, or [1 or B, C, h, w] a latent.
    Raises: GraphError, if the hint or the VAE has other channels than the net looks at.
    """
    wanted = control.net.kind.hint
    if isinstance(wanted, PixelHint):
        hint = _at_size(_channels(control, wanted.channels), wanted.px_per_cell, control, shape, note)
    else:
        hint = _latent(wanted, control, model, shape, weights, note)
    return fit_batch(hint, shape[0]) if hint.shape[0] > 1 else hint


def hint_of_window(hint: Tensor, wanted: PixelHint | LatentHint, window: Window | None) -> Tensor:
    """What of a fitted hint belongs to a window of the run."""
    if window is None:
        return hint
    return window.of(hint, wanted.px_per_cell if isinstance(wanted, PixelHint) else 1)


def hint_of_area(hint: Tensor, wanted: PixelHint | LatentHint, area: Area | None) -> Tensor:
    """What of a fitted hint lies on an area of the latent, in sides that the net can read."""
    if area is not None:
        cell = wanted.px_per_cell if isinstance(wanted, PixelHint) else 1
        hint = Area(area.height * cell, area.width * cell, area.top * cell, area.left * cell).cut(hint)
    if isinstance(wanted, PixelHint):
        height, width = (-(-side // wanted.multiple_px) * wanted.multiple_px for side in hint.shape[-2:])
        if hint.shape[-2:] != (height, width):
            hint = resize(hint, width, height, "nearest-exact", "disabled")
    return hint


def _channels(control: Control, count: int) -> Tensor:
    """The hint [B, C, H, W] with so many channels."""
    hint = control.hint.movedim(-1, 1)
    if count == 1:
        return hint[:, :PLAIN_CHANNELS].mean(1, keepdim=True)
    if hint.shape[1] < count:
        raise GraphError(
            say(
                "the control net {net} wants an image of {count} channels, but this one has {found}",
                net=control.net.name,
                count=count,
                found=hint.shape[1],
            ),
            found=hint.shape[1],
            wanted=count,
        )
    return hint[:, :count]


def _at_size(hint: Tensor, px_per_cell: int, control: Control, shape: tuple[int, ...], note: Note) -> Tensor:
    height, width = (size * px_per_cell for size in shape[-2:])
    if hint.shape[-2:] == (height, width):
        return hint
    note(
        say(
            "the image for {net} is {found_width} x {found_height}, the picture {width} x {height}: "
            "it is resized, and what is too much at two sides is cut",
            net=control.net.name,
            found_width=hint.shape[-1],
            found_height=hint.shape[-2],
            width=width,
            height=height,
        )
    )
    return resize(hint, width, height, "nearest-exact", "center")


def _latent(
    wanted: LatentHint, control: Control, model: Model, shape: tuple[int, ...], weights: Weights, note: Note
) -> Tensor:
    vae, space = control.vae, model.latent
    assert vae is not None
    if vae.latent_channels != space.channels:
        raise GraphError(
            say(
                "vae: its latents have {channels} channels, but the control net {net} looks at those of "
                "{made_for}, with {wanted}; connect the model's VAE",
                channels=vae.latent_channels,
                net=control.net.name,
                made_for=control.net.kind.made_for,
                wanted=space.channels,
            ),
            input_name="vae",
            found=vae.latent_channels,
            wanted=space.channels,
        )
    hint = _at_size(_channels(control, PLAIN_CHANNELS), vae.px_per_cell, control, shape, note)
    hint = hint if wanted.prepare is None else wanted.prepare(hint)
    latent = encode_image(vae, hint.movedim(1, -1), weights, note=note)
    latent = space.inward(latent) if wanted.has_shift else latent * space.scale
    if wanted.has_mask:
        assert control.keep is not None
        keep = resize(control.keep.to(latent), latent.shape[-1], latent.shape[-2], "nearest-exact", "center")
        count = max(len(latent), len(keep))
        latent = torch.cat([fit_batch(latent, count), fit_batch(keep, count)], dim=1)
    return latent
