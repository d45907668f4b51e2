"""A pack as packs write them: nodes that check their inputs themselves."""

from __future__ import annotations

from typing import Any


class Named:
    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"width": ("INT", {"default": 8, "min": 8}), "height": ("INT", {"default": 8, "min": 8})}}

    RETURN_TYPES = ("STRING",)
    FUNCTION = "name"
    CATEGORY = "checks"

    def name(self, width: int, height: int) -> tuple[str]:
        return (f"{width}x{height}",)


class Sized(Named):
    @classmethod
    def VALIDATE_INPUTS(cls, width: int) -> bool | str:
        return True if width % 8 == 0 else f"width {width} is no multiple of 8"


class AnythingGoes(Named):
    @classmethod
    def VALIDATE_INPUTS(cls, **inputs: Any) -> bool | str:
        return inputs.get("width") != 13


class TypesItself(Named):
    @classmethod
    def VALIDATE_INPUTS(cls, input_types: dict[str, str]) -> bool | str:
        wrong = [name for name, kind in input_types.items() if kind not in ("INT", "FLOAT")]
        return f"not a number: {', '.join(wrong)}" if wrong else True


NODE_CLASS_MAPPINGS = {"TestSized": Sized, "TestAnythingGoes": AnythingGoes, "TestTypesItself": TypesItself}
