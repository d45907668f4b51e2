"""A pack as packs write them: nodes that take values of every type, under every name."""

from __future__ import annotations

from typing import Any


class AnyType(str):
    """Differs from no other type."""

    __hash__ = str.__hash__

    def __ne__(self, other: object) -> bool:
        return False


class EveryName(dict[str, Any]):
    """Has every key."""

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.kind = kind

    def __contains__(self, name: object) -> bool:
        return True

    def __getitem__(self, name: str) -> Any:
        return (self.kind,)


ANY = AnyType("*")


class ShowAnything:
    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {},
            "optional": {"anything": (ANY, {})},
            "hidden": {"unique_id": ("UNIQUE_ID",), "extra_pnginfo": "EXTRA_PNGINFO"},
        }

    RETURN_TYPES = (ANY,)
    RETURN_NAMES = ("output",)
    FUNCTION = "show"
    CATEGORY = "show"
    INPUT_IS_LIST = True
    OUTPUT_NODE = True

    def show(self, unique_id: Any = None, extra_pnginfo: Any = None, **inputs: Any) -> Any:
        texts = [str(each) for each in inputs.get("anything", ())]
        return {"ui": {"text": texts}, "result": (inputs.get("anything"),)}


class JoinEverything:
    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"between": ("STRING", {"default": ", "})}, "optional": EveryName(ANY)}

    RETURN_TYPES = ("STRING",)
    FUNCTION = "join"
    CATEGORY = "show"

    def join(self, between: str, **inputs: Any) -> tuple[str]:
        return (between.join(str(inputs[name]) for name in sorted(inputs)),)


NODE_CLASS_MAPPINGS = {"TestShowAnything": ShowAnything, "TestJoinEverything": JoinEverything}
