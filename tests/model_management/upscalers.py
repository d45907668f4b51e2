"""Small upscalers of spandrel's architectures, with seeded weights, in files."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from heddle.numerics.torchvision_door import import_torchvision
from model_management.upscale_models import UpscaleModel, open_upscale_model

#: Architecture, and the sizes that make it small. Published files have others.
SMALL: dict[str, dict[str, Any]] = {
    "ESRGAN": {"num_filters": 8, "num_blocks": 2, "scale": 2},
    "Compact": {"num_feat": 8, "num_conv": 2},
    "SPAN": {"num_in_ch": 3, "num_out_ch": 3, "feature_channels": 16},
    "SwinIR": {"depths": [2, 2], "num_heads": [2, 2], "embed_dim": 12, "window_size": 8, "upsampler": "pixelshuffle"},
    "DAT": {"depth": [2], "num_heads": [2], "embed_dim": 60, "split_size": [8, 16], "img_size": 16},
    "HAT": {"depths": (2,), "num_heads": (2,), "embed_dim": 60, "window_size": 8, "upsampler": "pixelshuffle"},
    "SCUNet": {"config": [1] * 7, "dim": 64},
    "DnCNN": {"nc": 8, "nb": 4, "mode": "DnCNN"},
    "OmniSR": {"num_feat": 16},
    "LaMa": {"in_nc": 4},
}

#: Those of SMALL that take a factor by this name.
FACTORS = {"SwinIR": "upscale", "HAT": "upscale"}


def weights_of(architecture: str) -> dict[str, Tensor]:
    """Seeded weights of an architecture; of an ESRGAN around mid grey, so that little is cut off at black."""
    import_torchvision()
    net_class = getattr(importlib.import_module(f"spandrel.architectures.{architecture}"), architecture)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        factor = {FACTORS[architecture]: 2} if architecture in FACTORS else {}
        weights = net_class(**SMALL[architecture], **factor).state_dict()
    if architecture == "ESRGAN":
        weights["model.7.bias"] += 0.5
        weights["model.7.weight"] *= 5
    return weights


def open_small(architecture: str, folder: Path) -> UpscaleModel:
    path = folder / f"{architecture}.pth"
    torch.save(weights_of(architecture), path)
    return open_upscale_model(path)


def spandrels_own(weights: dict[str, Tensor]) -> Any:
    """What spandrel itself makes of them."""
    import_torchvision()
    import spandrel

    return spandrel.MAIN_REGISTRY.load(dict(weights)).eval()
