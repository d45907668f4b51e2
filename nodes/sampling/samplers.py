"""Nodes that choose a sampler and set its options."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.declare import Choice, Flag, More, Number, node
from heddle.samplers.catalogue import SAMPLERS
from heddle.samplers.steps import cfg_pp, dpmpp_sde, er_sde, seeds
from heddle.samplers.steps.lcm import lcm_upscale as growing_lcm
from heddle.wires import Model, Sampler

CATEGORY = "model/sampling/samplers"

_UNROUNDED = More({"round": False})
_ONE_OF_SEVERAL = More({"multiselect": False})
_UPSCALE_METHODS = ("bislerp", "nearest-exact", "bilinear", "area", "bicubic")
_ETA_TIP = "The share of fresh noise in each step; 0 adds none."
_S_NOISE_TIP = "A factor on the noise that is added."


def _amount(default: float, tip: str, high: float = 100.0) -> Number:
    return Number(default=default, low=0.0, high=high, step=0.01, tip=tip, advanced=True)


Eta = Annotated[float, _amount(1.0, _ETA_TIP), _UNROUNDED]
EtaToTen = Annotated[float, _amount(1.0, _ETA_TIP, high=10.0), _UNROUNDED]
SNoise = Annotated[float, _amount(1.0, _S_NOISE_TIP), _UNROUNDED]
ShareR = Annotated[float, _amount(0.5, "Where in a step the second call is, as a share of it."), _UNROUNDED]
NoiseDevice = Annotated[
    str,
    Choice(
        "gpu", "cpu", tip="Without effect: noise is drawn on the CPU, so that a seed is one picture.", advanced=True
    ),
    _ONE_OF_SEVERAL,
]


@node("KSamplerSelect", category=CATEGORY)
def select(
    sampler_name: Annotated[str, Choice(*SAMPLERS, tip="The method that takes the steps."), _ONE_OF_SEVERAL],
) -> Sampler:
    """A sampler with its usual options."""
    return SAMPLERS[sampler_name]


@node("SamplerEulerAncestral", category=CATEGORY)
def euler_ancestral(eta: Eta, s_noise: SNoise) -> Sampler:
    """Euler steps with fresh noise."""
    return SAMPLERS["euler_ancestral"].with_options(eta=eta, s_noise=s_noise)


@node("SamplerEulerAncestralCFGPP", category=CATEGORY, name="SamplerEulerAncestralCFG++")
def euler_ancestral_cfg_pp(
    eta: Annotated[float, Number(default=1.0, low=0.0, high=1.0, step=0.01, tip=_ETA_TIP), _UNROUNDED],
    s_noise: Annotated[float, Number(default=1.0, low=0.0, high=10.0, step=0.01, tip=_S_NOISE_TIP), _UNROUNDED],
) -> Sampler:
    """Euler steps with fresh noise for low guidance (cfg of 1 to 2): what is kept of the noise follows the negative."""
    return SAMPLERS["euler_ancestral_cfg_pp"].with_options(eta=eta, s_noise=s_noise)


@node("SamplerEulerCFGpp", category="experimental", name="SamplerEulerCFG++", experimental=True)
def euler_cfg_pp(
    version: Annotated[
        str,
        Choice(*cfg_pp.VERSIONS, tip="Regular as published; the alternative guides the slope instead.", advanced=True),
        _ONE_OF_SEVERAL,
    ],
) -> Sampler:
    """Euler steps for low guidance (cfg of 1 to 2): what is kept of the noise follows the negative."""
    return SAMPLERS["euler_cfg_pp"].with_options(version=version)


@node("SamplerLMS", category=CATEGORY)
def lms(
    order: Annotated[int, Number(default=4, low=1, high=100, advanced=True, tip="How many steps are looked back at.")],
) -> Sampler:
    """Linear multistep: each step follows the course of the last ones."""
    return SAMPLERS["lms"].with_options(order=order)


@node("SamplerDPMPP_2S_Ancestral", category=CATEGORY)
def dpmpp_2s_ancestral(
    eta: Annotated[float, Number(default=1.0, low=0.0, high=100.0, step=0.01, tip=_ETA_TIP), _UNROUNDED],
    s_noise: Annotated[float, Number(default=1.0, low=0.0, high=100.0, step=0.01, tip=_S_NOISE_TIP), _UNROUNDED],
) -> Sampler:
    """DPM-Solver++ of second order with two calls a step and fresh noise."""
    return SAMPLERS["dpmpp_2s_ancestral"].with_options(eta=eta, s_noise=s_noise)


@node("SamplerDPMPP_SDE", category=CATEGORY)
def dpmpp_single(eta: Eta, s_noise: SNoise, r: ShareR, noise_device: NoiseDevice) -> Sampler:
    """SDE-DPM-Solver++ with two calls a step."""
    return SAMPLERS["dpmpp_sde"].with_options(eta=eta, s_noise=s_noise, r=r)


@node("SamplerDPMPP_2M_SDE", category=CATEGORY)
def dpmpp_2m(
    solver_type: Annotated[
        str, Choice(*dpmpp_sde.SOLVER_TYPES, tip="How the line through two guesses is used."), _ONE_OF_SEVERAL
    ],
    eta: Eta,
    s_noise: SNoise,
    noise_device: NoiseDevice,
) -> Sampler:
    """SDE-DPM-Solver++ that looks back at one step."""
    return SAMPLERS["dpmpp_2m_sde"].with_options(solver_type=solver_type, eta=eta, s_noise=s_noise)


@node("SamplerDPMPP_3M_SDE", category=CATEGORY)
def dpmpp_3m(eta: Eta, s_noise: SNoise, noise_device: NoiseDevice) -> Sampler:
    """SDE-DPM-Solver++ that looks back at two steps."""
    return SAMPLERS["dpmpp_3m_sde"].with_options(eta=eta, s_noise=s_noise)


@node("SamplerDPMAdaptative", category=CATEGORY)
def dpm_adaptive(
    order: Annotated[int, Number(default=3, low=2, high=3, advanced=True, tip="Of the method that is believed.")],
    rtol: Annotated[float, _amount(0.05, "The error that a step may make, as a share of the latent."), _UNROUNDED],
    atol: Annotated[float, _amount(0.0078, "The error that a step may make in any case."), _UNROUNDED],
    h_init: Annotated[float, _amount(0.05, "Length of the first try, in the logarithm of sigma."), _UNROUNDED],
    pcoeff: Annotated[float, _amount(0.0, "Proportional part of the control of the length."), _UNROUNDED],
    icoeff: Annotated[float, _amount(1.0, "Integral part of the control of the length."), _UNROUNDED],
    dcoeff: Annotated[float, _amount(0.0, "Derivative part of the control of the length."), _UNROUNDED],
    accept_safety: Annotated[
        float, _amount(0.81, "A step is taken if the next may be so many times as long."), _UNROUNDED
    ],
    eta: Annotated[float, _amount(0.0, _ETA_TIP), _UNROUNDED],
    s_noise: SNoise,
) -> Sampler:
    """As many steps as the error asks for: of the noise levels only the first and the last count."""
    return SAMPLERS["dpm_adaptive"].with_options(
        order=order,
        rtol=rtol,
        atol=atol,
        h_init=h_init,
        pcoeff=pcoeff,
        icoeff=icoeff,
        dcoeff=dcoeff,
        accept_safety=accept_safety,
        eta=eta,
        s_noise=s_noise,
    )


@node("SamplerER_SDE", category=CATEGORY)
def extended_reverse_time(
    solver_type: Annotated[
        str, Choice(*er_sde.NOISE_SCALES, tip="How much noise is added; the ODE adds none."), _ONE_OF_SEVERAL
    ],
    max_stage: Annotated[int, Number(default=3, low=1, high=3, advanced=True, tip="How many guesses are looked at.")],
    eta: Annotated[
        float,
        _amount(1.0, "Fresh noise of the reverse-time SDE; 0 adds none. Others ignore it.", high=10.0),
        _UNROUNDED,
    ],
    s_noise: SNoise,
) -> Sampler:
    """Solvers for differential equations with a chosen share of noise."""
    return SAMPLERS["er_sde"].with_options(solver_type=solver_type, max_stage=max_stage, eta=eta, s_noise=s_noise)


@node("SamplerSASolver", category=CATEGORY)
def sa_solver(
    model: Model,
    eta: EtaToTen,
    sde_start_percent: Annotated[
        float, Number(default=0.2, low=0.0, high=1.0, step=0.001, advanced=True, tip="Where in the run noise begins.")
    ],
    sde_end_percent: Annotated[
        float, Number(default=0.8, low=0.0, high=1.0, step=0.001, advanced=True, tip="Where in the run noise ends.")
    ],
    s_noise: SNoise,
    predictor_order: Annotated[
        int, Number(default=3, low=1, high=6, advanced=True, tip="How many guesses a step is led by.")
    ],
    corrector_order: Annotated[
        int, Number(default=4, low=0, high=6, advanced=True, tip="How many guesses mend it; 0 mends nothing.")
    ],
    use_pece: Annotated[bool, Flag(tip="Guess again after mending: steadier, and takes twice as long.", advanced=True)],
    simple_order_2: Annotated[bool, Flag(tip="Simpler weights where the order is 2.", advanced=True)],
) -> Sampler:
    """Stochastic Adams steps, with noise on a part of the run.

    The part is counted in the levels of the model that is sampled, whichever is connected here.
    """
    return SAMPLERS["sa_solver"].with_options(
        eta=eta,
        sde_start_percent=sde_start_percent,
        sde_end_percent=sde_end_percent,
        s_noise=s_noise,
        predictor_order=predictor_order,
        corrector_order=corrector_order,
        use_pece=use_pece,
        simple_order_2=simple_order_2,
    )


@node("SamplerSEEDS2", category=CATEGORY)
def seeds_2(
    solver_type: Annotated[
        str, Choice(*seeds.SOLVER_TYPES, tip="How the line through two guesses is used."), _ONE_OF_SEVERAL
    ],
    eta: Eta,
    s_noise: SNoise,
    r: Annotated[
        float,
        Number(
            default=0.5,
            low=0.01,
            high=1.0,
            step=0.01,
            advanced=True,
            tip="Where in a step the second call is, as a share.",
        ),
        _UNROUNDED,
    ],
) -> Sampler:
    """Exponential steps of two calls, for the equation with noise; with r 1 and phi_2 it is exp_heun_2_x0_sde."""
    return SAMPLERS["seeds_2"].with_options(solver_type=solver_type, eta=eta, s_noise=s_noise, r=r)


@node("SamplerLCM", category=CATEGORY)
def lcm(
    s_noise: Annotated[float, Number(default=1.0, low=0.0, high=64.0, step=0.01, tip="A factor on the first noise.")],
    s_noise_end: Annotated[
        float, Number(default=1.0, low=0.0, high=64.0, step=0.01, tip="A factor on the last noise.")
    ],
    noise_clip_std: Annotated[
        float,
        Number(default=0.0, low=0.0, high=10.0, step=0.01, tip="Noise is cut at so many deviations; 0 cuts none."),
    ],
) -> Sampler:
    """The clean guess, noised anew for each step: for LCM and other consistency models."""
    return SAMPLERS["lcm"].with_options(s_noise=s_noise, s_noise_end=s_noise_end, noise_clip_std=noise_clip_std)


@node("SamplerLCMUpscale", category=CATEGORY)
def lcm_upscale(
    scale_ratio: Annotated[
        float,
        Number(default=1.0, low=0.1, high=20.0, step=0.01, advanced=True, tip="How much larger the result is."),
    ],
    scale_steps: Annotated[
        int,
        Number(
            default=-1,
            low=-1,
            high=1000,
            step=1,
            advanced=True,
            tip="After how many steps it grows; -1 is half of all.",
        ),
    ],
    upscale_method: Annotated[str, Choice(*_UPSCALE_METHODS, tip="How the latent is resized."), _ONE_OF_SEVERAL],
) -> Sampler:
    """LCM steps that enlarge the latent on their way."""
    return growing_lcm.with_options(scale_ratio=scale_ratio, scale_steps=scale_steps, upscale_method=upscale_method)
