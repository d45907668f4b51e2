"""The names of `comfy_api.latest` under an older version's."""

from comfy_api.latest import IO as IO
from comfy_api.latest import UI as UI
from comfy_api.latest import ComfyAPI as ComfyAPI
from comfy_api.latest import ComfyAPISync as ComfyAPISync
from comfy_api.latest import ComfyExtension as ComfyExtension
from comfy_api.latest import Input as Input
from comfy_api.latest import InputImpl as InputImpl
from comfy_api.latest import Types as Types
from comfy_api.latest import io as io
from comfy_api.latest import ui as ui
