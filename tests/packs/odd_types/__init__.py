"""A pack as some packs are: declarations that other engines let pass, and one node that cannot be listed."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class Odd:
    def INPUT_TYPES(self) -> dict[str, Any]:  # without its decorator
        return {
            "required": {
                "words": (("a", "b"),),
                "numbers": ({3, 1, 2},),
                "text": ["STRING", {"default": Path("a") / "b", "call": print, "mine": {"deep": (1, 2)}}],
                "lone": "IMAGE",
                "level": ("FLOAT", {"default": 0.5, "max": float("inf")}),
            },
            "optional": None,
            "hidden": {"id": ("UNIQUE_ID", {}), "list": ["PROMPT"], "nothing": None, "token": "AUTH_TOKEN_COMFY_ORG"},
        }

    RETURN_TYPES = "IMAGE"  # the comma forgotten
    RETURN_NAMES = ("picture", "one too many")
    OUTPUT_IS_LIST = (True,)
    OUTPUT_TOOLTIPS = ("It.",)
    FUNCTION = "go"
    CATEGORY = ("odd",)

    def go(self, **inputs: Any) -> Any:
        return [inputs]


class Unlistable:
    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        raise FileNotFoundError("no folder of presets")

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "go"

    def go(self) -> None:
        """Never called."""


NODE_CLASS_MAPPINGS = {"TestOdd": Odd, "TestUnlistable": Unlistable}
