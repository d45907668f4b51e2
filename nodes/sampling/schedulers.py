"""Nodes that choose the noise levels of a run."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.declare import Choice, Flag, More, Number, node
from heddle.samplers import curves, schedules
from heddle.samplers.catalogue import SCHEDULERS
from heddle.samplers.published_levels import ALIGN_YOUR_STEPS, OPTIMAL_STEPS, spread_levels
from heddle.wires import Latent, Model, Sigmas

CATEGORY = "model/sampling/schedulers"

_UNROUNDED = More({"round": False})
_ONE_OF_SEVERAL = More({"multiselect": False})

Steps = Annotated[int, Number(default=20, low=1, high=10000, tip="More steps take longer and err less.")]
Denoise = Annotated[
    float, Number(default=1.0, low=0.0, high=1.0, step=0.01, tip="The share of the way that is run, its clean end.")
]
SigmaMax = Annotated[
    float,
    Number(default=14.614642, low=0.0, high=5000.0, step=0.01, advanced=True, tip="The first and noisiest level."),
    _UNROUNDED,
]
SigmaMin = Annotated[
    float,
    Number(default=0.0291675, low=0.0, high=5000.0, step=0.01, advanced=True, tip="The last level above 0."),
    _UNROUNDED,
]


@node("BasicScheduler", category=CATEGORY, search=("steps", "sigmas"))
def basic(
    model: Model,
    scheduler: Annotated[
        str, Choice(*SCHEDULERS, tip="How the noise levels are spread over the steps."), _ONE_OF_SEVERAL
    ],
    steps: Steps,
    denoise: Denoise,
) -> Sigmas:
    """Levels of the model's own table, spread by one of the known schedulers."""
    return schedules.sigmas_for(SCHEDULERS[scheduler], model.predicts.schedule, steps, denoise)


@node("KarrasScheduler", category=CATEGORY)
def karras(
    steps: Steps,
    sigma_max: SigmaMax,
    sigma_min: SigmaMin,
    rho: Annotated[
        float,
        Number(default=7.0, low=0.0, high=100.0, step=0.01, advanced=True, tip="Larger: more steps at low levels."),
        _UNROUNDED,
    ],
) -> Sigmas:
    """Levels that are even in a root of sigma, as Karras et al. chose them."""
    return curves.karras_sigmas(steps, sigma_min, sigma_max, rho)


@node("ExponentialScheduler", category=CATEGORY)
def exponential(steps: Steps, sigma_max: SigmaMax, sigma_min: SigmaMin) -> Sigmas:
    """Levels each of which is the same share of the one before."""
    return curves.exponential_sigmas(steps, sigma_min, sigma_max)


@node("PolyexponentialScheduler", category=CATEGORY)
def polyexponential(
    steps: Steps,
    sigma_max: SigmaMax,
    sigma_min: SigmaMin,
    rho: Annotated[
        float,
        Number(
            default=1.0, low=0.0, high=100.0, step=0.01, advanced=True, tip="1 is exponential; above, it falls fast."
        ),
        _UNROUNDED,
    ],
) -> Sigmas:
    """Levels whose logarithm falls as a power of the way that is left."""
    return curves.polyexponential_sigmas(steps, sigma_min, sigma_max, rho)


@node("LaplaceScheduler", category=CATEGORY)
def laplace(
    steps: Steps,
    sigma_max: SigmaMax,
    sigma_min: SigmaMin,
    mu: Annotated[
        float,
        Number(default=0.0, low=-10.0, high=10.0, step=0.1, advanced=True, tip="Logarithm of the middle level."),
        _UNROUNDED,
    ],
    beta: Annotated[
        float,
        Number(default=0.5, low=0.0, high=10.0, step=0.1, advanced=True, tip="How widely levels lie around it."),
        _UNROUNDED,
    ],
) -> Sigmas:
    """Levels crowded around a middle one. They do not end at 0: add a last step for a wholly clean latent."""
    return curves.laplace_sigmas(steps, sigma_min, sigma_max, mu, beta)


