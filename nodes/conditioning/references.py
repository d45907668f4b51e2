"""Pictures that a model follows as it draws, such as FLUX.1 Kontext does."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.declare import Choice, More, Wire, node
from heddle.numerics.resize import resize
from heddle.wires import Conditioning, Image, Latent

#: Widths and heights in pixels that FLUX.1 Kontext was trained on. Source: its published inference code.
KONTEXT_SIZES = (
    (672, 1568), (688, 1504), (720, 1456), (752, 1392), (800, 1328), (832, 1248), (880, 1184), (944, 1104),
    (1024, 1024), (1104, 944), (1184, 880), (1248, 832), (1328, 800), (1392, 752), (1456, 720), (1504, 688),
    (1568, 672),
)  # fmt: skip


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


@node(
    "FluxKontextMultiReferenceLatentMethod",
    category="model/conditioning/flux",
    name="Edit Model Reference Method",
    search=("kontext", "reference", "several"),
    experimental=True,
)
def choose_reference_method(
    conditioning: Conditioning,
    reference_latents_method: Annotated[
        str,
        Choice(
            *("offset", "index", "uxo/uno", "index_timestep_zero"),
            advanced=True,
            tip="Beside each other (Kontext), one behind the other by number, down the picture's diagonal (UNO, USO), "
            "or by number and told of no noise.",
        ),
        More({"multiselect": False}),
    ],
) -> Conditioning:
    """Say where an editing model sees its reference pictures lie; what it was trained with is right."""
    is_diagonal = any(word in reference_latents_method for word in ("uxo", "uso", "uno"))
    method = "uxo" if is_diagonal else reference_latents_method
    return [[states, {**options, "reference_latents_method": method}] for states, options in conditioning]


@node("FluxKontextImageScale", category="model/conditioning/flux", name="FluxKontextImageScale", search=("resize",))
def scale_for_kontext(image: Annotated[Image, Wire("IMAGE", tip="The picture to edit.")]) -> Image:
    """Bring a picture to the size, of those that FLUX.1 Kontext was trained on, whose shape is nearest to its own.

    What exceeds that shape is cut evenly at two sides.
    """
    ratio = image.shape[2] / image.shape[1]
    width, height = min(KONTEXT_SIZES, key=lambda size: abs(ratio - size[0] / size[1]))
    return resize(image.movedim(-1, 1), width, height, "lanczos", "center").movedim(1, -1)
