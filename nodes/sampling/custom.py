"""Sampling from parts: noise, guider, sampler and levels each come from a node of their own."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.context import Context
from heddle.graph.declare import Flag, Number, node
from heddle.samplers.noise import StartNoise
from heddle.wires import Conditioning, Guider, Latent, Model, Noise, Sampler, Sigmas
from nodes.sampling.guiders import Cfg, guide_by_cfg
from nodes.sampling.run import sample_guided, start_noise

NoiseSeed = Annotated[
    int, Number(default=0, low=0, high=2**64 - 1, control=True, tip="Another number gives another picture.")
]


@node(
    "SamplerCustom", category="model/sampling/custom", name="SamplerCustom",
    outputs=("output", "denoised_output"), search=("sample",),
)  # fmt: skip
def sample_custom(
    model: Model,
    add_noise: Annotated[bool, Flag(tip="Off for a latent that still has noise in it.", default=True, advanced=True)],
    noise_seed: NoiseSeed,
    cfg: Cfg,
    positive: Conditioning,
    negative: Conditioning,
    sampler: Sampler,
    sigmas: Sigmas,
    latent_image: Latent,
    ctx: Context,
) -> tuple[Latent, Latent]:
    """Sample with a sampler and noise levels of one's own.

    The second output is the clean guess of the last step: the picture as it looks before all noise is gone.
    """
    guider = guide_by_cfg(model, positive, negative, cfg)
    noise = StartNoise(noise_seed, is_empty=not add_noise)
    return sample_guided(guider, sampler, sigmas, latent_image, noise, ctx)


@node(
    "SamplerCustomAdvanced", category="model/sampling/custom", name="SamplerCustomAdvanced",
    outputs=("output", "denoised_output"), search=("sample",),
)  # fmt: skip
def sample_custom_advanced(
    noise: Noise, guider: Guider, sampler: Sampler, sigmas: Sigmas, latent_image: Latent, ctx: Context
) -> tuple[Latent, Latent]:
    """Sample with noise, guider, sampler and noise levels of one's own.

    The second output is the clean guess of the last step: the picture as it looks before all noise is gone.
    """
    return sample_guided(guider, sampler, sigmas, latent_image, noise, ctx)


@node("RandomNoise", category="model/sampling/noise", name="RandomNoise")
def random_noise(noise_seed: NoiseSeed) -> Noise:
    """Noise from a seed, to start a run with."""
    return StartNoise(noise_seed)


@node("DisableNoise", category="model/sampling/noise", name="DisableNoise")
def no_noise() -> Noise:
    """No noise: for a latent that still has the noise of an earlier part."""
    return StartNoise(0, is_empty=True)


@node("AddNoise", category="model/sampling/noise", name="AddNoise", experimental=True)
def add_noise(model: Model, noise: Noise, sigmas: Sigmas, latent_image: Latent) -> Latent:
    """Put as much noise on a latent as is taken away on the way from the first of these levels to the last."""
    latent = latent_image["samples"]
    if len(sigmas) == 0:
        return latent_image
    drawn = start_noise(model, noise, latent_image).to(latent)
    space, prediction = model.latent, model.predicts
    # A single level is one to go to from a clean latent.
    amount = (sigmas[0] - sigmas[-1]).abs() if len(sigmas) > 1 else sigmas[0]
    noised = prediction.finish(amount.new_zeros(()), prediction.start(amount, drawn, space.start_of(latent)))
    return {**latent_image, "samples": space.outward(noised).nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)}
