"""What packs find in `comfy_api.input.basic_types`."""

from comfy_api.latest._types import AudioInput as AudioInput
from comfy_api.latest._types import ImageInput as ImageInput
from comfy_api.latest._types import LatentInput as LatentInput
from comfy_api.latest._types import MaskInput as MaskInput
