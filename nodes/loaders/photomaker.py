"""PhotoMaker models from their files."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.context import Context
from heddle.graph.declare import Files, More, node
from heddle.wires import PhotoMaker
from model_management.match_report import report_match
from model_management.photomaker import open_photomaker


@node(
    "PhotoMakerLoader", category="model/loaders", name="Load PhotoMaker Model", experimental=True, search=("face", "id")
)
def load_photomaker(
    photomaker_model_name: Annotated[
        str, Files("photomaker", tip="A PhotoMaker model of version 1."), More({"multiselect": False})
    ],
    ctx: Context,
) -> PhotoMaker:
    """Open a PhotoMaker model, which puts the person of an image into a prompt for Stable Diffusion XL."""
    photomaker = open_photomaker(ctx.folders.find("photomaker", photomaker_model_name))
    ctx.note(str(report_match([photomaker.stored])))
    return photomaker
