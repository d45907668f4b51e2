"""GLIGEN models from their files."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.context import Context
from heddle.graph.declare import Files, node
from heddle.wires import Gligen
from model_management.gligen import open_gligen


@node("GLIGENLoader", category="model/loaders", name="Load GLIGEN Model", search=("region", "box"))
def load_gligen(
    gligen_name: Annotated[str, Files("gligen", tip="A GLIGEN model for texts in boxes.")], ctx: Context
) -> Gligen:
    """Open a GLIGEN model, which puts what texts say into boxes of the picture."""
    gligen = open_gligen(ctx.folders.find("gligen", gligen_name))
    ctx.note(str(gligen.report))
    return gligen
