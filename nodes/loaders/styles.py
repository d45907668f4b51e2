"""Style models from their files."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.context import Context
from heddle.graph.declare import Files, node
from heddle.wires import StyleModel
from model_management.match_report import report_match
from model_management.style_models import open_style_model


@node("StyleModelLoader", category="model/loaders", name="Load Style Model", search=("redux", "style", "image"))
def load_style_model(
    style_model_name: Annotated[
        str, Files("style_models", tip="FLUX.1 Redux, or the style adapter of Stable Diffusion 1.")
    ],
    ctx: Context,
) -> StyleModel:
    """Open a style model, which puts what an image shows behind the words of a prompt."""
    style_model = open_style_model(ctx.folders.find("style_models", style_model_name))
    ctx.note(str(report_match([style_model.stored], is_whole=True)))
    return style_model
