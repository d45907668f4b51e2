"""What a network's input and output mean: the parametrisations.

Each holds the noise schedule that the network was trained with and gives four formulas: what the network is shown, what
its output says about the clean latent, how a run begins, how it ends. Wherever a formula takes `sigma`, it is a tensor
that broadcasts against the latent: 0-d for a whole batch, or [B, 1, 1, 1].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from heddle.samplers.noise_schedules import NoiseSchedule


class Prediction(Protocol):
    @property
    def schedule(self) -> NoiseSchedule: ...

    @property
    def is_flow(self) -> bool:
        """Noise and picture are mixed, (1 - sigma) to sigma, rather than added."""
        ...

    def scale_input(self, sigma: Tensor, x: Tensor) -> Tensor:
        """The network's input from the noisy latent."""
        ...

    def denoised(self, sigma: Tensor, output: Tensor, x: Tensor) -> Tensor:
        """The clean latent from the network's output and the noisy latent."""
        ...

    def start(self, sigma: Tensor, noise: Tensor, latent: Tensor, max_denoise: bool = False) -> Tensor:
        """The first noisy latent. `max_denoise`: the run starts at the table's end, where no picture is left."""
        ...

    def finish(self, sigma: Tensor, x: Tensor) -> Tensor:
        """The result, from the last latent at the last level (0 in a complete run)."""
        ...


@dataclass(frozen=True, eq=False)
class Epsilon:
    """The network says the noise: clean = x - sigma * output. Source: Ho et al. 2020, arXiv:2006.11239.

    Args:
        sigma_data: standard deviation of the latents in training, 1 for all but EDM's own networks.
    """

    schedule: NoiseSchedule
    sigma_data: float = 1.0
    is_flow = False

    def scale_input(self, sigma: Tensor, x: Tensor) -> Tensor:
        return x / (sigma**2 + self.sigma_data**2) ** 0.5

    def denoised(self, sigma: Tensor, output: Tensor, x: Tensor) -> Tensor:
        return x - output * sigma

    def start(self, sigma: Tensor, noise: Tensor, latent: Tensor, max_denoise: bool = False) -> Tensor:
        # At the table's end the network expects the variance of data and noise together, also where the latent is
        # empty.
        level = (1 + sigma**2) ** 0.5 if max_denoise else sigma
        return latent + noise * level

    def finish(self, sigma: Tensor, x: Tensor) -> Tensor:
        return x


class Velocity(Epsilon):
    """The network says a mix of noise and picture. Source: Salimans and Ho 2022, arXiv:2202.00512, section 4."""

    def denoised(self, sigma: Tensor, output: Tensor, x: Tensor) -> Tensor:
        total = sigma**2 + self.sigma_data**2
        return x * self.sigma_data**2 / total - output * sigma * self.sigma_data / total**0.5


class Edm(Epsilon):
    """Velocity with its sign turned. Source: Karras et al. 2022, arXiv:2206.00364, equation 7 and table 1."""

    def denoised(self, sigma: Tensor, output: Tensor, x: Tensor) -> Tensor:
        total = sigma**2 + self.sigma_data**2
        return x * self.sigma_data**2 / total + output * sigma * self.sigma_data / total**0.5


class Clean(Epsilon):
    """The network says the clean latent itself."""

    def denoised(self, sigma: Tensor, output: Tensor, x: Tensor) -> Tensor:
        return output


class Lcm(Epsilon):
    """A consistency model that says noise: its guess is trusted ever less as the timestep falls to 0.

    Source: Luo et al. 2023, arXiv:2310.04378, equation 10 and section 4.1 (sigma_data 0.5, timestep scaling 10).
    """

    def denoised(self, sigma: Tensor, output: Tensor, x: Tensor) -> Tensor:
        time = self.schedule.timestep(sigma).to(x.dtype) * 10
        skip = 0.5**2 / (time**2 + 0.5**2)
        guess = time / (time**2 + 0.5**2) ** 0.5
        return guess * (x - output * sigma) + skip * x


@dataclass(frozen=True, eq=False)
class Flow:
    """The network says the way from the picture to the noise; x = (1 - sigma) * picture + sigma * noise.

    Source: Liu et al. 2022, arXiv:2209.03003.
    """

    schedule: NoiseSchedule
    is_flow = True

    def scale_input(self, sigma: Tensor, x: Tensor) -> Tensor:
        return x

    def denoised(self, sigma: Tensor, output: Tensor, x: Tensor) -> Tensor:
        return x - output * sigma

    def start(self, sigma: Tensor, noise: Tensor, latent: Tensor, max_denoise: bool = False) -> Tensor:
        return sigma * noise + (1 - sigma) * latent

    def finish(self, sigma: Tensor, x: Tensor) -> Tensor:
        # A run that ends early hands its latent on as if unmixed; `start` without noise mixes it back. At 1 there is
        # no picture in it, and dividing would make infinities of pure noise.
        share = 1 - sigma
        return x / share.where(share > 0, 1.0)


@dataclass(frozen=True, eq=False)
class CosmosRectified:
    """A flow network behind unmixed latents (x = picture + sigma * noise).

    Source: the published inference code of Cosmos-Predict2 (RectifiedFlowScaling).
    """

    schedule: NoiseSchedule
    is_flow = False

    def scale_input(self, sigma: Tensor, x: Tensor) -> Tensor:
        return x / (sigma + 1)

    def denoised(self, sigma: Tensor, output: Tensor, x: Tensor) -> Tensor:
        return (x - output * sigma) / (sigma + 1)

    def start(self, sigma: Tensor, noise: Tensor, latent: Tensor, max_denoise: bool = False) -> Tensor:
        return latent + noise * sigma

    def finish(self, sigma: Tensor, x: Tensor) -> Tensor:
        return x


class Translation(Clean):
    """A network that turns one picture into another: shown the latent as it is, it says the result itself."""

    def scale_input(self, sigma: Tensor, x: Tensor) -> Tensor:
        return x


class TranslationFlow(Flow):
    """The same behind mixed latents."""

    def denoised(self, sigma: Tensor, output: Tensor, x: Tensor) -> Tensor:
        return output
