"""How picture and noise make a noisy latent, as far as samplers ask: x = alpha * picture + sigma * noise."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from heddle.samplers.noise_schedules import ContinuousEdm


@dataclass(frozen=True)
class Mixing:
    """Noise that is added (alpha = 1), or mixed in (a flow: alpha = 1 - sigma).

    Many methods are written in lambda = ln(alpha / sigma), half the logarithm of the signal-to-noise ratio. Numbers
    here are Python's: levels are few, and double precision costs nothing.

    Args:
        percent_to_sigma: of the network's noise schedule.
    """

    is_flow: bool
    percent_to_sigma: Callable[[float], float]

    def alpha(self, sigma: float) -> float:
        """The picture's share."""
        return 1 - sigma if self.is_flow else 1.0

    def log_snr(self, sigma: float) -> float:
        """lambda. It has no end at 0, nor at a flow's 1."""
        return math.log(self.alpha(sigma) / sigma)

    def sigma(self, log_snr: float) -> float:
        """The level with this lambda."""
        return 1 / (1 + math.exp(log_snr)) if self.is_flow else math.exp(-log_snr)

    def log_ratio(self, sigma: Tensor) -> Tensor:
        """-lambda, in the level's own arithmetic."""
        return sigma.logit() if self.is_flow else sigma.log()

    def at_log_ratio(self, log_ratio: Tensor) -> Tensor:
        """The level with this -lambda, in its own arithmetic."""
        return log_ratio.sigmoid() if self.is_flow else log_ratio.exp()

    def below_one(self, sigmas: Tensor) -> Tensor:
        """Levels whose first has a lambda: a flow that starts from noise alone starts a ten-thousandth further on."""
        if not self.is_flow or not len(sigmas) or sigmas[0] < 1:
            return sigmas
        sigmas = sigmas.clone()
        sigmas[0] = self.percent_to_sigma(1e-4)
        return sigmas


ADDED = Mixing(is_flow=False, percent_to_sigma=ContinuousEdm(0.0292, 14.615).percent_to_sigma)
"""Of a sampler that is called without a network: added noise, between the ends of Stable Diffusion's table."""

MIXED = Mixing(is_flow=True, percent_to_sigma=lambda percent: 1 - percent)
"""The same for a flow whose time is its level."""
