"""Networks and text encoders that lie in files of their own."""

from __future__ import annotations

from typing import Annotated

import torch

from heddle.graph.context import Context
from heddle.graph.declare import Choice, Files, More, node
from heddle.graph.said import say
from heddle.wires import Clip, Model
from model_management.checkpoint import open_network
from model_management.families.known import FAMILIES
from model_management.language_models import is_only_for_writing
from model_management.match_report import note_unmatched
from model_management.text_files import open_text_encoders

#: The fast one also multiplies so where a graphics card can.
_ROUNDED = {
    "fp8_e4m3fn": torch.float8_e4m3fn,
    "fp8_e4m3fn_fast": torch.float8_e4m3fn,
    "fp8_e5m2": torch.float8_e5m2,
}
_TYPES = (
    "stable_diffusion", "stable_cascade", "sd3", "stable_audio", "mochi", "ltxv", "pixart", "cosmos", "lumina2", "wan",
    "hidream", "chroma", "ace", "omnigen2", "qwen_image", "hunyuan_image", "flux2", "ovis", "longcat_image",
    "cogvideox", "lens", "pixeldit", "ideogram4", "boogu", "krea2", "joyimage", "mage", "minimax",
)  # fmt: skip
_TYPES_OF_TWO = (
    "sdxl", "sd3", "flux", "hunyuan_video", "hidream", "hunyuan_image", "hunyuan_video_15", "kandinsky5",
    "kandinsky5_image", "ltxv", "newbie", "ace",
)  # fmt: skip
_DEVICE = Choice("default", "cpu", advanced=True, tip="Where it runs: where the other models do, or on the CPU.")
_ONE_OF_SEVERAL = More({"multiselect": False})
_TYPE_TIP = "The family of models that reads the encoded text."


@node("UNETLoader", category="model/loaders", name="Load Diffusion Model", search=("unet", "diffusion model"))
def load_network(
    unet_name: Annotated[str, Files("diffusion_models", tip="A file that holds the diffusion model alone.")],
    weight_dtype: Annotated[
        str,
        Choice(
            "default",
            "fp8_e4m3fn",
            "fp8_e4m3fn_fast",
            "fp8_e5m2",
            advanced=True,
            tip="What numbers the weights are rounded to. On a graphics card they are kept in these.",
        ),
    ],
    ctx: Context,
) -> Model:
    """Open a diffusion model that lies in a file of its own, beside text encoders and a VAE from other files."""
    model = open_network(ctx.folders.find("diffusion_models", unet_name), FAMILIES)
    note_unmatched([model.stored], ctx.note)
    if weight_dtype == "default":
        return model
    if weight_dtype.endswith("_fast"):
        ctx.note(say("numbers of 8 bits are not multiplied here, so this is computed as without _fast"))
    return model.rounded(_ROUNDED[weight_dtype])


@node("CLIPLoader", category="model/loaders", name="Load CLIP", search=("text encoder",))
def load_text_encoder(
    clip_name: Annotated[str, Files("text_encoders", tip="A file that holds a text encoder alone.")],
    type: Annotated[str, Choice(*_TYPES, tip=_TYPE_TIP)],
    *,
    device: Annotated[str, _DEVICE] | None = None,
    ctx: Context,
) -> Clip:
    """Open a text encoder that lies in a file of its own: CLIP-L, OpenCLIP-H or bigG, T5-XXL, Pile-T5-XL or Gemma 2.

    Gemma 3, Qwen 2.5 and Qwen 3 write texts. Which one it is, is told by its names and its width.
    """
    return _open((clip_name,), type, device, ctx)


@node("DualCLIPLoader", category="model/loaders", name="Load CLIP (Dual)", search=("text encoder", "sdxl"))
def load_two_text_encoders(
    clip_name1: Annotated[str, Files("text_encoders", tip="A file that holds one of the text encoders.")],
    clip_name2: Annotated[str, Files("text_encoders", tip="A file that holds the other; the order does not matter.")],
    type: Annotated[str, Choice(*_TYPES_OF_TWO, tip=_TYPE_TIP)],
    *,
    device: Annotated[str, _DEVICE] | None = None,
    ctx: Context,
) -> Clip:
    """Open the two text encoders of a family from files of their own."""
    return _open((clip_name1, clip_name2), type, device, ctx)


@node("TripleCLIPLoader", category="model/loaders", name="Load CLIP (Triple)", search=("text encoder", "sd3"))
def load_three_text_encoders(
    clip_name1: Annotated[str, Files("text_encoders", tip="A file that holds one of the encoders."), _ONE_OF_SEVERAL],
    clip_name2: Annotated[str, Files("text_encoders", tip="A file that holds another."), _ONE_OF_SEVERAL],
    clip_name3: Annotated[str, Files("text_encoders", tip="A file that holds the third."), _ONE_OF_SEVERAL],
    ctx: Context,
) -> Clip:
    """Open the three text encoders of Stable Diffusion 3 from files of their own, in any order."""
    return _open((clip_name1, clip_name2, clip_name3), "sd3", None, ctx)


def _open(names: tuple[str, ...], type: str, device: str | None, ctx: Context) -> Clip:
    clip = open_text_encoders([ctx.folders.find("text_encoders", name) for name in names], type, FAMILIES)
    if is_only_for_writing(clip):
        ctx.note(say("no model that runs here reads this text encoder, but Generate Text writes with it"))
    for encoder in clip.encoders:
        note_unmatched([encoder.stored], ctx.note)
    return clip.placed(on_cpu=True) if device == "cpu" else clip
