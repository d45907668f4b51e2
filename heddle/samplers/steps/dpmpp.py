"""DPM-Solver++: steps that are exact where the clean guess does not change."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor

from heddle.samplers.sampler import Denoiser, OnStep, sampler, silent


@sampler("dpmpp_2m")
def dpmpp_2m(denoise: Denoiser, x: Tensor, sigmas: Tensor, *, on_step: OnStep = silent) -> Tensor:
    """Second order from one denoiser call a step: the clean guess is extrapolated from this step and the last.

    Time is measured in lambda = -ln(sigma). The first step, and the last one when it goes to 0 (where lambda has no
    end), are of first order. Source: Lu et al. 2022, arXiv:2211.01095, algorithm 2.
    """
    clean_before: Tensor | None = None
    span_before: Tensor | None = None
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        clean = denoise(x, sigma)
        on_step(i, x, clean)
        span = sigma.log() - sigma_next.log()
        target = clean
        # A level that is visited twice has no length to extrapolate through.
        if clean_before is not None and span_before is not None and span_before > 0 and sigma_next > 0:
            # Half a step beyond this guess, along the line through the last one.
            target = clean + (clean - clean_before) * (span / (2 * span_before))
        shrink = sigma_next / sigma
        x = target + (x - target) * shrink
        clean_before, span_before = clean, span
    return x
