"""Fewer calls of the network: steps that would change little are not computed."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.declare import Flag, Number, node
from heddle.samplers.conditions import Network
from heddle.samplers.predictions import Prediction
from heddle.samplers.reuse import Reuse, reuse_guesses, reuse_outputs
from heddle.samplers.sampler import Denoiser
from heddle.wires import Model
from model_management.control_run import Note
from model_management.patches import DenoiserPatch, NetworkPatch

CATEGORY = "advanced/debug"

Threshold = Annotated[
    float,
    Number(
        default=0.2, low=0.0, high=3.0, step=0.01, advanced=True,
        tip="The expected change, as a share of the output, up to which steps are left out: more is faster.",
    ),
]  # fmt: skip
Start = Annotated[
    float,
    Number(
        default=0.15, low=0.0, high=1.0, step=0.01, advanced=True,
        tip="Where in the run it begins, 0 to 1: the first steps decide what the picture shows.",
    ),
]  # fmt: skip
End = Annotated[
    float, Number(default=0.95, low=0.0, high=1.0, step=0.01, advanced=True, tip="Where in the run it ends, 0 to 1.")
]
Verbose = Annotated[bool, Flag(default=False, advanced=True, tip="Say of each step whether it was computed.")]


@node("EasyCache", category=CATEGORY, name="EasyCache", experimental=True, search=("speed", "skip"))
def easy_cache(
    model: Model, reuse_threshold: Threshold, start_percent: Start, end_percent: End, verbose: Verbose
) -> Model:
    """Leave out steps of the network while its input moves little, each text's own output used again."""

    def begin(network: Network, prediction: Prediction, note: Note) -> Network:
        return reuse_outputs(network, _reuse(prediction, reuse_threshold, start_percent, end_percent, verbose, note))

    return model.with_patch("EasyCache", NetworkPatch(begin))


@node("LazyCache", category=CATEGORY, name="LazyCache", experimental=True, search=("speed", "skip"))
def lazy_cache(
    model: Model, reuse_threshold: Threshold, start_percent: Start, end_percent: End, verbose: Verbose
) -> Model:
    """EasyCache of the whole guess, guidance included: for every model and guider, a little less exact."""

    def begin(denoise: Denoiser, prediction: Prediction, note: Note) -> Denoiser:
        return reuse_guesses(denoise, _reuse(prediction, reuse_threshold, start_percent, end_percent, verbose, note))

    return model.with_patch("LazyCache", DenoiserPatch(begin))


def _reuse(prediction: Prediction, threshold: float, start: float, end: float, verbose: bool, note: Note) -> Reuse:
    first, last = (prediction.schedule.percent_to_sigma(percent) for percent in (start, end))
    return Reuse(threshold, first, last, note if verbose else None)
