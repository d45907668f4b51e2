"""Methods that alter guidance, held against what their papers say of them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from heddle.samplers import guidance_changes as changes
from heddle.samplers.guiders import BeginChange, cfg, perp_neg
from heddle.samplers.noise_schedules import FlowSchedule, scaled_linear
from heddle.samplers.predictions import Epsilon, Flow

PREDICTION = Epsilon(scaled_linear(0.00085, 0.012))
SIGMA = torch.tensor(2.0)
SHAPE = (2, 4, 8, 8)
X, POSITIVE, NEGATIVE, EMPTY = torch.randn(4, *SHAPE, generator=torch.Generator().manual_seed(3)).unbind()

EVERY = [
    changes.rescale_cfg(0.7),
    changes.cfg_zero_star(),
    changes.cfg_norm(1.0),
    changes.cfg_norm(1.0, of_the_way=True),
    changes.positive_biased(),
    changes.tangential_damping(),
    changes.adaptive_projected(0.3, 2.0, -0.5),
    changes.scale_epsilon(1.005),
    changes.scale_frequencies(0.8, 1.5, 3),
    changes.override_cfg(3.0, 9.0, 1.0),
    changes.renorm_cfg(100.0, 1.0),
    changes.rescale_score(0.9, 1.0),
    changes.scale_over_frames(1.5, there_and_back=False),
    changes.scale_over_frames(1.5, there_and_back=True),
    changes.operate(lambda latent: latent * 0.5),
    changes.perp_neg(1.0, "empty"),
]


def guesses(x: Tensor, sigma: Tensor, names: Sequence[str], /, change=None) -> dict[str, Tensor]:
    return {name: {"positive": POSITIVE, "negative": NEGATIVE, "empty": EMPTY}[name] for name in names}


def guided(change: BeginChange | None, scale: float = 5.0, sigma: Tensor = SIGMA) -> Tensor:
    return cfg(guesses, scale, PREDICTION, [change] if change else [])(X, sigma)


@pytest.mark.parametrize("change", EVERY)
@pytest.mark.parametrize("scale", [1.0, 7.0])
def test_every_change_gives_numbers_also_without_a_negative(change: BeginChange, scale: float) -> None:
    clean = guided(change, scale)
    assert clean.shape == SHAPE
    assert clean.isfinite().all()
    alone = cfg(guesses, scale, PREDICTION, [change], negative=None)(X, SIGMA)
    assert alone.isfinite().all()


def velocity(clean: Tensor) -> Tensor:
    variance = SIGMA**2 + 1
    return (X / variance - clean) * variance.sqrt() / SIGMA


def test_wholly_rescaled_guidance_has_the_positives_spread() -> None:
    found = velocity(guided(changes.rescale_cfg(1.0))).std((1, 2, 3))
    torch.testing.assert_close(found, velocity(POSITIVE).std((1, 2, 3)))
    torch.testing.assert_close(guided(changes.rescale_cfg(0.0)), guided(None))


def test_normed_guidance_is_nowhere_larger_than_the_positive() -> None:
    found, wanted = guided(changes.cfg_norm(1.0)).norm(dim=1), POSITIVE.norm(dim=1)
    assert (found <= wanted * (1 + 1e-5)).all()
    assert (found < guided(None).norm(dim=1)).any()
    torch.testing.assert_close(guided(changes.cfg_norm(0.5)), guided(changes.cfg_norm(1.0)) * 0.5)


def test_a_damped_negative_has_no_part_across_the_shared_direction() -> None:
    clean = guided(changes.tangential_damping())
    negative = (POSITIVE * 5 - clean) / 4  # what must have stood in the negative's place
    pair = torch.stack([(X - POSITIVE).flatten(1), (X - NEGATIVE).flatten(1)], 1)
    shared = torch.linalg.svd(pair, full_matrices=False).Vh[:, 0]
    noise = (X - negative).flatten(1)
    along = (noise * shared).sum(1, keepdim=True) * shared
    torch.testing.assert_close(noise, along, atol=1e-4, rtol=1e-4)


def test_projected_guidance_with_nothing_left_out_is_plain_guidance_of_one_more() -> None:
    plain = guided(None, scale=6.0)
    got = guided(changes.adaptive_projected(1.0, 0.0, 0.0), scale=5.0)
    torch.testing.assert_close(got, plain, atol=1e-5, rtol=1e-5)


def test_projected_guidance_goes_across_the_positive_and_not_too_far() -> None:
    way = guided(changes.adaptive_projected(0.0, 2.0, 0.0), scale=5.0) - POSITIVE
    cosine = torch.cosine_similarity(way.flatten(1), POSITIVE.flatten(1))
    torch.testing.assert_close(cosine, torch.zeros(2), atol=1e-5, rtol=0)
    assert (way.flatten(1).norm(dim=1) <= 2.0 * 5 * (1 + 1e-5)).all()


def test_momentum_is_forgotten_when_the_level_rises_again() -> None:
    denoise = cfg(guesses, 5.0, PREDICTION, [changes.adaptive_projected(1.0, 0.0, 0.5)])
    first, second = denoise(X, torch.tensor(3.0)), denoise(X, torch.tensor(2.0))
    assert not torch.allclose(first, second)
    torch.testing.assert_close(denoise(X, torch.tensor(3.0)), first)


def test_scaled_epsilon_leaves_a_share_of_the_noise() -> None:
    torch.testing.assert_close(X - guided(changes.scale_epsilon(1.25)), (X - guided(None)) / 1.25)


def test_equal_factors_for_all_frequencies_are_a_factor_on_guidance() -> None:
    clean = guided(changes.scale_frequencies(2.0, 2.0, 3), scale=3.0)
    torch.testing.assert_close(clean, guided(None, scale=6.0), atol=1e-4, rtol=1e-4)


def test_low_frequencies_are_those_below_the_cutoff() -> None:
    way = guided(changes.scale_frequencies(0.0, 1.0, 1), scale=1.0 + 1e-9) - NEGATIVE
    spectrum = torch.fft.fft2(way)
    assert spectrum[..., 0, 0].abs().max() < 1e-3
    assert spectrum[..., 2, 2].abs().max() > 1e-1


def test_another_scale_counts_between_its_levels() -> None:
    change = changes.override_cfg(1.0, 3.0, 1.0)
    torch.testing.assert_close(guided(change, sigma=torch.tensor(2.0)), POSITIVE)
    torch.testing.assert_close(guided(change, sigma=torch.tensor(3.5)), guided(None))


def test_renormed_guidance_is_no_longer_than_the_positive_and_absent_above_its_level() -> None:
    found = guided(changes.renorm_cfg(100.0, 1.0)).flatten(1).norm(dim=1)
    torch.testing.assert_close(found, POSITIVE.flatten(1).norm(dim=1))
    torch.testing.assert_close(guided(changes.renorm_cfg(1.0, 1.0)), POSITIVE)


def test_the_best_multiple_of_the_negative_makes_equal_guesses_agree() -> None:
    def same(x: Tensor, sigma: Tensor, names: Sequence[str], /, change=None) -> dict[str, Tensor]:
        return dict.fromkeys(names, POSITIVE)

    clean = cfg(same, 5.0, PREDICTION, [changes.cfg_zero_star()])(X, SIGMA)
    torch.testing.assert_close(clean, POSITIVE, atol=1e-4, rtol=1e-4)


def test_positive_biased_guidance_lies_between_guidance_and_the_positive_alone() -> None:
    clean, plain, leap = guided(changes.positive_biased()), guided(None), POSITIVE * 5
    share = ((clean - leap) * (plain - leap)).sum() / (plain - leap).square().sum()
    assert 0 <= float(share) <= 1
    torch.testing.assert_close(clean, leap + (plain - leap) * share, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("prediction", [PREDICTION, Flow(FlowSchedule(3.0))], ids=["added", "flow"])
@pytest.mark.parametrize("k", [0.5, 1.0, 2.0])
def test_a_rescaled_score_is_that_of_a_gaussian_at_another_temperature(prediction, k: float) -> None:
    """For pictures from N(0, v) the clean guess is x a v / (a^2 v + sigma^2), a the picture's share."""
    v, sigma = 1.7, torch.tensor(0.6)
    share = 1 - sigma if prediction.is_flow else torch.tensor(1.0)

    def clean(v: float) -> Tensor:
        return X * share * v / (share**2 * v + sigma**2)

    def guess(x: Tensor, sigma: Tensor, names: Sequence[str], /, change=None) -> dict[str, Tensor]:
        return dict.fromkeys(names, clean(v))

    found = cfg(guess, 1.0, prediction, [changes.rescale_score(k, v**0.5)])(X, sigma)
    torch.testing.assert_close(found, clean(v / k))


