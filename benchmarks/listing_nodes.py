"""A pack of many nodes, some of which list files of their own, as large packs do.

The measurement of `/object_info` copies the file into a server's custom_nodes.
"""

from __future__ import annotations

import os
from typing import Any

NODES = 300
LISTING_EVERY = 30  # of so many nodes one lists a folder
FOLDER = os.path.dirname(os.path.abspath(__file__))


def node_class(number: int) -> type:
    def input_types(cls: type) -> dict[str, Any]:
        names = sorted(os.listdir(FOLDER)) if number % LISTING_EVERY == 0 else ["one", "two", "three"]
        return {
            "required": {
                "image": ("IMAGE",),
                "choice": (names, {"tooltip": "What it is made with"}),
                "strength": ("FLOAT", {"default": 1.0, "min": 0.0, "max": 10.0, "step": 0.01}),
                "steps": ("INT", {"default": 20, "min": 1, "max": 10_000}),
                "text": ("STRING", {"multiline": True, "default": ""}),
            },
            "optional": {"mask": ("MASK",), "model": ("MODEL",), "exact": ("BOOLEAN", {"default": False})},
            "hidden": {"unique_id": "UNIQUE_ID"},
        }

    def work(self: Any, image: Any, **_: Any) -> tuple[Any]:
        return (image,)

    parts = {"INPUT_TYPES": classmethod(input_types), "RETURN_TYPES": ("IMAGE",), "FUNCTION": "work", "work": work}
    return type(f"Listing{number}", (), {**parts, "CATEGORY": "benchmark"})


NODE_CLASS_MAPPINGS = {f"BenchmarkListing{number}": node_class(number) for number in range(NODES)}
