"""A pack as packs write them: nodes whose results are not kept, or only for as long as a file stays the same."""

from __future__ import annotations

import os
from typing import Any

import folder_paths


class Counter:
    def __init__(self) -> None:
        self.times = 0

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {}}

    RETURN_TYPES = ("INT",)
    FUNCTION = "count"
    CATEGORY = "state"

    @classmethod
    def IS_CHANGED(cls, **_: Any) -> float:
        return float("nan")

    def count(self) -> tuple[int]:
        self.times += 1
        return (self.times,)


class ReadNote:
    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        folder = folder_paths.get_input_directory()
        there = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        return {"required": {"note": ([each for each in there if each.endswith(".txt")],)}}

    RETURN_TYPES = ("STRING",)
    FUNCTION = "read"
    CATEGORY = "state"

    def IS_CHANGED(note: Any) -> int:  # pyright: ignore[reportSelfClsParameterName]
        return os.stat(folder_paths.get_annotated_filepath(note)).st_mtime_ns

    def read(self, note: str) -> tuple[str]:
        with open(folder_paths.get_annotated_filepath(note), encoding="utf-8") as file:
            return (file.read(),)


class Dice:
    NOT_IDEMPOTENT = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {}}

    RETURN_TYPES = ("FLOAT",)
    FUNCTION = "roll"
    CATEGORY = "state"

    def roll(self) -> tuple[float]:
        return (int.from_bytes(os.urandom(4)) / 2**32,)


NODE_CLASS_MAPPINGS = {"TestCounter": Counter, "TestReadNote": ReadNote, "TestDice": Dice}
WEB_DIRECTORY = "./web"
