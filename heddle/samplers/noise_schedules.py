"""How much noise a network knows at which timestep: the table it was trained with, and the maps between both scales.

What a network's output means at a noise level is said in `predictions.py`; which levels a run visits, in
`schedules.py`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

# A percentage of 0 stands for "before everything": a level that no table reaches. The number is the ecosystem's.
ABOVE_ALL_SIGMAS = 999999999.9
# What sqrt(alphas_bar)'s last entry, made 0 for a zero terminal SNR, is replaced by: an infinite sigma cannot be
# stepped from, this one (about 4519) can. The number is the ecosystem's.
LAST_ALPHA_BAR = 4.8973451890853435e-08


class NoiseSchedule(Protocol):
    """The noise levels of one network. `sigma` and `timestep` take and give tensors of any shape."""

    @property
    def sigmas(self) -> Tensor:
        """[n], float32, rising: the table that schedulers choose from."""
        ...

    @property
    def sigma_min(self) -> float: ...

    @property
    def sigma_max(self) -> float: ...

    def timestep(self, sigma: Tensor) -> Tensor:
        """What the network is told at this noise level."""
        ...

    def sigma(self, timestep: Tensor) -> Tensor:
        """The noise level at a timestep, which may lie between two of the table."""
        ...

    def percent_to_sigma(self, percent: float) -> float:
        """The level after this share of the way, 0..1 (0: before everything, 1: no noise left)."""
        ...


class _Computed(ABC):
    """A schedule whose table follows from its numbers. It is computed when it is first asked for, not at import."""

    @abstractmethod
    def _compute(self) -> Tensor: ...

    @cached_property
    def _computed(self) -> Tensor:
        return self._compute()

    @property
    def sigmas(self) -> Tensor:
        return self._computed

    @property
    def sigma_min(self) -> float:
        return float(self.sigmas[0])

    @property
    def sigma_max(self) -> float:
        return float(self.sigmas[-1])


@dataclass(frozen=True, eq=False)
class DiscreteSchedule:
    """A table whose index is the timestep.

    Args:
        sigmas: [n], rising.
        stride: trained timesteps per entry. A distilled network knows only every stride-th of them: entry i is
            timestep `i * stride + stride - 1`.
    """

    sigmas: Tensor
    stride: int = 1

    @property
    def sigma_min(self) -> float:
        return float(self.sigmas[0])

    @property
    def sigma_max(self) -> float:
        return float(self.sigmas[-1])

    @cached_property
    def log_sigmas(self) -> Tensor:
        return self.sigmas.log()

    def timestep(self, sigma: Tensor) -> Tensor:
        distance = (sigma.to(torch.float32).log() - self.log_sigmas.to(sigma.device).view(-1, *[1] * sigma.ndim)).abs()
        return distance.argmin(dim=0) * self.stride + (self.stride - 1)

    def sigma(self, timestep: Tensor) -> Tensor:
        index = (timestep.to(torch.float32) - (self.stride - 1)) / self.stride
        index = index.clamp(0, len(self.sigmas) - 1)
        logs = self.log_sigmas.to(timestep.device)
        low, high = logs[index.floor().long()], logs[index.ceil().long()]
        return (low + (high - low) * index.frac()).exp()

    def percent_to_sigma(self, percent: float) -> float:
        if percent <= 0:
            return ABOVE_ALL_SIGMAS
        if percent >= 1:
            return 0.0
        last = len(self.sigmas) * self.stride - 1
        return float(self.sigma(torch.tensor((1 - percent) * last)))


def scaled_linear(
    start: float, end: float, *, steps: int = 1000, zero_terminal_snr: bool = False, stride: int = 1
) -> DiscreteSchedule:
    """The latent-diffusion table: betas are the squares of evenly spaced roots.

    Args:
        start, end: first and last beta.
        steps: timesteps in training.
        zero_terminal_snr: the last level holds no picture at all (Lin et al. 2023, arXiv:2305.08891, algorithm 1).
        stride: keep every stride-th level only, counted from the noisy end.
    """
    # Double precision: the product of a thousand numbers near 1 loses digits in float32.
    betas = torch.linspace(start**0.5, end**0.5, steps, dtype=torch.float64) ** 2
    alphas_bar = (1 - betas).cumprod(0)
    if zero_terminal_snr:
        roots = alphas_bar.sqrt()
        roots = (roots - roots[-1]) * roots[0] / (roots[0] - roots[-1])
        alphas_bar = roots**2
        alphas_bar[-1] = LAST_ALPHA_BAR
    sigmas = ((1 - alphas_bar) / alphas_bar).sqrt().to(torch.float32)
    if stride > 1:
        sigmas = sigmas[stride - 1 :: stride].clone()
    return DiscreteSchedule(sigmas, stride)


@dataclass(frozen=True)
class _LogSpaced(_Computed):
    """A thousand levels, evenly spaced in log sigma, for networks that take any level in between as well."""

    smallest: float
    largest: float

    def _compute(self) -> Tensor:
        return torch.linspace(math.log(self.smallest), math.log(self.largest), 1000).exp()

    def percent_to_sigma(self, percent: float) -> float:
        if percent <= 0:
            return ABOVE_ALL_SIGMAS
        if percent >= 1:
            return 0.0
        low, high = math.log(self.smallest), math.log(self.largest)
        return math.exp(low + (1 - percent) * (high - low))


class ContinuousEdm(_LogSpaced):
    """t = ln(sigma) / 4. Source: Karras et al. 2022, arXiv:2206.00364, table 1, column "ours"."""

    def timestep(self, sigma: Tensor) -> Tensor:
        return sigma.log() / 4

    def sigma(self, timestep: Tensor) -> Tensor:
        return (timestep * 4).exp()


class ContinuousV(_LogSpaced):
    """t = 2/pi * atan(sigma): the angle between picture and noise, as a share of a right angle."""

    def timestep(self, sigma: Tensor) -> Tensor:
        return sigma.atan() / math.pi * 2

    def sigma(self, timestep: Tensor) -> Tensor:
        return (timestep * math.pi / 2).tan()


class CosmosFlow(_LogSpaced):
    """t = sigma / (sigma + 1): a flow's time, written for noise that is added to an unscaled picture."""

    def timestep(self, sigma: Tensor) -> Tensor:
        return sigma / (sigma + 1)

    def sigma(self, timestep: Tensor) -> Tensor:
        return timestep / (1 - timestep)


