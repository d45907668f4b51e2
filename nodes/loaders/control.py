"""Control nets from their files."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.context import Context
from heddle.graph.declare import Files, Wire, node
from heddle.wires import ControlNet, Model
from model_management.control_files import match_report, open_control_net


@node("ControlNetLoader", category="model/loaders", name="Load ControlNet Model", search=("control",))
def load_control_net(
    control_net_name: Annotated[str, Files("controlnet", tip="A control net, made for the model's family.")],
    ctx: Context,
) -> ControlNet:
    """Open a control net or a T2I-Adapter: it makes pictures follow the lines, depths or poses of an image.

    Only the file's header is read here; what of it has no place in the net is noted.
    """
    return _reported(open_control_net(ctx.folders.find("controlnet", control_net_name)), ctx)


@node("DiffControlNetLoader", category="model/loaders", name="Load ControlNet Model (diff)")
def load_difference(
    model: Annotated[Model, Wire("MODEL", tip="The model that the file says the differences from.")],
    control_net_name: Annotated[str, Files("controlnet", tip="A control net that is stored as differences.")],
    ctx: Context,
) -> ControlNet:
    """Open a control net whose file holds differences from a model. What was put into the model does not count."""
    return _reported(open_control_net(ctx.folders.find("controlnet", control_net_name), model), ctx)


def _reported(net: ControlNet, ctx: Context) -> ControlNet:
    report = match_report(net)
    if report is not None:
        ctx.note(str(report))
    return net
