"""Images and latents brought to another size, as the node engines of this ecosystem do it."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image as Pillow
from torch import Tensor
from torch.nn import functional

METHODS = ("nearest-exact", "bilinear", "area", "bicubic", "bislerp", "lanczos")
CROPS = ("disabled", "center")


def resize(x: Tensor, width: int, height: int, method: str, crop: str = "disabled") -> Tensor:
    """Bring x to width x height.

    Args:
        x: [B, C, h, w], or [B, C, F, h, w] for frames, which are resized one by one.
        width, height: of the result, in x's own cells; 0 for one of them keeps the aspect, for both keeps x.
        method: one of METHODS. `bislerp` turns the channel vectors of neighbours into each other, which keeps a
            latent's variance; `lanczos` works in 8 bits on values 0..1, as Pillow does.
        crop: `center` first cuts what is too much at two sides, so that nothing is stretched.
    Returns: [B, C, height, width] or [B, C, F, height, width], of x's type.
    """
    if method not in METHODS:
        raise ValueError(f"method {method!r}: there are {', '.join(METHODS)}")
    if x.ndim == 5:
        batch, _, frames = x.shape[:3]
        flat = resize(x.transpose(1, 2).flatten(0, 1), width, height, method, crop)
        return flat.unflatten(0, (batch, frames)).transpose(1, 2)
    if width == 0 and height == 0:
        return x
    width, height = fill_size(width, height, x.shape[-1], x.shape[-2])
    if len(x) == 0:
        return x.new_zeros(0, x.shape[1], height, width)
    if crop == "center":
        x = _crop_to_aspect(x, width, height)
    if method == "bislerp":
        return _bislerp(x, width, height)
    if method == "lanczos":
        return _lanczos(x, width, height)
    return functional.interpolate(x, size=(height, width), mode=method)


def resize_images(images: Tensor, width: int, height: int, method: str, crop: str = "disabled") -> Tensor:
    """The same for images [B, H, W, C]."""
    return resize(images.movedim(-1, 1), width, height, method, crop).movedim(1, -1)


def fill_size(width: int, height: int, old_width: int, old_height: int, least: int = 1) -> tuple[int, int]:
    """The size with a 0 replaced by what keeps the aspect; then neither side is less than `least`."""
    if width == 0:
        height = max(least, height)
        width = max(least, round(old_width * height / old_height))
    elif height == 0:
        width = max(least, width)
        height = max(least, round(old_height * width / old_width))
    return width, height


def _crop_to_aspect(x: Tensor, width: int, height: int) -> Tensor:
    """The middle of x with the aspect of width x height. The same is cut at both sides, so it may be off by a cell."""
    old_height, old_width = x.shape[-2:]
    old_aspect, aspect = old_width / old_height, width / height
    left = round((old_width - old_width * (aspect / old_aspect)) / 2) if old_aspect > aspect else 0
    top = round((old_height - old_height * (old_aspect / aspect)) / 2) if old_aspect < aspect else 0
    return x[..., top : old_height - top, left : old_width - left]


def _bislerp(x: Tensor, width: int, height: int) -> Tensor:
    """Spherical interpolation along the width, then along the height, in float32."""
    y = _slerp_along(x.float(), -1, width)
    return _slerp_along(y, -2, height).to(x.dtype)


def _slerp_along(x: Tensor, dim: int, length: int) -> Tensor:
    """Resample one axis with pixel centres aligned, as bilinear does, but with slerp between the two neighbours."""
    old = x.shape[dim]
    centres = (torch.arange(length, dtype=torch.float64, device=x.device) + 0.5) * old / length - 0.5
    centres = centres.clamp(0, old - 1)
    first = centres.floor().long()
    second = (first + 1).clamp(max=old - 1)
    part = (centres - first).to(x.dtype)
    part = part if dim == -1 else part[:, None]
    return _slerp(x.index_select(dim, first), x.index_select(dim, second), part)


def _slerp(a: Tensor, b: Tensor, part: Tensor) -> Tensor:
    """From a (part 0) to b (part 1) on the sphere of channel vectors; lengths go linearly. [B, C, h, w] all.

    Source: Shoemake 1985, with its two exceptions: equal directions have no arc, opposite ones no single arc.
    """
    length_a, length_b = a.norm(dim=1, keepdim=True), b.norm(dim=1, keepdim=True)
    unit_a = torch.where(length_a > 0, a / length_a, torch.zeros_like(a))
    unit_b = torch.where(length_b > 0, b / length_b, torch.zeros_like(b))
    cosine = (unit_a * unit_b).sum(dim=1, keepdim=True)
    angle = cosine.clamp(-1, 1).acos()
    arc = ((1 - part) * angle).sin() * unit_a + (part * angle).sin() * unit_b
    turned = arc / angle.sin() * (length_a * (1 - part) + length_b * part)
    turned = torch.where(cosine > 1 - 1e-5, a, turned)
    return torch.where(cosine < 1e-5 - 1, a * (1 - part) + b * part, turned)


def _lanczos(x: Tensor, width: int, height: int) -> Tensor:
    """Pillow's three-lobed Lanczos, in 8 bits. Colour with alpha is resized together, other channels each alone."""
    resized = [_lanczos_one(image, width, height) for image in x.detach().float().cpu().numpy()]
    return torch.from_numpy(np.stack(resized)).to(x)


def _lanczos_one(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """[C, h, w] to [C, height, width]."""
    bytes_of = np.clip(np.nan_to_num(image) * 255, 0, 255).astype(np.uint8)
    if len(image) in (3, 4):
        planes = [np.ascontiguousarray(bytes_of.transpose(1, 2, 0))]
    else:
        planes = list(bytes_of)
    done = [np.asarray(Pillow.fromarray(p).resize((width, height), Pillow.Resampling.LANCZOS)) for p in planes]
    stacked = done[0].transpose(2, 0, 1) if len(image) in (3, 4) else np.stack(done)
    return stacked.astype(np.float32) / np.float32(255)
