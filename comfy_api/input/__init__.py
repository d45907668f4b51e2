"""What packs find in `comfy_api.input`."""

from comfy_api.latest._types import AudioInput as AudioInput
from comfy_api.latest._types import ImageInput as ImageInput
from comfy_api.latest._types import LatentInput as LatentInput
from comfy_api.latest._types import MaskInput as MaskInput
from comfy_api.latest._types import VideoInput as VideoInput
from heddle.numerics.curves import CurveInput as CurveInput
from heddle.numerics.curves import CurvePoint as CurvePoint
from heddle.numerics.curves import LinearCurve as LinearCurve
from heddle.numerics.curves import MonotoneCubicCurve as MonotoneCubicCurve
