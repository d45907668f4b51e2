"""Gradient estimation: the slope is corrected by how it changed since the last step."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor

from heddle.samplers.sampler import Denoiser, OnStep, both_guesses, sampler, silent


@sampler("gradient_estimation")
def gradient_estimation(
    denoise: Denoiser, x: Tensor, sigmas: Tensor, *, on_step: OnStep = silent, ge_gamma: float = 2.0
) -> Tensor:
    """Euler steps along ge_gamma times the slope less ge_gamma - 1 times the last one.

    Source: Permenter and Yuan 2024, arXiv:2306.04848, algorithm 2.
    """
    before: Tensor | None = None
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        clean = denoise(x, sigma)
        on_step(i, x, clean)
        slope = (x - clean) / sigma
        if sigma_next == 0:
            x = clean
        else:
            better = slope if before is None else before + (slope - before) * ge_gamma
            x = x + better * (sigma_next - sigma)
        before = slope
    return x


@sampler("gradient_estimation_cfg_pp")
def gradient_estimation_cfg_pp(
    denoise: Denoiser, x: Tensor, sigmas: Tensor, *, on_step: OnStep = silent, ge_gamma: float = 2.0
) -> Tensor:
    """CFG++'s Euler steps (see `cfg_pp.py`), the slope being the negative's, with the same correction added."""
    before: Tensor | None = None
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        clean, plain = both_guesses(denoise, x, sigma)
        on_step(i, x, clean)
        slope = (x - plain) / sigma
        x = clean + slope * sigma_next
        if before is not None and sigma_next > 0:
            x = x + (slope - before) * ((ge_gamma - 1) * (sigma_next - sigma))
        before = slope
    return x
