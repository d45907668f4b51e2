"""Latents in files: `.latent`, as this ecosystem writes and reads them. They are safetensors files.

`latent_tensor` is the latent. An empty `latent_format_version_0` beside it says that it is in the VAE's own units;
files without it are older and hold what Stable Diffusion 1's network works in, which is 0.18215 times that.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from heddle.graph.errors import FileProblem
from heddle.graph.said import say

EXTENSION = ".latent"

_TENSOR, _VERSION = "latent_tensor", "latent_format_version_0"
_OLD_SCALE = 0.18215


def latent_bytes(samples: Tensor, texts: Mapping[str, str]) -> bytes:
    """A file of a latent. `texts` is its metadata, such as {prompt, workflow}."""
    tensors = {_TENSOR: samples.detach().cpu().contiguous(), _VERSION: torch.zeros(0)}
    return save(tensors, dict(texts) or None)


def read_latent(path: Path, name: str) -> Tensor:
    """The latent in a file, float32, in the VAE's units.

    Raises: FileProblem, if it is no such file, or there is nothing in it.
    """
    try:
        with safe_open(path, framework="pt") as file:
            keys: Any = file.keys()
            if _TENSOR not in keys:
                words = "{name}: it holds {found}, but no latent_tensor; choose a file that Save Latent wrote"
                found = ", ".join(sorted(keys)[:3]) or "-"
                raise FileProblem(say(words, name=name, found=found), path=path)
            samples = file.get_tensor(_TENSOR).float()
            scale = 1.0 if _VERSION in keys else 1 / _OLD_SCALE
    except (SafetensorError, OSError, ValueError) as problem:
        words = "{name}: this is no latent file ({why}); choose a file that Save Latent wrote"
        raise FileProblem(say(words, name=name, why=str(problem)), path=path) from problem
    if samples.ndim < 3 or samples.numel() == 0:
        words = "{name}: a latent of shape {found}, wanted is [B, C, h, w]; write it anew with Save Latent"
        raise FileProblem(say(words, name=name, found=str(list(samples.shape))), path=path)
    return samples * scale
