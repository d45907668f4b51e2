"""What packs find in `comfy_api.input.video_types`."""

from comfy_api.latest._types import VideoInput as VideoInput
