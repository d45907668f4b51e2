"""Latents from files and to files."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from heddle.graph.context import Context
from heddle.graph.declare import Files, Hidden, Text, Wire, node
from heddle.graph.results import Shown
from heddle.media.output_names import plan_name
from heddle.numerics.latent_files import EXTENSION, latent_bytes, read_latent
from heddle.wires import Latent
from nodes.metadata import texts_for


@node("SaveLatent", category="model/latent", name="Save Latent", outputs=("samples",), effects=True, search=("export",))
def save_latent(
    samples: Annotated[Latent, Wire("LATENT", tip="The latent to write, all of its batch in one file.")],
    filename_prefix: Annotated[
        str,
        Text(tip="How the name begins. Slashes make folders; %year%, %date:yyyy-MM-dd% and the like are filled in."),
    ] = "latents/ComfyUI",
    *,
    prompt: Annotated[Any, Hidden("PROMPT")] = None,
    extra_pnginfo: Annotated[Any, Hidden("EXTRA_PNGINFO")] = None,
    ctx: Context,
) -> tuple[Latent]:
    """Write a latent into a file of the output folder, with the workflow that made it.

    Load Latent reads it from the input folder. The files are numbered; nothing is ever overwritten.
    """
    target = plan_name(ctx.folders, "output", filename_prefix, width=0, height=0, now=datetime.now())
    data = latent_bytes(samples["samples"], texts_for(prompt, extra_pnginfo, ctx))
    path = target.save(data, EXTENSION, claim=ctx.next_save())
    file = {"filename": path.name, "subfolder": target.subfolder, "type": "output"}
    shown: Any = Shown((samples,), {"latents": [file]})
    return shown


@node("LoadLatent", category="model/latent", name="Load Latent", search=("import", "open"))
def load_latent(
    latent: Annotated[str, Files("input", which="latents", tip="A .latent file in the input folder.")],
    ctx: Context,
) -> Latent:
    """Read a latent that Save Latent wrote."""
    return {"samples": read_latent(ctx.folders.annotated(latent), latent)}
