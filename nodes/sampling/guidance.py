"""Changes to guidance that a model carries."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.declare import Flag, More, Number, node
from heddle.samplers import guidance_changes
from heddle.samplers.keeping import differential
from heddle.wires import Conditioning, Model
from model_management.patches import GuidancePatch, MaskPatch


@node("RescaleCFG", category="model/patch", name="RescaleCFG")
def rescale(
    model: Model,
    multiplier: Annotated[
        float, Number(default=0.7, low=0.0, high=1.0, step=0.01, tip="How much of the result is rescaled.")
    ],
) -> Model:
    """Keep strong guidance from overexposing: its result gets the spread that the positive alone has."""
    return model.with_patch("RescaleCFG", GuidancePatch(guidance_changes.rescale_cfg(multiplier)))


@node("RenormCFG", category="model/patch", name="RenormCFG")
def renorm(
    model: Model,
    cfg_trunc: Annotated[
        float,
        Number(default=100, low=0.0, high=100.0, step=0.01, advanced=True, tip="Guide only below this noise level."),
    ],
    renorm_cfg: Annotated[
        float,
        Number(
            default=1.0, low=0.0, high=100.0, step=0.01, advanced=True,
            tip="The longest guess, in lengths of the positive's; 0 = any.",
        ),
    ],
) -> Model:  # fmt: skip
    """Limit guided guesses to the length of the positive's, as Lumina 2 wants it."""
    return model.with_patch("RenormCFG", GuidancePatch(guidance_changes.renorm_cfg(cfg_trunc, renorm_cfg)))


@node("CFGZeroStar", category="advanced/guidance", name="CFGZeroStar", outputs=("patched_model",))
def zero_star(model: Model) -> Model:
    """Guide from that multiple of the negative which lies closest to the positive: calmer first steps."""
    return model.with_patch("CFGZeroStar", GuidancePatch(guidance_changes.cfg_zero_star()))


@node("CFGNorm", category="advanced/guidance", name="CFGNorm", outputs=("patched_model",), experimental=True)
def limit_norm(
    model: Model,
    strength: Annotated[
        float, Number(default=1.0, low=0.0, high=100.0, step=0.01, tip="A factor on the result; 1 leaves it.")
    ],
    *,
    pre_cfg: Annotated[bool, Flag(tip="Limit the guidance itself, before the positive's guess is added.")] = False,
) -> Model:
    """Let guidance turn the channels of each cell, but not make them larger than the positive has them."""
    return model.with_patch("CFGNorm", GuidancePatch(guidance_changes.cfg_norm(strength, of_the_way=pre_cfg)))


@node("Mahiro", category="experimental", name="Positive-Biased Guidance", outputs=("patched_model",), experimental=True)
def positive_biased(model: Model) -> Model:
    """Lean towards the positive prompt alone where guidance brings out what the negative shows."""
    return model.with_patch("Mahiro", GuidancePatch(guidance_changes.positive_biased()))


@node("TCFG", category="advanced/guidance", name="Tangential Damping CFG", outputs=("patched_model",))
def tangential_damping(model: Model) -> Model:
    """Keep of the negative only what it shares with the positive in direction, for cleaner shapes."""
    return model.with_patch("TCFG", GuidancePatch(guidance_changes.tangential_damping()))


@node("APG", category="model/sampling/custom", name="Adaptive Projected Guidance")
def adaptive_projected(
    model: Model,
    eta: Annotated[
        float,
        Number(
            default=1.0, low=-10.0, high=10.0, step=0.01, advanced=True,
            tip="How much is kept of the part that oversaturates; 1 is plain guidance.",
        ),
    ],
    norm_threshold: Annotated[
        float,
        Number(default=5.0, low=0.0, high=50.0, step=0.1, advanced=True, tip="The longest way that is gone; 0 = any."),
    ],
    momentum: Annotated[
        float,
        Number(
            default=0.0, low=-5.0, high=1.0, step=0.01, advanced=True,
            tip="How much of the ways before is added; negative numbers keep away from them.",
        ),
    ],
) -> Model:  # fmt: skip
    """Strong guidance without oversaturated colours: the part along the positive is weakened, the way limited."""
    change = guidance_changes.adaptive_projected(eta, norm_threshold, momentum)
    return model.with_patch("APG", GuidancePatch(change))


@node("Epsilon Scaling", category="model/patch/unet", name="Epsilon Scaling")
def scale_epsilon(
    model: Model,
    scaling_factor: Annotated[
        float,
        Number(
            default=1.005, low=0.5, high=1.5, step=0.001, advanced=True, tip="Above 1 removes less noise in each step."
        ),
        More({"display": "number"}),
    ],
) -> Model:
    """Remove a little less noise in each step, against errors that a network makes on its own results."""
    return model.with_patch("Epsilon Scaling", GuidancePatch(guidance_changes.scale_epsilon(scaling_factor)))


