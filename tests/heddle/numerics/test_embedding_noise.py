"""Noise on embeddings: how much of them is left at each level, and what they are centred by."""

from __future__ import annotations

import pytest
import torch

from heddle.numerics.embedding_noise import Spread, level_of, with_noise

EMBEDDING = torch.tensor([[3.0, -1.0, 0.5, 2.0]])


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(5)


# Computed with diffusers 0.42.1: DDPMScheduler(beta_schedule="squaredcos_cap_v2").alphas_cumprod.
@pytest.mark.parametrize(
    ("level", "kept"),
    [(0, 0.9999587), (50, 0.9917247), (500, 0.492285), (998, 2.428766e-06), (999, 2.428735e-09)],
)
def test_a_level_keeps_the_share_that_was_published(level: int, kept: float) -> None:
    noise = torch.randn(1, 4, generator=generator())
    wanted = kept**0.5 * EMBEDDING + (1 - kept) ** 0.5 * noise
    torch.testing.assert_close(with_noise(EMBEDDING, level, generator()), wanted, rtol=1e-5, atol=1e-5)


def test_shares_of_noise_are_rounded_to_a_level() -> None:
    assert [level_of(share) for share in (0.0, 0.05, 0.5, 1.0)] == [0, 50, 500, 999]


def test_noise_is_added_where_embeddings_are_centred() -> None:
    spread = Spread(torch.tensor([[1.0, 2.0, 3.0, 4.0]]), torch.tensor([[0.5, 1.0, 2.0, 4.0]]))
    found = with_noise(EMBEDDING, 999, generator(), spread)
    noise = torch.randn(1, 4, generator=generator())
    torch.testing.assert_close(found, noise * spread.std + spread.mean, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(with_noise(EMBEDDING, 0, generator(), spread), EMBEDDING, rtol=0, atol=0.1)
