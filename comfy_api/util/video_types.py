"""What packs find in `comfy_api.util.video_types`."""

from comfy_api.latest._types import VideoCodec as VideoCodec
from comfy_api.latest._types import VideoComponents as VideoComponents
from comfy_api.latest._types import VideoContainer as VideoContainer
