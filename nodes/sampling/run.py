"""One run of a guider, as every sampling node takes it."""

from __future__ import annotations

from torch import Tensor

from heddle.graph.context import Context
from heddle.graph.errors import ShapeError
from heddle.graph.said import say
from heddle.samplers.fitting import fit_channels
from heddle.samplers.noise import ScaledSteps, StepNoise, step_noise
from heddle.samplers.run import run_sampler
from heddle.samplers.sampler import Sampler
from heddle.wires import Latent, Model, Noise
from model_management.family import RunFacts
from model_management.finiteness import refuse_broken_weights
from model_management.guider import Guider
from model_management.patches import NoisePatch, StartNoisePatch
from nodes.sampling.watching import StepWatch


def sample_guided(
    guider: Guider,
    sampler: Sampler,
    sigmas: Tensor,
    latent_image: Latent,
    noise: Noise,
    ctx: Context,
    whole_sigmas: Tensor | None = None,
) -> tuple[Latent, Latent]:
    """Take a latent down these levels.

    Args:
        whole_sigmas: those of the run that this one takes some steps of; None = it is whole.
    Returns: the result, and the clean guess of its last step (the result itself where there was no step).
    Raises: ShapeError, for a latent that is none of a picture; WeightsError, if the result is not finite since weights
        are not.
    """
    model = guider.model
    if len(sigmas) == 0:
        return latent_image, latent_image
    latent = fit_channels(_cells(latent_image["samples"], model), model.latent.channels)
    latent_image = {**latent_image, "samples": latent}
    drawn = start_noise(model, noise, latent_image)
    watch = StepWatch(ctx, model, max(len(sigmas) - 1, 0))
    last_guess: Tensor | None = None

    def on_step(step: int, x: Tensor, clean: Tensor, /) -> None:
        nonlocal last_guess
        last_guess = clean
        watch(step, x, clean)

    space = model.latent
    mask, start = latent_image.get("noise_mask"), space.start_of(latent)
    highest, whole = float(sigmas.max()), sigmas if whole_sigmas is None else whole_sigmas
    facts = RunFacts(
        *(tuple(latent.shape), start, drawn, mask),
        seed=noise.seed,
        first_sigma=highest,
        sigmas=whole,
        note=ctx.note,
    )
    with guider.hold(facts, ctx.weights, lambda done, size: ctx.check_cancelled(), ctx.note) as denoise:
        samples = run_sampler(
            sampler,
            denoise,
            model.predicts,
            sigmas,
            latent,
            drawn,
            step_noise=_step_noise(model, noise, latent_image),
            mask=mask,
            mask_at=guider.mask_at,
            scale=space.factor,
            shift=space.offset,
            on_step=on_step,
        )
    if not bool(samples.isfinite().all()):
        refuse_broken_weights(guider.nets)
        ctx.note(say("the result holds numbers that are not finite; try another sampler, scheduler or a lower cfg"))
    guess = samples if last_guess is None else space.outward(last_guess).to(samples)
    return {**latent_image, "samples": samples}, {**latent_image, "samples": guess}


def _cells(latent: Tensor, model: Model) -> Tensor:
    if latent.ndim != 4 or latent.numel() == 0:
        wanted = f"[B, {model.latent.channels}, h, w]"
        raise ShapeError(
            say(
                "latent_image: shape {shape}, but {family} wants {wanted} with at least one latent of at "
                "least one cell; make it with Empty Latent Image or VAE Encode",
                shape=list(latent.shape),
                family=model.family.name,
                wanted=wanted,
            ),
            wanted=wanted,
            got=tuple(latent.shape),
        )
    return latent


def start_noise(model: Model, noise: Noise, latent_image: Latent) -> Tensor:
    """What a run begins with, as large and in the order as the model wants it."""
    drawn = noise.generate_noise(latent_image)
    for patch in model.patches_of(StartNoisePatch):
        drawn = patch.change(drawn, noise.seed)
    scale = _noise_scale(model)
    return drawn if scale == 1 else drawn * scale


def _step_noise(model: Model, noise: Noise, latent_image: Latent) -> StepNoise:
    own = getattr(noise, "step_noise", None)  # packs' noise has a seed only
    steps = step_noise(noise.seed) if own is None else own(latent_image)
    scale = _noise_scale(model)
    return steps if scale == 1 else ScaledSteps(steps, scale)


def _noise_scale(model: Model) -> float:
    patches = model.patches_of(NoisePatch)
    return patches[-1].scale if patches else 1.0
