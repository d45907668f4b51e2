"""Which draws of a seed's noise the pictures of a batch get."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.declare import Choice, More, node
from heddle.wires import Latent


@node("LatentBatchSeedBehavior", category="model/latent/advanced", name="LatentBatchSeedBehavior")
def set_seed_behavior(
    samples: Latent,
    seed_behavior: Annotated[
        str,
        Choice("random", "fixed", tip="Random: each picture has noise of its own. Fixed: all have the first one's."),
        More({"multiselect": False}),
    ] = "fixed",
) -> Latent:
    """Let the pictures of a batch begin with the same noise, or each with its own."""
    others = {key: value for key, value in samples.items() if key != "batch_index"}
    if seed_behavior == "random":
        return others
    number = samples.get("batch_index", [0])[0]
    return {**others, "batch_index": [number] * samples["samples"].shape[0]}
