"""Methods that alter classifier-free guidance, each a `BeginChange` with its numbers bound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from heddle.numerics import frequencies
from heddle.samplers.guiders import BeginChange, GuidanceChange, GuidedStep, away_across, towards

EVERY_PICTURE = (1, 2, 3)  # the axes of one picture: channels, height, width


def rescale_cfg(share: float) -> BeginChange:
    """Bring the guided guess back to the spread of the positive's, against overexposed pictures.

    Spread is measured in what a velocity network would say. Source: Lin et al. 2023, arXiv:2305.08891, section 3.4.

    Args:
        share: how much of the result is rescaled, 0..1.
    """

    def mix(step: GuidedStep) -> Tensor:
        guided = towards(step)
        if step.negative is None:
            return guided
        variance = step.sigma**2 + 1
        factor = variance.sqrt() / step.sigma

        def velocity(clean: Tensor) -> Tensor:
            return (step.x / variance - clean) * factor

        wanted, found = velocity(step.positive), velocity(guided)
        spread = wanted.std(EVERY_PICTURE, keepdim=True) / found.std(EVERY_PICTURE, keepdim=True)
        return step.x / variance - found * (share * spread + (1 - share)) / factor

    return lambda: GuidanceChange(mix=mix)


def scale_over_frames(least: float, *, there_and_back: bool) -> BeginChange:
    """Guidance for the frames of a video, which are the batch: from `least` in the first to the run's scale.

    That is reached in the last frame, or in the middle one, from where it falls back to `least` in the last.

    Source: Blattmann et al. 2023, arXiv:2311.15127, appendix D; there and back: Voleti et al. 2024, arXiv:2403.12008,
    section 4.
    """

    def mix(step: GuidedStep) -> Tensor:
        if step.negative is None:
            return step.positive
        way = step.positive - step.negative
        shares = torch.linspace(0, 1, len(way), device=way.device, dtype=way.dtype)
        if there_and_back:
            shares = 1 - (2 * shares - 1).abs()
        scales = least + (step.scale - least) * shares
        return step.negative + way * scales.view(-1, *[1] * (way.ndim - 1))

    return lambda: GuidanceChange(mix=mix, needs_negative=least != 1)


def cfg_zero_star() -> BeginChange:
    """Guide from that multiple of the negative which lies closest to the positive.

    Source: Fan et al. 2025, arXiv:2503.18886, equation 9.
    """

    def after(step: GuidedStep, clean: Tensor) -> Tensor:
        if step.negative is None:
            return clean
        wanted, unwanted = step.x - step.positive, step.x - step.negative
        share = (wanted * unwanted).sum(EVERY_PICTURE, keepdim=True)
        share = share / (unwanted.square().sum(EVERY_PICTURE, keepdim=True) + 1e-8)
        return clean + step.negative * ((1 - share) * (step.scale - 1))

    return lambda: GuidanceChange(after=after)


def cfg_norm(strength: float, *, of_the_way: bool = False) -> BeginChange:
    """Let guidance turn each cell's channels, but not make them larger than the positive has them.

    Args:
        of_the_way: limit the way from negative to positive to the positive's size in each cell, before it is gone.
    """

    def before(step: GuidedStep) -> GuidedStep:
        if step.negative is None:
            return step
        way = step.positive - step.negative
        wanted, found = (one.norm(dim=1, keepdim=True) for one in (step.positive, way))
        return replace(step, positive=step.negative + way * (wanted / (found + 1e-8)).clamp(0, 1) * strength)

    def after(step: GuidedStep, clean: Tensor) -> Tensor:
        wanted, found = (one.norm(dim=1, keepdim=True) for one in (step.positive, clean))
        return clean * (wanted / (found + 1e-8)).clamp(0, 1) * strength

    return lambda: GuidanceChange(before=before) if of_the_way else GuidanceChange(after=after)


def positive_biased() -> BeginChange:
    """Lean towards the positive alone where what it and guidance ask for agree with the negative (Mahiro)."""

    def root(tensor: Tensor) -> Tensor:
        return tensor.abs().sqrt() * tensor.sign()

    def after(step: GuidedStep, clean: Tensor) -> Tensor:
        if step.negative is None:
            return clean
        leap = step.positive * step.scale
        middle = (leap + clean) / 2
        likeness = torch.cosine_similarity(root(step.negative * step.scale), root(middle)).mean()
        share = (likeness + 1) / 2
        return clean * share + leap * (1 - share)

    return lambda: GuidanceChange(after=after)


def tangential_damping() -> BeginChange:
    """Keep of the negative only its part along the direction that it shares with the positive (TCFG).

    Source: Kwon et al. 2025, arXiv:2503.18137, algorithm 1.
    """

    def before(step: GuidedStep) -> GuidedStep:
        if step.negative is None:
            return step
        # Scores are compared: up to a factor, the noise that each guess leaves.
        wanted, unwanted = ((step.x - one).flatten(1).float() for one in (step.positive, step.negative))
        shared = torch.linalg.svd(torch.stack([wanted, unwanted], 1), full_matrices=False)[2][:, :1]
        along = (unwanted[:, None] * shared).sum(2, keepdim=True) * shared
        return replace(step, negative=step.x - along.reshape(step.x.shape).to(step.x))

    return lambda: GuidanceChange(before=before)


def adaptive_projected(eta: float, norm_threshold: float, momentum: float) -> BeginChange:
    """Guidance without most of its part along the positive, which is what oversaturates (APG).

    Source: Sadat et al. 2024, arXiv:2410.02416, algorithm 1.

    Args:
        eta: how much of the parallel part is kept; 1 is all of it.
        norm_threshold: the way to go is not longer than this; 0 = as long as it is.
        momentum: share of the ways gone before that is added; negative ones push away from them.
    """

    def begin() -> GuidanceChange:
        gone: Tensor | None = None
        level = float("inf")

        def before(step: GuidedStep) -> GuidedStep:
            nonlocal gone, level
            if step.negative is None:
                return step
            if float(step.sigma) > level:  # another pass has begun
                gone = None
            level = float(step.sigma)
            way = step.positive - step.negative
            if momentum != 0:
                way = way if gone is None else way + gone * momentum
                gone = way
            if norm_threshold > 0:
                length = torch.linalg.vector_norm(way, dim=EVERY_PICTURE, keepdim=True)
                way = way * (norm_threshold / length).clamp(max=1)
            onto = step.positive / torch.linalg.vector_norm(step.positive, dim=EVERY_PICTURE, keepdim=True).clamp(
                min=1e-12
            )
            along = (way * onto).sum(EVERY_PICTURE, keepdim=True) * onto
            changed = way - along + along * eta
            # Guided from here as usual, the result is the positive plus `scale` times the changed way.
            return replace(step, positive=step.negative + changed + (step.positive - step.negative) / step.scale)

        return GuidanceChange(before=before)

    return begin


def scale_epsilon(factor: float) -> BeginChange:
    """Remove a little less noise, against the error that a network makes on its own results.

    Source: Ning et al. 2023, arXiv:2308.15321, section 4.
    """
    return lambda: GuidanceChange(after=lambda step, clean: step.x - (step.x - clean) / factor)


def scale_frequencies(low: float, high: float, cutoff: int) -> BeginChange:
    """Weigh slow and fast changes across the picture differently in guidance (FreSca).

    Source: Huang et al. 2025, arXiv:2504.02154, section 3.

    Args:
        cutoff: frequencies below so many cycles per picture count as low.
    """

    def before(step: GuidedStep) -> GuidedStep:
        if step.negative is None:
            return step
        way = step.positive - step.negative
        return replace(step, positive=step.negative + frequencies.scale_frequencies(way, cutoff, low, high))

    return lambda: GuidanceChange(before=before)


def override_cfg(scale: float, first_sigma: float, last_sigma: float) -> BeginChange:
    """Another scale at the levels between two, both included."""
    return lambda: GuidanceChange(
        rescale=lambda sigma, now: scale if last_sigma <= float(sigma) <= first_sigma else now
    )


def renorm_cfg(below: float, limit: float) -> BeginChange:
    """Guide only below a noise level, and to no longer a guess than the positive's, `limit` times as long.

    Source: the published inference code of Lumina-Image 2.0 (cfg_trunc, renorm_cfg).

    Args:
        limit: 0 = as long as it is.
    """

    def mix(step: GuidedStep) -> Tensor:
        if float(step.sigma) >= below:
            return step.positive
        guided = towards(step)
        if limit <= 0:
            return guided
        wanted, found = (
            torch.linalg.vector_norm(one, dim=EVERY_PICTURE, keepdim=True) for one in (step.positive, guided)
        )
        return guided * (wanted * limit / found.clamp(min=1e-12)).clamp(max=1)

    return lambda: GuidanceChange(mix=mix)


def rescale_score(k: float, sigma: float) -> BeginChange:
    """The score of the picture's distribution at another temperature (TSR).

    Source: Xu et al. 2025, arXiv:2510.01184: the score is multiplied by (snr * sigma^2 + 1) / (snr * sigma^2 / k + 1),
    which is exact for pictures drawn from a Gaussian of deviation sigma.

    Args:
        k: the temperature's inverse; below 1 more varied and detailed, above 1 smoother, 1 changes nothing.
        sigma: larger ones let it begin earlier.
    """

    def after(step: GuidedStep, clean: Tensor) -> Tensor:
        share = 1 - step.sigma if step.prediction.is_flow else torch.ones_like(step.sigma)
        variance = (share * sigma) ** 2
        noise = step.sigma**2
        factor = (variance + noise) / (variance / k + noise)
        # Where nothing of the picture is left the factor is 1, and x says nothing about the picture.
        held = step.x / share.where(share > 0, 1.0)
        return held + (clean - held) * factor if bool(share > 0) else clean

    return lambda: GuidanceChange(after=after)


def operate(operation: Callable[[Tensor], Tensor]) -> BeginChange:
    """Something done to the way from the negative to the positive; to the positive where there is no negative."""

    def before(step: GuidedStep) -> GuidedStep:
        if step.negative is None:
            return replace(step, positive=operation(step.positive))
        return replace(step, positive=step.negative + operation(step.positive - step.negative))

    return lambda: GuidanceChange(before=before)


def perp_neg(negative_scale: float, empty: str) -> BeginChange:
    """Away from only that part of the negative which the positive does not have, see `guiders.perp_neg`.

    Args:
        empty: name of the side that asks for nothing.
    """

    def mix(step: GuidedStep) -> Tensor:
        if step.negative is None:
            return towards(step)
        return away_across(step.positive, step.negative, step.said[empty], step.scale, negative_scale)

    return lambda: GuidanceChange(mix=mix, needs_negative=True, sides=(empty,))
