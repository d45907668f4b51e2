"""A pack as packs write them: a switch that only asks for the branch it takes."""

from __future__ import annotations

from typing import Any


class AnyType(str):
    """Differs from no other type."""

    __hash__ = str.__hash__

    def __ne__(self, other: object) -> bool:
        return False


ANY = AnyType("*")


class LazySwitch:
    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "on": ("BOOLEAN", {"default": True}),
                "if_on": (ANY, {"lazy": True}),
                "if_off": (ANY, {"lazy": True}),
            }
        }

    RETURN_TYPES = (ANY,)
    FUNCTION = "switch"
    CATEGORY = "logic"

    def check_lazy_status(self, on: bool, if_on: Any = None, if_off: Any = None) -> list[str]:
        wanted, value = ("if_on", if_on) if on else ("if_off", if_off)
        return [wanted] if value is None else []

    def switch(self, on: bool, if_on: Any = None, if_off: Any = None) -> tuple[Any]:
        return (if_on if on else if_off,)


class FirstThatIsLarge:
    """Asks for one number after the other until one is large enough."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {"limit": ("INT", {"default": 10}), "number1": ("INT", {"lazy": True, "forceInput": True})},
            "optional": {f"number{i}": ("INT", {"lazy": True, "forceInput": True}) for i in (2, 3)},
        }

    RETURN_TYPES = ("INT",)
    FUNCTION = "choose"
    CATEGORY = "logic"

    async def check_lazy_status(self, limit: int, **numbers: Any) -> list[str]:
        for name in sorted(numbers):
            if numbers[name] is None:
                return [name]
            if numbers[name] >= limit:
                return []
        return []

    def choose(self, limit: int, **numbers: Any) -> tuple[int]:
        return (next((each for each in numbers.values() if each is not None and each >= limit), -1),)


NODE_CLASS_MAPPINGS = {"TestLazySwitch": LazySwitch, "TestFirstLarge": FirstThatIsLarge}
NODE_DISPLAY_NAME_MAPPINGS = {"TestLazySwitch": "Lazy switch"}
