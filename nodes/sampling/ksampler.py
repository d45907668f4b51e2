"""The sampler that most workflows use: noise in, a latent out."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from heddle.graph.context import Context
from heddle.graph.declare import Choice, Number, node
from heddle.graph.errors import GraphError, ShapeError
from heddle.samplers.catalogue import SAMPLERS, SCHEDULERS
from heddle.samplers.guidance import cfg as guided
from heddle.samplers.noise import initial_noise, step_noise
from heddle.samplers.run import run_sampler
from heddle.samplers.schedules import part_of, sigmas_for
from heddle.wires import Conditioning, Latent, Model
from model_management.denoiser import denoiser_for
from nodes.sampling.watching import StepWatch


@node("KSampler", category="model/sampling", name="KSampler", search=("sample", "denoise"))
def ksampler(
    model: Model,
    seed: Annotated[
        int, Number(default=0, low=0, high=2**64 - 1, control=True, tip="Another number gives another picture.")
    ],
    steps: Annotated[int, Number(default=20, low=1, high=10000, tip="More steps take longer and err less.")],
    cfg: Annotated[
        float,
        Number(default=8.0, low=0.0, high=100.0, step=0.1, round=0.01, tip="How closely the prompt is followed."),
    ],
    sampler_name: Annotated[str, Choice(*SAMPLERS, tip="The method that takes the steps.")],
    scheduler: Annotated[str, Choice(*SCHEDULERS, tip="How the noise levels are spread over the steps.")],
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
    latent = latent_image["samples"]
    sampler = SAMPLERS[sampler_name]
    whole = sigmas_for(
        SCHEDULERS[scheduler], model.predicts.schedule, steps, denoise, skip_last_level=sampler.skips_last_level
    )
    sigmas = part_of(whole, first, last, to_clean)
    noise = initial_noise(seed, latent.shape, latent_image.get("batch_index"))
    if noised:
        noise = torch.zeros_like(noise)
    with ctx.weights.hold(model, on_part=lambda done, size: ctx.check_cancelled()) as net:
        denoiser = denoiser_for(model, net)
        samples = run_sampler(
            sampler,
            guided(denoiser, _states(positive, "positive"), _states(negative, "negative"), cfg),
            model.predicts,
            sigmas,
            latent,
            noise,
            step_noise=step_noise(seed),
            mask=latent_image.get("noise_mask"),
            scale=model.latent.scale,
            on_step=StepWatch(ctx, model, max(len(sigmas) - 1, 0)),
        )
    if not bool(samples.isfinite().all()):
        ctx.note("the result holds numbers that are not finite; try another sampler, scheduler or a lower cfg")
    return {**latent_image, "samples": samples}


def _states(conditioning: Conditioning, name: str) -> Tensor:
    """The one text of a conditioning, [1, T, D].

    Raises: GraphError, for none or several: combining them comes with the nodes that combine.
    """
    if len(conditioning) != 1:
        raise GraphError(
            f"{name}: {len(conditioning)} conditions, but one is what can be sampled now; connect one text",
            input_name=name,
            found=len(conditioning),
            wanted=1,
        )
    states = conditioning[0][0]
    if states.ndim != 3:
        raise ShapeError(f"{name}: shape {list(states.shape)}, wanted [B, T, D]", wanted="[B, T, D]", got=states.shape)
    return states
