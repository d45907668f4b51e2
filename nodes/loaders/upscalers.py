"""Upscalers and restorers from their files."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.context import Context
from heddle.graph.declare import Files, More, node
from heddle.wires import UpscaleModel
from model_management.upscale_models import open_upscale_model


@node("UpscaleModelLoader", category="model/loaders", name="Load Upscale Model", search=("esrgan", "restore", "lama"))
def load_upscale_model(
    model_name: Annotated[
        str,
        Files("upscale_models", tip="An upscaler, a restorer, or a net that fills in."),
        More({"multiselect": False}),
    ],
    ctx: Context,
) -> UpscaleModel:
    """Open a net that makes pictures larger or mends them: ESRGAN, SwinIR, HAT, DAT, SCUNet, GFPGAN and many more.

    What kind it is, is told from the file. Nets that fill in what a mask hides (LaMa) load as well.
    """
    return open_upscale_model(ctx.folders.find("upscale_models", model_name))
