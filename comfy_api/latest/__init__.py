"""What packs find in `comfy_api.latest`: the schema class protocol, and what its nodes show and report."""

from comfy_api.latest import _io as IO
from comfy_api.latest import _io as io
from comfy_api.latest import _ui as UI
from comfy_api.latest import _ui as ui
from comfy_api.latest._api import ComfyAPI, ComfyAPISync
from comfy_api.latest._types import Input, InputImpl, Types
from heddle.graph.schema.node import ComfyExtension

__all__ = ["IO", "UI", "ComfyAPI", "ComfyAPISync", "ComfyExtension", "Input", "InputImpl", "Types", "io", "ui"]
