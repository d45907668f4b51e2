"""Noise from other sources than the usual one, and variations of it. A node of our own, see `docs/a1111.md`."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.declare import Choice, Flag, Number, node
from heddle.graph.errors import GraphError
from heddle.graph.said import one_of, say
from heddle.samplers.noise_sources import NOISE_SOURCES, STREAMS, SourcedNoise
from heddle.wires import Noise
from nodes.sampling.custom import NoiseSeed


@node(
    "HeddleNoise", category="model/sampling/noise", name="Noise (Source and Variation)",
    search=("a1111", "webui", "variation", "subseed", "philox"),
)  # fmt: skip
def noise_of_source(
    noise_seed: NoiseSeed,
    source: Annotated[
        str,
        Choice(
            *NOISE_SOURCES,
            tip="default: as RandomNoise. a1111 cpu, a1111 gpu: as A1111's web UI draws it on a CPU or an NVIDIA GPU.",
        ),
    ] = NOISE_SOURCES[0],
    each_alone: Annotated[
        bool,
        Flag(
            tip="Each picture of a batch has the noise that it has alone with the seed + its number. A1111's always do."
        ),
    ] = False,
    variation_seed: Annotated[
        int, Number(low=0, high=2**64 - 1, tip="Of another noise, for small changes of a picture.")
    ] = 0,
    variation_strength: Annotated[
        float, Number(low=0.0, high=1.0, step=0.01, tip="How much of the other noise: 0 = nothing, 1 = it alone.")
    ] = 0.0,
    resize_from_width: Annotated[
        int,
        Number(low=0, high=16384, step=8, tip="Width of the picture whose noise is wanted, A1111's alone; 0 = this."),
    ] = 0,
    resize_from_height: Annotated[
        int,
        Number(low=0, high=16384, step=8, tip="Height of the picture whose noise is wanted, A1111's alone; 0 = this."),
    ] = 0,
    step_seed_delta: Annotated[
        int, Number(low=0, high=2**63 - 1, tip="What is added to the seed between the steps (A1111's ENSD).")
    ] = 0,
) -> Noise:
    """Noise as another program draws it, with a share of a second seed's; also what samplers add between steps."""
    size = (resize_from_height, resize_from_width)
    if min(size) > 0 and source not in STREAMS:
        raise GraphError(
            say(
                "source: {source} knows no noise of a picture of another size; choose {known}, or size 0",
                source=source,
                known=one_of(STREAMS),
            ),
            input_name="source",
            found=source,
            wanted=" or ".join(STREAMS),
        )
    return SourcedNoise(
        source,
        noise_seed,
        each_alone=each_alone,
        variation_seed=variation_seed,
        variation_strength=variation_strength,
        made_at_px=size,
        step_seed_delta=step_seed_delta,
    )
