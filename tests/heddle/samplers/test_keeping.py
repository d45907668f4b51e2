"""A part of the latent that stays as it was."""

import pytest
import torch
from torch import Tensor

from heddle.samplers.keeping import differential, masked
from heddle.samplers.noise_schedules import scaled_linear
from heddle.samplers.predictions import Epsilon
from heddle.samplers.sampler import AskedFor
from heddle.samplers.schedules import karras

PREDICTION = Epsilon(scaled_linear(0.00085, 0.012))
SIGMAS = karras(PREDICTION.schedule, 10)


def test_what_the_mask_keeps_enters_at_the_right_level_and_leaves_as_it_was() -> None:
    mask = torch.tensor([1.0, 0.0, 0.25]).view(1, 1, 1, 3)
    latent, noise, x = (torch.full((1, 4, 1, 3), value) for value in (10.0, 1.0, 7.0))
    seen: list[Tensor] = []

    def denoise(x: Tensor, sigma: Tensor, /) -> Tensor:
        seen.append(x)
        return torch.zeros_like(x)

    clean = masked(denoise, mask, latent, noise, PREDICTION, SIGMAS)(x, torch.tensor(2.0))
    assert seen[0][0, 0, 0].tolist() == [7.0, 12.0, 7 * 0.25 + 12 * 0.75]
    assert clean[0, 0, 0].tolist() == [0.0, 10.0, 7.5]


def test_grey_parts_of_a_differential_mask_join_one_after_the_other() -> None:
    mask = torch.linspace(0, 1, 11).view(1, 1, 1, 11)
    free = [int(differential(1.0)(mask, sigma, SIGMAS, PREDICTION).sum()) for sigma in SIGMAS[:-1]]
    assert free[0] == 1  # only what is wholly masked is drawn from pure noise
    assert free == sorted(free)
    assert free[-1] == 10  # the black part never joins


@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_below_full_strength_the_mask_shines_through(strength: float) -> None:
    mask = torch.tensor([0.25]).view(1, 1, 1, 1)
    first = float(differential(strength)(mask, SIGMAS[0], SIGMAS, PREDICTION))
    last = float(differential(strength)(mask, SIGMAS[-2], SIGMAS, PREDICTION))
    assert first == pytest.approx(0.25 * (1 - strength))
    assert last == pytest.approx(strength + 0.25 * (1 - strength))


def test_a_run_of_one_level_lets_everything_go() -> None:
    sigmas = SIGMAS[-2:-1]
    assert float(differential(1.0)(torch.full((1, 1, 1, 1), 0.3), sigmas[0], sigmas, PREDICTION)) == 1


def test_of_both_guesses_only_the_guided_one_keeps_the_latent() -> None:
    latent, noise, x = (torch.full((1, 4, 1, 2), value) for value in (10.0, 1.0, 7.0))
    mask = torch.tensor([1.0, 0.0]).view(1, 1, 1, 2)

    def ask(x: Tensor, sigma: Tensor, needs_plain: bool) -> tuple[Tensor, Tensor]:
        assert needs_plain
        return x * 0 + 3, x

    clean, plain = masked(AskedFor(ask), mask, latent, noise, PREDICTION, SIGMAS).both(x, torch.tensor(2.0))
    assert clean[0, 0, 0].tolist() == [3.0, 10.0]
    assert plain[0, 0, 0].tolist() == [7.0, 12.0]  # the noised latent that was asked about
