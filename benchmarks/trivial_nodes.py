"""Four nodes that do next to nothing, so that what a graph of them takes is what the engine takes.

The file is also a node pack: the measurements with a server copy it into its custom_nodes.
"""

from __future__ import annotations

from typing import Any


class Start:
    """A number."""

    INPUT_TYPES = classmethod(lambda cls: {"required": {"value": ("INT", {"default": 0})}})
    RETURN_TYPES = ("INT",)
    FUNCTION = "give"
    CATEGORY = "benchmark"

    def give(self, value: int) -> tuple[int]:
        return (value,)


class Plus:
    """The sum of a link and a value, and of a link more."""

    INPUT_TYPES = classmethod(
        lambda cls: {
            "required": {"a": ("INT", {"forceInput": True}), "plus": ("INT", {"default": 1, "min": -9, "max": 9})},
            "optional": {"more0": ("INT", {"forceInput": True})},
        }
    )
    RETURN_TYPES = ("INT",)
    FUNCTION = "add"
    CATEGORY = "benchmark"

    def add(self, a: int, plus: int, more0: int = 0) -> tuple[int]:
        return (a + plus + more0,)


class Join:
    """The sum of up to a hundred links."""

    INPUT_TYPES = classmethod(
        lambda cls: {
            "required": {"a": ("INT", {"forceInput": True}), "plus": ("INT", {"default": 1, "min": -9, "max": 9})},
            "optional": {f"more{number}": ("INT", {"forceInput": True}) for number in range(100)},
        }
    )
    RETURN_TYPES = ("INT",)
    FUNCTION = "add"
    CATEGORY = "benchmark"

    def add(self, a: int, plus: int, **more: int) -> tuple[int]:
        return (a + plus + sum(more.values()),)


class Show:
    """Shows a number."""

    INPUT_TYPES = classmethod(lambda cls: {"required": {"a": ("INT", {"forceInput": True})}})
    RETURN_TYPES = ()
    FUNCTION = "show"
    OUTPUT_NODE = True
    CATEGORY = "benchmark"

    def show(self, a: int) -> dict[str, Any]:
        return {"ui": {"text": [str(a)]}}


NODE_CLASS_MAPPINGS = {"BenchmarkStart": Start, "BenchmarkPlus": Plus, "BenchmarkJoin": Join, "BenchmarkShow": Show}
