"""What a model's output is taken to mean, and how its noise levels lie: for files that do not say it themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated

from heddle.graph.context import Context
from heddle.graph.declare import Choice, Flag, More, Number, node
from heddle.graph.errors import GraphError
from heddle.graph.said import say
from heddle.samplers.noise_schedules import (
    ContinuousEdm,
    ContinuousV,
    CosmosFlow,
    FlowSchedule,
    FluxSchedule,
    NoiseSchedule,
    flux_mu,
    scaled_linear,
)
from heddle.samplers.predictions import (
    Clean,
    CosmosRectified,
    Edm,
    Epsilon,
    Flow,
    Lcm,
    Prediction,
    Translation,
    TranslationFlow,
    Velocity,
)
from heddle.wires import Model
from model_management.families.sdxl.playground import LATENT as PLAYGROUND_LATENT
from model_management.family import LatentSpace
from model_management.patches import NoisePatch

#: An LCM knows every twentieth of a thousand timesteps. Source: Luo et al. 2023, arXiv:2310.04378, section 4.3.
LCM_STRIDE = 20

_DISCRETE: Mapping[str, Callable[[NoiseSchedule], Prediction]] = {
    "eps": Epsilon,
    "v_prediction": Velocity,
    "lcm": Lcm,
    "x0": Clean,
    "img_to_img": Translation,
    "img_to_img_flow": TranslationFlow,
}

#: e to this power beside 1 / t - 1, which is at most 9999: all levels lie within a thousandth, and beyond it float32
#: soon has no numbers between them.
MOST_SHIFT = 16

#: Deviation of the latents that EDM's own networks were trained on. Source: arXiv:2206.00364, table 1.
EDM_DATA = 0.5

SigmaMin = Annotated[
    float,
    Number(default=0.002, low=0.0, high=1000.0, step=0.001, advanced=True, tip="The cleanest level of the training."),
    More({"round": False}),
]


@node("ModelSamplingDiscrete", category="model/patch", name="ModelSamplingDiscrete", search=("v-prediction", "zsnr"))
def discrete(
    model: Model,
    sampling: Annotated[str, Choice(*_DISCRETE, tip="What the network was trained to say.")],
    zsnr: Annotated[
        bool,
        Flag(
            tip="For models trained with a last noise level that holds no picture at all (zero terminal SNR).",
            advanced=True,
        ),
    ] = False,
    *,
    ctx: Context,
) -> Model:
    """Say what a Stable Diffusion model predicts, for files that do not tell."""
    stride = LCM_STRIDE if sampling == "lcm" else 1
    schedule = scaled_linear(0.00085, 0.012, zero_terminal_snr=zsnr, stride=stride)
    return _taken_as(_DISCRETE[sampling](schedule), model, ctx)


@node("ModelSamplingContinuousEDM", category="model/patch", name="ModelSamplingContinuousEDM")
def continuous_edm(
    model: Model,
    sampling: Annotated[
        str,
        Choice(
            "v_prediction", "edm", "edm_playground_v2.5", "eps", "cosmos_rflow",
            tip="What the network was trained to say.",
        ),
    ],
    sigma_max: Annotated[
        float,
        Number(default=120.0, low=0.0, high=1000.0, step=0.001, advanced=True, tip="The noisiest level."),
        More({"round": False}),
    ],
    sigma_min: SigmaMin,
    ctx: Context,
) -> Model:  # fmt: skip
    """Sample over noise levels without steps between them, as models in EDM's manner were trained."""
    _check_levels(sigma_min, sigma_max)
    schedule = ContinuousEdm(sigma_min, sigma_max)
    match sampling:
        case "v_prediction":
            predicts: Prediction = Velocity(schedule)
        case "edm":
            predicts = Edm(schedule, EDM_DATA)
        case "eps":
            predicts = Epsilon(schedule)
        case "cosmos_rflow":
            predicts = CosmosRectified(CosmosFlow(sigma_min, sigma_max))
        case _:
            model, predicts = replace(model, own_latent=_as_playground(model)), Edm(schedule, EDM_DATA)
    return _taken_as(predicts, model, ctx)


@node("ModelSamplingContinuousV", category="model/patch", name="ModelSamplingContinuousV")
def continuous_v(
    model: Model,
    sampling: Annotated[str, Choice("v_prediction", tip="What the network was trained to say.")],
    sigma_max: Annotated[
        float,
        Number(default=500.0, low=0.0, high=1000.0, step=0.001, advanced=True, tip="The noisiest level."),
        More({"round": False}),
    ],
    sigma_min: Annotated[
        float,
        Number(default=0.03, low=0.0, high=1000.0, step=0.001, advanced=True, tip="The cleanest level."),
        More({"round": False}),
    ],
    ctx: Context,
) -> Model:
    """Sample over noise levels whose time is the angle between picture and noise."""
    _check_levels(sigma_min, sigma_max)
    return _taken_as(Velocity(ContinuousV(sigma_min, sigma_max)), model, ctx)


