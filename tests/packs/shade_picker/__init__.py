"""A pack with a widget of its own on the page, and beside it scripts that fail in all the ways that there are."""

from __future__ import annotations

from typing import Any


class ShowShade:
    """Shows the shade that a person chose."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "shade": ("STRING", {"default": "grey", "widgetType": "SHADE"}),
                "times": ("INT", {"default": 1, "min": 0, "max": 100}),
            }
        }

    RETURN_TYPES = ("STRING",)
    FUNCTION = "show"
    CATEGORY = "shades"
    OUTPUT_NODE = True

    def show(self, shade: str, times: int) -> dict[str, Any]:
        return {"ui": {"text": [f"{shade} {times}"]}, "result": (shade,)}


NODE_CLASS_MAPPINGS = {"TestShowShade": ShowShade}
WEB_DIRECTORY = "./web"
