"""Consistency models: the clean guess, noised anew to the next level."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor

from heddle.numerics.resize import resize
from heddle.samplers.mixing import ADDED, Mixing
from heddle.samplers.sampler import Denoiser, NoiseSource, OnStep, draw, sampler, silent


@sampler("lcm")
def lcm(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    *,
    on_step: OnStep = silent,
    noise: NoiseSource | None = None,
    mixing: Mixing = ADDED,
    s_noise: float = 1.0,
    s_noise_end: float = 1.0,
    noise_clip_std: float = 0.0,
) -> Tensor:
    """Source: Luo et al. 2023, arXiv:2310.04378, algorithm 3 (multistep consistency sampling).

    Args:
        s_noise, s_noise_end: factors on the noise at the first and the last step that adds any, in between on a line.
        noise_clip_std: noise is cut at so many of its standard deviations; 0 cuts nothing.
    """
    last = max(len(sigmas) - (3 if len(sigmas) and sigmas[-1] == 0 else 2), 1)
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        clean = denoise(x, sigma)
        on_step(i, x, clean)
        x = clean
        if sigma_next > 0:
            fresh = draw(noise, sigma, sigma_next)
            if noise_clip_std > 0:
                fresh = fresh.clamp(-noise_clip_std, noise_clip_std)  # it is drawn with unit variance
            factor = s_noise + (s_noise_end - s_noise) * (i / last)
            x = clean * mixing.alpha(float(sigma_next)) + fresh * (float(sigma_next) * factor)
    return x


@sampler("lcm_upscale")
def lcm_upscale(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    *,
    on_step: OnStep = silent,
    noise: NoiseSource | None = None,
    mixing: Mixing = ADDED,
    scale_ratio: float = 1.0,
    scale_steps: int = -1,
    upscale_method: str = "bislerp",
) -> Tensor:
    """`lcm` whose clean guess is enlarged, before it is noised anew, by equal amounts up to `scale_ratio`.

    Args:
        scale_steps: after how many of the first steps it grows; below 0 half of the levels, at least one step.
        upscale_method: one of `heddle.numerics.resize.METHODS`.
    """
    growing = max(len(sigmas) // 2, 1) if scale_steps < 0 else min(scale_steps, len(sigmas))
    height, width = x.shape[-2:]
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        clean = denoise(x, sigma)
        on_step(i, x, clean)
        x = clean
        if i < growing:
            ratio = 1 + (scale_ratio - 1) * (i + 1) / growing
            x = resize(clean, max(round(width * ratio), 1), max(round(height * ratio), 1), upscale_method)
        if sigma_next > 0:
            x = x * mixing.alpha(float(sigma_next)) + draw(noise, sigma, sigma_next, x) * float(sigma_next)
    return x
