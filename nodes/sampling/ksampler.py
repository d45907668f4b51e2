"""The samplers that most workflows use: noise in, a latent out."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.context import Context
from heddle.graph.declare import Choice, Number, node
from heddle.samplers.catalogue import SAMPLERS, SCHEDULERS
from heddle.samplers.noise import StartNoise
from heddle.samplers.schedules import part_of, sigmas_for
from heddle.wires import Conditioning, Latent, Model
from nodes.sampling.guiders import guide_by_cfg
from nodes.sampling.run import sample_guided

Steps = Annotated[int, Number(default=20, low=1, high=10000, tip="More steps take longer and err less.")]
Cfg = Annotated[
    float, Number(default=8.0, low=0.0, high=100.0, step=0.1, round=0.01, tip="How closely the prompt is followed.")
]
SamplerName = Annotated[str, Choice(*SAMPLERS, tip="The method that takes the steps.")]
SchedulerName = Annotated[str, Choice(*SCHEDULERS, tip="How the noise levels are spread over the steps.")]


@node("KSampler", category="model/sampling", name="KSampler", search=("sample", "denoise"))
def ksampler(
    model: Model,
    seed: Annotated[
        int, Number(default=0, low=0, high=2**64 - 1, control=True, tip="Another number gives another picture.")
    ],
    steps: Steps,
    cfg: Cfg,
    sampler_name: SamplerName,
    scheduler: SchedulerName,
    positive: Conditioning,
    negative: Conditioning,
    latent_image: Latent,
    denoise: Annotated[
        float,
        Number(default=1.0, low=0.0, high=1.0, step=0.01, tip="How much of the latent is drawn anew; 1 is all of it."),
    ],
    ctx: Context,
) -> Latent:
    """Draw a latent: start from noise (or from a noised latent) and remove the noise step by step.

    The positive conditioning says what to draw, the negative what to keep away from.
    """
    return sample_part(model, seed, steps, cfg, sampler_name, scheduler, positive, negative, latent_image, denoise, ctx)


@node("KSamplerAdvanced", category="model/sampling", name="KSampler (Advanced)", search=("sample", "steps", "refiner"))
def ksampler_advanced(
    model: Model,
    add_noise: Annotated[
        str,
        Choice("enable", "disable", tip="Off for a latent that still has the noise of an earlier part.", advanced=True),
    ],
    noise_seed: Annotated[
        int, Number(default=0, low=0, high=2**64 - 1, control=True, tip="Another number gives another picture.")
    ],
    steps: Steps,
    cfg: Cfg,
    sampler_name: SamplerName,
    scheduler: SchedulerName,
    positive: Conditioning,
    negative: Conditioning,
    latent_image: Latent,
    start_at_step: Annotated[
        int, Number(default=0, low=0, high=10000, advanced=True, tip="The first step taken, counted from 0.")
    ],
    end_at_step: Annotated[
        int, Number(default=10000, low=0, high=10000, advanced=True, tip="The first step not taken any more.")
    ],
    return_with_leftover_noise: Annotated[
        str,
        Choice("disable", "enable", tip="On to hand the latent to a next part with what noise is left.", advanced=True),
    ],
    ctx: Context,
) -> Latent:
    """Take only some of a run's steps, so that another sampler, model or prompt can take the others."""
    return sample_part(
        *(model, noise_seed, steps, cfg, sampler_name, scheduler, positive, negative, latent_image, 1.0, ctx),
        first=start_at_step,
        last=end_at_step,
        to_clean=return_with_leftover_noise == "disable",
        noised=add_noise == "disable",
    )


def sample_part(
    model: Model,
    seed: int,
    steps: int,
    cfg: float,
    sampler_name: str,
    scheduler: str,
    positive: Conditioning,
    negative: Conditioning,
    latent_image: Latent,
    denoise: float,
    ctx: Context,
    *,
    first: int = 0,
    last: int | None = None,
    to_clean: bool = False,
    noised: bool = False,
) -> Latent:
    """Take all the steps of a run, or some of them, see `ksampler` and `heddle.samplers.schedules.part_of`.

    Args:
        noised: the latent has its noise already, as one that an earlier part left.
    """
    sampler, schedule = SAMPLERS[sampler_name], model.predicts.schedule
    whole = sigmas_for(SCHEDULERS[scheduler], schedule, steps, denoise, skip_last_level=sampler.skips_last_level)
    sigmas = part_of(whole, first, last, to_clean)
    guider = guide_by_cfg(model, positive, negative, cfg)
    return sample_guided(guider, sampler, sigmas, latent_image, StartNoise(seed, noised), ctx, whole)[0]
