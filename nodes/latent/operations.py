"""Operations on latents, which are wires of their own: applied to a latent at once, or to guidance in each step."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from heddle.graph.declare import Number, node
from heddle.numerics.latent_operations import compress_lengths, sharpen
from heddle.samplers.guidance_changes import operate
from heddle.wires import Latent, LatentOperation, Model
from model_management.patches import GuidancePatch

CATEGORY = "model/latent/advanced/operations"


@node("LatentApplyOperation", category=CATEGORY, name="LatentApplyOperation", experimental=True)
def apply_operation(samples: Latent, operation: LatentOperation) -> Latent:
    """Do something to a latent, such as sharpen it."""
    return {**samples, "samples": operation(samples["samples"])}


@node("LatentApplyOperationCFG", category=CATEGORY, name="LatentApplyOperationCFG", experimental=True)
def apply_operation_to_guidance(model: Model, operation: LatentOperation) -> Model:
    """Do something in each step to what guidance adds; to the guess itself where there is no negative."""
    return model.with_patch("LatentApplyOperationCFG", GuidancePatch(operate(operation)))


@node("LatentOperationTonemapReinhard", category=CATEGORY, name="LatentOperationTonemapReinhard", experimental=True)
def tonemap(
    multiplier: Annotated[
        float, Number(default=1.0, low=0.0, high=100.0, step=0.01, tip="The top, in usual tops: less compresses more.")
    ],
) -> LatentOperation:
    """Compress what stands out, so that strong guidance does not overexpose."""
    return partial(compress_lengths, multiplier=multiplier)


@node("LatentOperationSharpen", category=CATEGORY, name="LatentOperationSharpen", experimental=True)
def sharpening(
    sharpen_radius: Annotated[
        int, Number(default=9, low=1, high=31, step=1, advanced=True, tip="How far around it looks, in cells.")
    ],
    sigma: Annotated[
        float,
        Number(default=1.0, low=0.1, high=10.0, step=0.1, advanced=True, tip="Width of the Gaussian, in radii."),
    ],
    alpha: Annotated[float, Number(default=0.1, low=0.0, high=5.0, step=0.01, advanced=True, tip="How strongly.")],
) -> LatentOperation:
    """Set each cell off against the cells around it."""
    return partial(sharpen, radius=sharpen_radius, sigma=sigma, strength=alpha)
