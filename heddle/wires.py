"""The Python types of what flows between nodes. The table in the style guide has their shapes, ranges and units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from heddle.graph.declare import Wire

if TYPE_CHECKING:
    from torch import Tensor
else:
    # A declaration only needs the wire's name: reading node specs must not cost the import of torch.
    Tensor = Any

#: [B, H, W, C] float32, 0..1, sRGB.
Image: TypeAlias = Annotated[Tensor, Wire("IMAGE")]
#: [B, H, W] float32, 1 = work here.
Mask: TypeAlias = Annotated[Tensor, Wire("MASK")]
#: {"samples": [B, C, h, w] in the VAE's own units, "noise_mask"?, "batch_index"?}.
Latent: TypeAlias = Annotated[dict[str, Any], Wire("LATENT")]
#: [[Tensor [B, T, D], {"pooled_output": Tensor [B, D], ...}], ...].
Conditioning: TypeAlias = Annotated[list[Any], Wire("CONDITIONING")]
#: {"waveform": [B, C, T] float32, -1..1, "sample_rate": samples a second}.
Audio: TypeAlias = Annotated[dict[str, Any], Wire("AUDIO")]
#: `heddle.numerics.videos.VideoInput`.
Video: TypeAlias = Annotated[Any, Wire("VIDEO")]
#: [steps + 1] float32, falling; 0 at the end means fully clean.
Sigmas: TypeAlias = Annotated[Tensor, Wire("SIGMAS")]
#: `heddle.samplers.sampler.Sampler`, with the options that it is to run with.
Sampler: TypeAlias = Annotated[Any, Wire("SAMPLER")]
#: `heddle.samplers.noise.StartNoise`: what a run begins with.
Noise: TypeAlias = Annotated[Any, Wire("NOISE")]
#: `model_management.guider.Guider`: a model, what it is guided by, and how.
Guider: TypeAlias = Annotated[Any, Wire("GUIDER")]
#: A function from a latent's tensor to another of its shape, called as `operation(latent)`.
LatentOperation: TypeAlias = Annotated[Any, Wire("LATENT_OPERATION")]
#: (start, end) of a part of a run, each 0..1.
TimestepsRange: TypeAlias = Annotated[tuple[float, float], Wire("TIMESTEPS_RANGE")]
#: Handles of `model_management.handles`: a copy is cheap and shares the weights.
Model: TypeAlias = Annotated[Any, Wire("MODEL")]
Clip: TypeAlias = Annotated[Any, Wire("CLIP")]
Vae: TypeAlias = Annotated[Any, Wire("VAE")]
#: `model_management.control.ControlNet`.
ControlNet: TypeAlias = Annotated[Any, Wire("CONTROL_NET")]
#: `model_management.vision.ClipVision`, and what it reads off images (`ClipVisionOutput`).
ClipVision: TypeAlias = Annotated[Any, Wire("CLIP_VISION")]
ClipVisionOutput: TypeAlias = Annotated[Any, Wire("CLIP_VISION_OUTPUT")]
#: `model_management.style_models.StyleModel`.
StyleModel: TypeAlias = Annotated[Any, Wire("STYLE_MODEL")]
#: `model_management.upscale_models.UpscaleModel`.
UpscaleModel: TypeAlias = Annotated[Any, Wire("UPSCALE_MODEL")]
#: `model_management.gligen.Gligen`.
Gligen: TypeAlias = Annotated[Any, Wire("GLIGEN")]
#: `model_management.photomaker.PhotoMaker`.
PhotoMaker: TypeAlias = Annotated[Any, Wire("PHOTOMAKER")]
#: An adapter as tensors by the names that its file would have, see `model_management.adapter_values`.
LoraModel: TypeAlias = Annotated[Any, Wire("LORA_MODEL")]
#: `model_management.weight_hooks.WeightHooks`: changes of weights that act where a conditioning carries them.
Hooks: TypeAlias = Annotated[Any, Wire("HOOKS")]
#: `heddle.samplers.keyframes.Keyframes`.
HookKeyframes: TypeAlias = Annotated[Any, Wire("HOOK_KEYFRAMES")]
#: {name of a curve: its losses, one for each step}.
LossMap: TypeAlias = Annotated[dict[str, list[float]], Wire("LOSS_MAP")]
#: `model_management.ip_adapter_files.IpAdapter`. Not the wire of that name that packs have, which carries theirs.
IpAdapter: TypeAlias = Annotated[Any, Wire("HEDDLE_IP_ADAPTER")]
#: `heddle.numerics.inpaint_crops.InpaintPlaces`: pictures, and where the parts belong that were cut out of them.
InpaintCrop: TypeAlias = Annotated[Any, Wire("HEDDLE_INPAINT_CROP")]
#: `heddle.numerics.image_layers.Layers`: images with places on a canvas.
ImageLayers: TypeAlias = Annotated[Any, Wire("LAYERS")]