def test_a_flow_that_holds_no_picture_yet_has_no_temperature() -> None:
    denoise = cfg(guesses, 5.0, Flow(FlowSchedule(3.0)), [changes.rescale_score(0.5, 1.0)])
    torch.testing.assert_close(denoise(X, torch.tensor(1.0)), guided(None))


def test_an_operation_is_done_to_the_way_from_the_negative_or_to_the_positive_alone() -> None:
    half = changes.operate(lambda latent: latent * 0.5)
    torch.testing.assert_close(guided(half, scale=4.0), guided(None, scale=2.0))
    torch.testing.assert_close(guided(half, scale=1.0), POSITIVE * 0.5)


@pytest.mark.parametrize("scale", [1.0, 5.0])
def test_the_patch_of_perp_neg_guides_as_the_guider_does(scale: float) -> None:
    wanted = perp_neg(guesses, scale, 0.7, PREDICTION)(X, SIGMA)
    torch.testing.assert_close(guided(changes.perp_neg(0.7, "empty"), scale=scale), wanted)


@pytest.mark.parametrize(
    ("there_and_back", "frames", "scales"),
    [
        (False, 5, (2.0, 3.0, 4.0, 5.0, 6.0)),
        (True, 5, (2.0, 4.0, 6.0, 4.0, 2.0)),
        (True, 4, (2.0, 14 / 3, 14 / 3, 2.0)),
        (False, 1, (2.0,)),
    ],
)
def test_frames_are_guided_by_scales_of_their_own(there_and_back: bool, frames: int, scales: tuple[float, ...]) -> None:
    x, wanted, unwanted = torch.randn(3, frames, 4, 2, 2, generator=torch.Generator().manual_seed(1))

    def guess(x: Tensor, sigma: Tensor, names: Sequence[str], /, change=None) -> dict[str, Tensor]:
        return {name: wanted if name == "positive" else unwanted for name in names}

    change = changes.scale_over_frames(2.0, there_and_back=there_and_back)
    found = cfg(guess, 6.0, PREDICTION, [change])(x, SIGMA)
    each = torch.tensor(scales)[:, None, None, None]
    torch.testing.assert_close(found, unwanted + (wanted - unwanted) * each)


def test_frames_of_the_least_scale_are_guided_though_the_run_is_not() -> None:
    found = guided(changes.scale_over_frames(3.0, there_and_back=False), scale=1.0)
    torch.testing.assert_close(found, torch.stack([(NEGATIVE + (POSITIVE - NEGATIVE) * 3)[0], POSITIVE[1]]))