@node("ModelSamplingSD3", category="model/patch/stable diffusion", name="ModelSamplingSD3", search=("shift",))
def shift_sd3(
    model: Model,
    shift: Annotated[
        float, Number(default=3.0, low=0.0, high=100.0, step=0.01, tip="More for larger pictures: time at high noise.")
    ],
    ctx: Context,
) -> Model:
    """Move the noise levels of a flow model towards the noisy end."""
    return _taken_as(_flow(shift, multiplier=1000.0), model, ctx)


@node("ModelSamplingAuraFlow", category="model/patch", name="ModelSamplingAuraFlow", search=("shift",))
def shift_aura_flow(
    model: Model,
    shift: Annotated[
        float, Number(default=1.73, low=0.0, high=100.0, step=0.01, tip="More for larger pictures: time at high noise.")
    ],
    ctx: Context,
) -> Model:
    """Move the noise levels of a flow model towards the noisy end; its network is told levels from 0 to 1."""
    return _taken_as(_flow(shift, multiplier=1.0), model, ctx)


@node("ModelSamplingFlux", category="model/patch/flux", name="ModelSamplingFlux", search=("shift",))
def shift_flux(
    model: Model,
    max_shift: Annotated[
        float,
        Number(default=1.15, low=0.0, high=100.0, step=0.01, advanced=True, tip="The shift at 1024 x 1024 pixels."),
    ],
    base_shift: Annotated[
        float,
        Number(default=0.5, low=0.0, high=100.0, step=0.01, advanced=True, tip="The shift at 256 x 256 pixels."),
    ],
    width: Annotated[int, Number(default=1024, low=16, high=16384, step=8, tip="Of the picture, in pixels.")],
    height: Annotated[int, Number(default=1024, low=16, high=16384, step=8, tip="Of the picture, in pixels.")],
    ctx: Context,
) -> Model:
    """Move Flux's noise levels by as much as a picture of this size wants."""
    mu = flux_mu(width, height, base_shift=base_shift, max_shift=max_shift)
    if abs(mu) > MOST_SHIFT:
        raise GraphError(
            say(
                "max_shift: {max_shift} with base_shift {base_shift} makes a shift of {mu:.4g} at {width} x {height}, "
                "and beyond {most_shift} the noise levels cannot be told apart; 1.15 and 0.5 are usual",
                max_shift=max_shift,
                base_shift=base_shift,
                mu=mu,
                width=width,
                height=height,
                most_shift=MOST_SHIFT,
            ),
            input_name="max_shift",
            found=max_shift,
            wanted=f"a shift up to {MOST_SHIFT}",
        )
    return _taken_as(Flow(FluxSchedule(mu)), model, ctx)


@node("ModelNoiseScale", category="model/patch", name="ModelNoiseScale")
def scale_noise(
    model: Model,
    noise_scale: Annotated[
        float, Number(default=1.0, low=0.0, high=64.0, step=0.01, tip="Deviation of the noise that it was trained on.")
    ],
) -> Model:
    """Sample with larger or smaller noise, for models that were trained so: all noise of a run is multiplied."""
    return model.with_patch("ModelNoiseScale", NoisePatch(noise_scale))


def _taken_as(predicts: Prediction, model: Model, ctx: Context) -> Model:
    """A copy that is read so. A flow for noise or noise for a flow is right for some finetunes, and told."""
    if predicts.is_flow != model.predicts.is_flow:
        flow, levels = say("a flow"), say("noise levels")
        own, other = (flow, levels) if model.predicts.is_flow else (levels, flow)
        ctx.note(
            say(
                "{family} is known as a model of {own} and is now taken for one of {other}: right only "
                "if this one was trained so; if not, leave the node out",
                family=model.family.name,
                own=own,
                other=other,
            )
        )
    return replace(model, predicts=predicts)


def _as_playground(model: Model) -> LatentSpace:
    if model.latent.channels != PLAYGROUND_LATENT.channels:
        raise GraphError(
            say(
                "sampling: edm_playground_v2.5 is for models with the latents of Stable Diffusion XL, "
                "but {family}'s have {channels} channels; choose another",
                family=model.family.name,
                channels=model.latent.channels,
            ),
            input_name="sampling",
            found=model.family.name,
            wanted="a model with the latents of Stable Diffusion XL",
        )
    return PLAYGROUND_LATENT


def _flow(shift: float, multiplier: float) -> Flow:
    if shift <= 0:
        raise GraphError(
            say(
                "shift: {shift} leaves no noise level above 0; 1 is no shift, more moves the levels to the noisy end",
                shift=shift,
            ),
            input_name="shift",
            found=shift,
            wanted="above 0",
        )
    return Flow(FlowSchedule(shift, multiplier=multiplier))


def _check_levels(sigma_min: float, sigma_max: float) -> None:
    if not 0 < sigma_min < sigma_max:
        raise GraphError(
            say(
                "sigma_min is {sigma_min} and sigma_max {sigma_max}, but levels rise from above 0",
                sigma_min=sigma_min,
                sigma_max=sigma_max,
            ),
            input_name="sigma_min",
            found=sigma_min,
            wanted=f"between 0 and {sigma_max}",
        )
