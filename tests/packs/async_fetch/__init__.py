"""A pack as packs write them: nodes that wait without holding others up."""

from __future__ import annotations

import asyncio
from typing import Any

from comfy_api.latest import ComfyAPI, io

api = ComfyAPI()


class Fetch:
    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"what": ("STRING", {"default": "here"}), "turns": ("INT", {"default": 1, "min": 0})}}

    RETURN_TYPES = ("STRING",)
    FUNCTION = "fetch"
    CATEGORY = "async"

    async def fetch(self, what: str, turns: int) -> tuple[str]:
        for _ in range(turns):
            await asyncio.sleep(0)
        return (f"fetched {what}",)

    @classmethod
    async def IS_CHANGED(cls, what: str, **_: Any) -> str:
        await asyncio.sleep(0)
        return what.upper()


class FetchSchema(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="TestFetchSchema",
            inputs=[io.String.Input("what", default="here")],
            outputs=[io.String.Output(), io.String.Output()],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    async def execute(cls, what: str) -> io.NodeOutput:
        before = cls.hidden.unique_id
        await asyncio.sleep(0)
        await api.execution.set_progress(1, 2)
        return io.NodeOutput(f"fetched {what}", f"{before} {cls.hidden.unique_id}")


NODE_CLASS_MAPPINGS = {"TestFetch": Fetch, "TestFetchSchema": FetchSchema}