@node(
    "TemporalScoreRescaling", category="model/patch/unet", name="TSR - Temporal Score Rescaling",
    outputs=("patched_model",), search=("tsr", "temperature"),
)  # fmt: skip
def rescale_score(
    model: Model,
    tsr_k: Annotated[
        float,
        Number(
            default=0.95, low=0.01, high=100.0, step=0.001, advanced=True,
            tip="Below 1 gives more detail and variety, above 1 smoother pictures; 1 is off.",
        ),
        More({"display": "number"}),
    ],
    tsr_sigma: Annotated[
        float,
        Number(
            default=1.0, low=0.01, high=100.0, step=0.001, advanced=True, tip="Larger numbers let it begin earlier."
        ),
        More({"display": "number"}),
    ],
) -> Model:  # fmt: skip
    """Draw from the model as if at another temperature: more detailed, or smoother."""
    return model.with_patch("TemporalScoreRescaling", GuidancePatch(guidance_changes.rescale_score(tsr_k, tsr_sigma)))


@node(
    "PerpNeg", category="experimental", name="Perp-Neg (DEPRECATED by Perp-Neg Guider)", experimental=True,
    deprecated=True,
)  # fmt: skip
def perp_neg(
    model: Model,
    empty_conditioning: Conditioning,
    neg_scale: Annotated[
        float, Number(default=1.0, low=0.0, high=100.0, step=0.01, advanced=True, tip="How strongly to keep away.")
    ],
) -> Model:
    """Keep away from what the negative shows and the positive does not ask for; wants an empty text as well."""
    side = "empty of PerpNeg"
    change = guidance_changes.perp_neg(neg_scale, side)
    return model.with_patch("PerpNeg", GuidancePatch(change, {side: empty_conditioning}))


@node("FreSca", category="experimental", name="FreSca", experimental=True)
def scale_frequencies(
    model: Model,
    scale_low: Annotated[
        float, Number(default=1.0, low=0, high=10, step=0.01, advanced=True, tip="Guidance of large shapes.")
    ],
    scale_high: Annotated[
        float, Number(default=1.25, low=0, high=10, step=0.01, advanced=True, tip="Guidance of fine detail.")
    ],
    freq_cutoff: Annotated[
        int,
        Number(default=20, low=1, high=10000, step=1, advanced=True, tip="Cycles per picture that still count as low."),
    ],
) -> Model:
    """Guide large shapes and fine detail with different strength."""
    change = guidance_changes.scale_frequencies(scale_low, scale_high, freq_cutoff)
    return model.with_patch("FreSca", GuidancePatch(change))


@node("DifferentialDiffusion", category="experimental", name="Differential Diffusion", experimental=True)
def differential_diffusion(
    model: Model,
    *,
    strength: Annotated[
        float,
        Number(default=1.0, low=0.0, high=1.0, step=0.01, tip="Below 1 the mask as it is shines through."),
    ] = 1.0,
) -> Model:
    """Soft inpainting: grey parts of a mask are let go late in the run, so that they change only a little."""
    return model.with_patch("DifferentialDiffusion", MaskPatch(differential(strength)))


LeastScale = Annotated[
    float,
    Number(
        default=1.0, low=0.0, high=100.0, step=0.5, round=0.01, advanced=True,
        tip="Guidance where it is least; where it is most it is the sampler's cfg.",
    ),
]  # fmt: skip


@node(
    "VideoLinearCFGGuidance", category="model/sampling/guiders", name="Video Linear CFG Guidance",
    search=("svd", "frames"),
)  # fmt: skip
def grow_over_frames(model: Model, min_cfg: LeastScale) -> Model:
    """Guide the frames of a video ever more, from the first, which is given, to the last.

    The frames are the batch of the latent, as with Stable Video Diffusion.
    """
    change = guidance_changes.scale_over_frames(min_cfg, there_and_back=False)
    return model.with_patch("VideoLinearCFGGuidance", GuidancePatch(change))


@node(
    "VideoTriangleCFGGuidance", category="model/sampling/guiders", name="Video Triangle CFG Guidance",
    search=("sv3d", "frames", "loop"),
)  # fmt: skip
def grow_and_fall_over_frames(model: Model, min_cfg: LeastScale) -> Model:
    """Guide the frames of a video most in its middle and least at both ends, for videos that end as they begin.

    The frames are the batch of the latent, as with Stable Video Diffusion.
    """
    change = guidance_changes.scale_over_frames(min_cfg, there_and_back=True)
    return model.with_patch("VideoTriangleCFGGuidance", GuidancePatch(change))
