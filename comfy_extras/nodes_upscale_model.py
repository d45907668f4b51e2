"""What packs find in `comfy_extras.nodes_upscale_model`: the two nodes around upscalers, as classes.

Their methods have the names of both generations of nodes and may be called on the class itself.
"""

from __future__ import annotations

from typing import Any

_METHODS = {"UpscaleModelLoader": "load_model", "ImageUpscaleWithModel": "upscale"}
_classes: dict[str, type] = {}


def __getattr__(name: str) -> Any:
    if name not in _METHODS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name not in _classes:
        from nodes.classic_classes import own_class  # the nodes bring torch, so they are made when first looked up

        own: Any = own_class(name)
        method = classmethod(own.execute)
        _classes[name] = type(name, (own,), {"execute": method, _METHODS[name]: method, "__doc__": own.__doc__})
    return _classes[name]