@node("VPScheduler", category=CATEGORY)
def vp(
    steps: Steps,
    beta_d: Annotated[
        float,
        Number(
            default=19.9, low=0.0, high=5000.0, step=0.01, advanced=True, tip="How much faster noise comes in the end."
        ),
        _UNROUNDED,
    ],
    beta_min: Annotated[
        float,
        Number(
            default=0.1, low=0.0, high=5000.0, step=0.01, advanced=True, tip="How fast noise comes in the beginning."
        ),
        _UNROUNDED,
    ],
    eps_s: Annotated[
        float,
        Number(default=0.001, low=0.0, high=1.0, step=0.0001, advanced=True, tip="The time of the last level above 0."),
        _UNROUNDED,
    ],
) -> Sigmas:
    """Levels at even times of a process that turns the picture into noise of the same variance."""
    return curves.vp_sigmas(steps, beta_d, beta_min, eps_s)


@node("SDTurboScheduler", category=CATEGORY)
def turbo(
    model: Model,
    steps: Annotated[int, Number(default=1, low=1, high=10, tip="How many of the ten levels it knows are visited.")],
    denoise: Annotated[
        float,
        Number(default=1.0, low=0, high=1.0, step=0.01, tip="The share of the ten levels that is left, in tenths."),
    ],
) -> Sigmas:
    """The levels that turbo models were distilled for."""
    return schedules.turbo(model.predicts.schedule, steps, denoise)


@node("BetaSamplingScheduler", category=CATEGORY)
def beta(
    model: Model,
    steps: Steps,
    alpha: Annotated[
        float,
        Number(default=0.6, low=0.0, high=50.0, step=0.01, advanced=True, tip="Below 1: more steps at the clean end."),
        _UNROUNDED,
    ],
    beta: Annotated[
        float,
        Number(default=0.6, low=0.0, high=50.0, step=0.01, advanced=True, tip="Below 1: more steps at the noisy end."),
        _UNROUNDED,
    ],
) -> Sigmas:
    """Levels of the model's own table at the quantiles of a beta distribution."""
    return schedules.beta(model.predicts.schedule, steps, alpha, beta)


@node("AlignYourStepsScheduler", category=CATEGORY)
def align_your_steps(
    model_type: Annotated[str, Choice(*ALIGN_YOUR_STEPS, tip="The kind of model that is sampled."), _ONE_OF_SEVERAL],
    steps: Annotated[int, Number(default=10, low=1, high=10000, tip="Ten is what was searched for.")],
    denoise: Denoise,
) -> Sigmas:
    """Levels that were searched for with a kind of model, so that few steps err little."""
    return spread_levels(ALIGN_YOUR_STEPS[model_type], steps, denoise)


@node("OptimalStepsScheduler", category=CATEGORY)
def optimal_steps(
    model_type: Annotated[str, Choice(*OPTIMAL_STEPS, tip="The kind of model that is sampled."), _ONE_OF_SEVERAL],
    steps: Annotated[int, Number(default=20, low=3, high=1000, tip="Between those searched for, levels are blended.")],
    denoise: Denoise,
) -> Sigmas:
    """Levels that follow a long run as closely as so many steps can."""
    return spread_levels(OPTIMAL_STEPS[model_type], steps, denoise)


@node("Flux2Scheduler", category=CATEGORY)
def flux2(
    steps: Annotated[int, Number(default=20, low=1, high=4096, tip="More steps take longer and err less.")],
    width: Annotated[int, Number(default=1024, low=16, high=16384, step=1, tip="Of the picture, in pixels.")],
    height: Annotated[int, Number(default=1024, low=16, high=16384, step=1, tip="Of the picture, in pixels.")],
) -> Sigmas:
    """Levels for FLUX.2, noisier for larger pictures."""
    return curves.flux2_sigmas(steps, width, height)


@node("LTXVScheduler", category=CATEGORY)
def ltxv(
    steps: Steps,
    max_shift: Annotated[
        float, Number(default=2.05, low=0.0, high=100.0, step=0.01, tip="How much noisier, for 4096 cells of latent.")
    ],
    base_shift: Annotated[
        float, Number(default=0.95, low=0.0, high=100.0, step=0.01, tip="How much noisier, for 1024 cells of latent.")
    ],
    stretch: Annotated[
        bool, Flag(default=True, advanced=True, tip="Move all levels so that the last is the next input.")
    ],
    terminal: Annotated[
        float, Number(default=0.1, low=0.0, high=0.99, step=0.01, advanced=True, tip="The last level above 0.")
    ],
    *,
    latent: Latent | None = None,
) -> Sigmas:
    """Levels for LTX-Video, noisier for larger latents; 4096 cells where none is connected."""
    cells = 4096 if latent is None else latent["samples"].shape[2:].numel()
    return curves.ltxv_sigmas(steps, cells, max_shift, base_shift, stretch, terminal)
