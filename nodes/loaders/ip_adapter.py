"""IP-Adapters from their files."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.context import Context
from heddle.graph.declare import Files, node
from heddle.wires import IpAdapter
from model_management.ip_adapter_files import open_ip_adapter


@node(
    "HeddleIPAdapterLoader", category="model/loaders", name="Load IP-Adapter",
    outputs=("ip_adapter",), search=("ipadapter", "image prompt"),
)  # fmt: skip
def load_ip_adapter(
    ip_adapter_name: Annotated[
        str, Files("ipadapter", tip="An IP-Adapter of Stable Diffusion 1 or XL: base, light, plus or full-face.")
    ],
    ctx: Context,
) -> IpAdapter:
    """Open an IP-Adapter, which lets a model follow an image as it follows a text. It notes which encoder it wants.

    Adapters that read what insightface says of a face (FaceID) are refused.
    """
    adapter = open_ip_adapter(ctx.folders.find("ipadapter", ip_adapter_name))
    ctx.note(str(adapter))
    return adapter
