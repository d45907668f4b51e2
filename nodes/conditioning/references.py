"""Pictures that a model follows as it draws, such as FLUX.1 Kontext does."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.declare import Wire, node
from heddle.wires import Conditioning, Latent


@node(
    "ReferenceLatent", category="model/conditioning", name="Set Reference Latent", search=("kontext", "edit", "image")
)
def add_reference(
    conditioning: Conditioning,
    *,
    latent: Annotated[Latent, Wire("LATENT", tip="The encoded picture to follow, of any size.")] | None = None,
) -> Conditioning:
    """Show an editing model one picture more; used again, it shows several."""
    if latent is None:
        return conditioning
    more = [latent["samples"]]
    return [
        [states, {**options, "reference_latents": [*options.get("reference_latents", []), *more]}]
        for states, options in conditioning
    ]
