"""Guidance and masks around a denoiser."""

import pytest
import torch
from torch import Tensor

from heddle.samplers.guidance import cfg, denoiser_of, fit_batch, fit_mask, masked, same_length
from heddle.samplers.noise_schedules import scaled_linear
from heddle.samplers.predictions import Epsilon

SIGMA = torch.tensor(2.0)


class Recorder:
    """A conditioned denoiser whose guess is the mean of its context, and which notes what it was asked."""

    def __init__(self) -> None:
        self.batches: list[tuple[int, ...]] = []

    def __call__(self, x: Tensor, sigma: Tensor, context: Tensor, /) -> Tensor:
        assert len(context) == len(x)
        self.batches.append(tuple(context.shape))
        return context.mean((1, 2)).view(-1, 1, 1, 1).expand_as(x)


def context(value: float, tokens: int = 77, batch: int = 1) -> Tensor:
    return torch.full((batch, tokens, 8), value)


def test_guidance_goes_from_the_negative_through_the_positive_in_one_call() -> None:
    recorder = Recorder()
    clean = cfg(recorder, context(3.0), context(1.0), 2.5)(torch.zeros(2, 4, 2, 2), SIGMA)
    assert torch.allclose(clean, torch.full((2, 4, 2, 2), 1 + 2 * 2.5))
    assert recorder.batches == [(4, 77, 8)]


@pytest.mark.parametrize("negative", [context(1.0), None])
def test_at_scale_one_the_negative_is_not_evaluated(negative: Tensor | None) -> None:
    recorder = Recorder()
    clean = cfg(recorder, context(3.0), negative, 1.0)(torch.zeros(2, 4, 2, 2), SIGMA)
    assert torch.equal(clean, torch.full((2, 4, 2, 2), 3.0))
    assert recorder.batches == [(2, 77, 8)]


def test_texts_of_different_length_meet_at_their_common_multiple() -> None:
    recorder = Recorder()
    cfg(recorder, context(3.0, tokens=154), context(1.0, tokens=231), 2.0)(torch.zeros(1, 4, 2, 2), SIGMA)
    assert recorder.batches == [(2, 462, 8)]


def test_a_repeated_context_means_the_same_to_attention() -> None:
    query, key = torch.randn(2, 1, 5, 8, generator=torch.Generator().manual_seed(0)).unbind()
    (longer, _) = same_length(key, torch.zeros(1, 15, 8))
    once = torch.nn.functional.scaled_dot_product_attention(query, key, key)
    thrice = torch.nn.functional.scaled_dot_product_attention(query, longer, longer)
    assert torch.allclose(once, thrice, atol=1e-6)


def test_a_batch_is_fitted_by_repeating_or_cutting() -> None:
    three = torch.arange(3)
    assert fit_batch(three, 5).tolist() == [0, 1, 2, 0, 1]
    assert fit_batch(three, 2).tolist() == [0, 1]
    assert fit_batch(three, 3) is three


def test_a_network_is_shown_scaled_latents_and_one_timestep_for_each() -> None:
    schedule = scaled_linear(0.00085, 0.012)
    shown: list[tuple[Tensor, Tensor]] = []

    def network(x: Tensor, timesteps: Tensor, context: Tensor, /) -> Tensor:
        shown.append((x, timesteps))
        return torch.ones_like(x)

    sigma = schedule.sigmas[700]
    x = torch.full((3, 4, 2, 2), 5.0)
    clean = denoiser_of(network, Epsilon(schedule))(x, sigma, context(0.0, batch=3))
    assert torch.allclose(clean, x - sigma)
    assert torch.allclose(shown[0][0], x / (sigma**2 + 1).sqrt())
    assert shown[0][1].tolist() == [700.0] * 3


def test_what_the_mask_keeps_enters_at_the_right_level_and_leaves_as_it_was() -> None:
    prediction = Epsilon(scaled_linear(0.00085, 0.012))
    mask = torch.tensor([1.0, 0.0, 0.25]).view(1, 1, 1, 3)
    latent, noise, x = (torch.full((1, 4, 1, 3), value) for value in (10.0, 1.0, 7.0))
    seen: list[Tensor] = []

    def denoise(x: Tensor, sigma: Tensor, /) -> Tensor:
        seen.append(x)
        return torch.zeros_like(x)

    clean = masked(denoise, mask, latent, noise, prediction)(x, SIGMA)
    assert seen[0][0, 0, 0].tolist() == [7.0, 12.0, 7 * 0.25 + 12 * 0.75]
    assert clean[0, 0, 0].tolist() == [0.0, 10.0, 7.5]


@pytest.mark.parametrize("shape", [(64, 48), (1, 64, 48), (1, 1, 64, 48)])
def test_a_mask_in_pixels_is_brought_to_the_latent_without_rounding(shape: tuple[int, ...]) -> None:
    mask = torch.zeros(shape)
    mask[..., 20:] = 1
    fitted = fit_mask(mask, torch.zeros(3, 4, 8, 6))
    assert fitted.shape == (3, 1, 8, 6)
    assert 0 < float(fitted[0, 0, 0, 2]) < 1
    assert fitted[0, 0, 0, [0, 1, 3, 4, 5]].tolist() == [0, 0, 1, 1, 1]
