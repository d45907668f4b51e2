"""What packs find in `comfy_api.input_impl`."""

from comfy_api.latest._types import VideoFromComponents as VideoFromComponents
from comfy_api.latest._types import VideoFromFile as VideoFromFile
