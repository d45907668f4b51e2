"""How a training went, as a picture."""

from __future__ import annotations

import secrets
from typing import Annotated, Any

import numpy as np
import torch

from heddle.graph.context import Context
from heddle.graph.declare import Hidden, More, Text, Wire, node
from heddle.graph.results import Shown
from heddle.training.charts import paint_curves
from heddle.wires import LossMap
from nodes.image.files import PASSING_LEVEL, write_images
from nodes.metadata import texts_for


@node(
    "LossGraphNode", category="model/training", name="Plot Loss Graph", effects=True, experimental=True,
    search=("chart", "curve"),
)  # fmt: skip
def plot_loss(
    loss: Annotated[LossMap, Wire("LOSS_MAP", tip="What Train LoRA gives: the loss of each step.")],
    filename_prefix: Annotated[
        str, Text(tip="How the name of the picture begins, in the temp folder."), More({"multiline": False})
    ] = "loss_graph",
    *,
    prompt: Annotated[Any, Hidden("PROMPT")] = None,
    extra_pnginfo: Annotated[Any, Hidden("EXTRA_PNGINFO")] = None,
    ctx: Context,
) -> Shown:
    """Show the loss of a training, step by step, on a logarithmic axis. A line that falls has learned something."""
    curves = {name: [float(each) for each in losses] for name, losses in loss.items()}
    chart = torch.from_numpy(np.array(paint_curves(curves), dtype=np.float32) / 255)[None]
    # A beginning of its own for each run, so that a browser never shows an older chart of the same name.
    prefix = f"{filename_prefix}_{secrets.token_hex(4)}"
    shown = write_images(chart, "temp", prefix, texts_for(prompt, extra_pnginfo, ctx), PASSING_LEVEL, ctx)
    return Shown((), shown.ui)