@dataclass(frozen=True)
class FlowSchedule(_Computed):
    """Rectified flow with its time moved towards the noisy end: sigma = s*u / (1 + (s - 1)*u), u = t / multiplier.

    `timestep` does not undo the shift: the network is told the noise level itself, in units of `multiplier`.
    Source: Esser et al. 2024, arXiv:2403.03206, section 5.3.2.
    """

    shift: float = 1.0
    multiplier: float = 1000.0
    steps: int = 1000

    def _compute(self) -> Tensor:
        return self.sigma(torch.arange(1, self.steps + 1) / self.steps * self.multiplier)

    def sigma(self, timestep: Tensor) -> Tensor:
        u = timestep / self.multiplier
        return self.shift * u / (1 + (self.shift - 1) * u)

    def timestep(self, sigma: Tensor) -> Tensor:
        return sigma * self.multiplier

    def percent_to_sigma(self, percent: float) -> float:
        u = min(max(1 - percent, 0.0), 1.0)
        return self.shift * u / (1 + (self.shift - 1) * u)


@dataclass(frozen=True)
class FluxSchedule(_Computed):
    """Rectified flow with its time moved by e^mu: sigma = e^mu / (e^mu + 1/t - 1).

    Source: the published inference code of FLUX.1 (time_shift). `mu` grows with the picture's size: `flux_mu`.
    """

    mu: float = 1.15
    steps: int = 10000

    def _compute(self) -> Tensor:
        return self.sigma(torch.arange(1, self.steps + 1) / self.steps)

    def sigma(self, timestep: Tensor) -> Tensor:
        grow = math.exp(self.mu)
        return grow / (grow + (1 / timestep - 1))

    def timestep(self, sigma: Tensor) -> Tensor:
        return sigma

    def percent_to_sigma(self, percent: float) -> float:
        u = min(max(1 - percent, 0.0), 1.0)
        return float(self.sigma(torch.tensor(u, dtype=torch.float64)))


def flux_mu(width_px: int, height_px: int, *, base_shift: float = 0.5, max_shift: float = 1.15) -> float:
    """The shift for a picture size: a straight line through 256 tokens (base) and 4096 tokens (max).

    A token is 16 x 16 pixels.
    """
    slope = (max_shift - base_shift) / (4096 - 256)
    return base_shift + slope * (width_px * height_px / 256 - 256)


@dataclass(frozen=True)
class CascadeSchedule(_Computed):
    """Stable Cascade's cosine curve, its log-SNR moved by -2 ln(shift).

    `timestep` stays on the curve without the shift, which is the one that the network was trained to read.
    Source: Nichol and Dhariwal 2021, arXiv:2102.09672, equation 17, with s = 0.008; Hoogeboom et al. 2023,
    arXiv:2301.11093, for the shift.
    """

    shift: float = 1.0
    offset: float = 0.008
    steps: int = 10000

    # All of it in float32, as in the published code: near the curve's clean end 1 - alphas_bar keeps few digits, and
    # the levels that networks were trained and run with are the ones with those digits.
    @cached_property
    def _first(self) -> Tensor:
        return torch.cos(torch.tensor(self.offset / (1 + self.offset) * math.pi * 0.5)) ** 2

    def _compute(self) -> Tensor:
        return self.sigma(torch.arange(1, self.steps + 1) / self.steps)

    def sigma(self, timestep: Tensor) -> Tensor:
        angle = (timestep.to(torch.float32) + self.offset) / (1 + self.offset) * math.pi * 0.5
        alphas_bar = angle.cos() ** 2 / self._first.to(timestep.device)
        if self.shift != 1:
            log_snr = (alphas_bar / (1 - alphas_bar)).log() - 2 * math.log(self.shift)
            alphas_bar = log_snr.sigmoid()
        alphas_bar = alphas_bar.clamp(0.0001, 0.9999)  # the published range: sigma stays within 0.01..100
        return ((1 - alphas_bar) / alphas_bar).sqrt()

    def timestep(self, sigma: Tensor) -> Tensor:
        alphas_bar = 1 / (sigma.to(torch.float32) ** 2 + 1)
        angle = (alphas_bar * self._first.to(sigma.device)).sqrt().acos() / (math.pi * 0.5)
        return angle * (1 + self.offset) - self.offset

    def percent_to_sigma(self, percent: float) -> float:
        if percent <= 0:
            return ABOVE_ALL_SIGMAS
        if percent >= 1:
            return 0.0
        return float(self.sigma(torch.tensor(1 - percent)))
