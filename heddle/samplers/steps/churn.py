"""Churn: going back up to a higher noise level with fresh noise before a step is taken."""

from __future__ import annotations

import math

from torch import Tensor

from heddle.samplers.sampler import NoiseSource, draw


def churned(
    x: Tensor,
    sigma: Tensor,
    noise: NoiseSource | None,
    steps: int,
    s_churn: float,
    s_tmin: float,
    s_tmax: float,
    s_noise: float,
) -> tuple[Tensor, Tensor]:
    """The latent and the level that the step really starts from; without churn, those that came in.

    Source: Karras et al. 2022, arXiv:2206.00364, algorithm 2, lines 4 to 6.

    Args:
        s_churn: how much noise over the whole run; a step raises its level by the share s_churn / steps, at most
            sqrt(2) - 1.
        s_tmin, s_tmax: only levels between these are raised.
        s_noise: factor on the fresh noise's standard deviation.
    """
    if s_churn <= 0 or not s_tmin <= float(sigma) <= s_tmax:
        return x, sigma
    raised = sigma * (1 + min(s_churn / steps, math.sqrt(2) - 1))
    return x + draw(noise, sigma, raised) * s_noise * (raised**2 - sigma**2).sqrt(), raised
