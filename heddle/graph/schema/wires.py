"""Types of the schema class protocol whose values come from other nodes alone."""

from __future__ import annotations

from typing import Any

from heddle.graph.schema.sockets import Custom


def _wire(io_type: str, *values: str) -> Any:
    """A type without a widget. Args: values: what packs call the Python types of its values in annotations."""
    made = Custom(io_type)
    for each in values:
        setattr(made, each, Any)
    return made


Image = _wire("IMAGE")
Mask = _wire("MASK")
Latent = _wire("LATENT", "LatentDict")
Conditioning = _wire("CONDITIONING", "CondList", "PooledDict")
Sampler = _wire("SAMPLER")
Sigmas = _wire("SIGMAS")
Noise = _wire("NOISE")
Guider = _wire("GUIDER")
Clip = _wire("CLIP")
ControlNet = _wire("CONTROL_NET")
Vae = _wire("VAE")
Model = _wire("MODEL")
ModelPatch = _wire("MODEL_PATCH")
ClipVision = _wire("CLIP_VISION")
ClipVisionOutput = _wire("CLIP_VISION_OUTPUT")
StyleModel = _wire("STYLE_MODEL")
Gligen = _wire("GLIGEN")
UpscaleModel = _wire("UPSCALE_MODEL")
LatentUpscaleModel = _wire("LATENT_UPSCALE_MODEL")
LoraModel = _wire("LORA_MODEL")
LossMap = _wire("LOSS_MAP")
Audio = _wire("AUDIO", "AudioDict")
AudioEncoder = _wire("AUDIO_ENCODER")
AudioEncoderOutput = _wire("AUDIO_ENCODER_OUTPUT")
AudioRecord = _wire("AUDIO_RECORD")
Video = _wire("VIDEO")
SVG = _wire("SVG")
Voxel = _wire("VOXEL")
Mesh = _wire("MESH")
Load3D = _wire("LOAD_3D", "Model3DDict")
Load3DAnimation = _wire("LOAD_3D_ANIMATION", "Model3DDict")
Load3DCamera = _wire("LOAD3D_CAMERA", "CameraInfo")
File3DAny = _wire("FILE_3D")
File3DGLB = _wire("FILE_3D_GLB")
File3DGLTF = _wire("FILE_3D_GLTF")
File3DFBX = _wire("FILE_3D_FBX")
File3DOBJ = _wire("FILE_3D_OBJ")
File3DSTL = _wire("FILE_3D_STL")
File3DUSDZ = _wire("FILE_3D_USDZ")
Hooks = _wire("HOOKS")
HookKeyframes = _wire("HOOK_KEYFRAMES")
TimestepsRange = _wire("TIMESTEPS_RANGE")
LatentOperation = _wire("LATENT_OPERATION")
FlowControl = _wire("FLOW_CONTROL")
Accumulation = _wire("ACCUMULATION", "AccumulationDict")
WanCameraEmbedding = _wire("WAN_CAMERA_EMBEDDING")
Tracks = _wire("TRACKS", "TrackDict")
Photomaker = _wire("PHOTOMAKER")
Point = _wire("POINT")
Histogram = _wire("HISTOGRAM")
FaceAnalysis = _wire("FACE_ANALYSIS")
BBOX = _wire("BBOX")
SEGS = _wire("SEGS")
AnyType = _wire("*")
