"""Our nodes as the classic classes that packs know: `nodes.KSampler().sample(...)`, subclasses of `SaveImage`.

The methods' names, and the order in which they take what is given by place, are what existing packs rely on.
"""

from __future__ import annotations

import dataclasses
import logging
import secrets
from abc import ABCMeta
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from heddle.graph.derived import class_of_spec
from heddle.graph.registry import Registry
from heddle.graph.running import current_context
from heddle.graph.spec import NodeSpec
from heddle.settings.current import current_folders
from nodes.bare_context import BareContext
from nodes.catalogue import built_in
from nodes.image.files import write_images
from nodes.metadata import texts_for
from nodes.sampling.ksampler import sample_part

log = logging.getLogger(__name__)


class Method(NamedTuple):
    """The name of a classic class's method, and the inputs that stand first in it, where not as the node lists them."""

    function: str
    order: tuple[str, ...] = ()


METHODS = {
    "CheckpointLoaderSimple": Method("load_checkpoint"),
    "CheckpointLoader": Method("load_checkpoint"),
    "DiffusersLoader": Method("load_checkpoint"),
    "VAELoader": Method("load_vae"),
    "LoraLoader": Method("load_lora"),
    "LoraLoaderModelOnly": Method("load_lora_model_only"),
    "CLIPSave": Method("save"),
    "UNETLoader": Method("load_unet"),
    "CLIPLoader": Method("load_clip"),
    "DualCLIPLoader": Method("load_clip"),
    "CLIPTextEncode": Method("encode", ("clip", "text")),
    "CLIPSetLastLayer": Method("set_last_layer"),
    "ConditioningCombine": Method("combine"),
    "ConditioningConcat": Method("concat"),
    "ConditioningAverage": Method("addWeighted"),
    "ConditioningZeroOut": Method("zero_out"),
    "ConditioningSetArea": Method("append"),
    "ConditioningSetAreaPercentage": Method("append"),
    "ConditioningSetAreaStrength": Method("append"),
    "ConditioningSetMask": Method("append"),
    "ConditioningSetTimestepRange": Method("set_range"),
    "ControlNetLoader": Method("load_controlnet"),
    "DiffControlNetLoader": Method("load_controlnet"),
    "ControlNetApply": Method("apply_controlnet"),
    "ControlNetApplyAdvanced": Method("apply_controlnet"),
    "CLIPVisionLoader": Method("load_clip"),
    "CLIPVisionEncode": Method("encode"),
    "StyleModelLoader": Method("load_style_model"),
    "StyleModelApply": Method("apply_stylemodel"),
    "GLIGENLoader": Method("load_gligen"),
    "GLIGENTextBoxApply": Method("append"),
    "unCLIPCheckpointLoader": Method("load_checkpoint"),
    "unCLIPConditioning": Method("apply_adm"),
    "SetLatentNoiseMask": Method("set_mask"),
    "KSampler": Method("sample"),
    "KSamplerAdvanced": Method("sample"),
    "EmptyLatentImage": Method("generate"),
    "LatentUpscale": Method("upscale"),
    "LatentUpscaleBy": Method("upscale"),
    "LatentComposite": Method("composite"),
    "LatentBlend": Method("blend"),
    "LatentRotate": Method("rotate"),
    "LatentFlip": Method("flip"),
    "LatentCrop": Method("crop"),
    "LatentFromBatch": Method("frombatch"),
    "RepeatLatentBatch": Method("repeat"),
    "SaveLatent": Method("save"),
    "LoadLatent": Method("load"),
    "VAEDecode": Method("decode", ("vae", "samples")),
    "VAEEncode": Method("encode", ("vae", "pixels")),
    "VAEDecodeTiled": Method("decode", ("vae", "samples")),
    "VAEEncodeTiled": Method("encode", ("vae", "pixels")),
    "VAEEncodeForInpaint": Method("encode", ("vae", "pixels", "mask")),
    "InpaintModelConditioning": Method("encode", ("positive", "negative", "pixels", "vae", "mask")),
    "LoadImage": Method("load_image"),
    "LoadImageMask": Method("load_image"),
    "ImageInvert": Method("invert"),
    "EmptyImage": Method("generate"),
    "SaveImage": Method("save_images"),
    "PreviewImage": Method("save_images"),
    "ImageScale": Method("upscale"),
    "ImageScaleBy": Method("upscale"),
    "ImageBatch": Method("batch"),
    "LoadImageOutput": Method("load_image"),
    "ImagePadForOutpaint": Method("expand_image"),
}


class _Watched(ABCMeta):
    """The class of our nodes' classes: says what packs change on them in vain. Packs' own subclasses are theirs."""

    def __setattr__(cls, name: str, value: Any) -> None:
        if not name.startswith("_") and _CLASSES.get(cls.__name__) is cls:
            log.warning(
                "a pack replaces nodes.%s.%s: who calls the class gets that, the node %s stays as it is; "
                "a class of the pack's own in NODE_CLASS_MAPPINGS would replace the node",
                cls.__name__,
                name,
                cls.__name__,
            )
        super().__setattr__(name, value)


_OWN = Registry()
_CLASSES: dict[str, type] = {}


def own_nodes() -> Registry:
    """The built-in nodes, gathered once; packs that replace one change the worker's registry and not this."""
    if not _OWN:
        for spec in built_in().values():
            _OWN.add(spec)
    return _OWN


def own_class(id: str) -> type:
    """The classic class of a built-in node, the same one each time.

    Raises: KeyError, if there is no such node.
    """
    spec = own_nodes()[id]
    if spec.id not in _CLASSES:
        made = _derive(spec)
        if spec.id == "SaveImage":
            made = _saving(made, {"__init__": _begin_output})
        elif spec.id == "PreviewImage":
            # The inputs are those of a preview; all else is a SaveImage, which packs test for.
            members = {name: made.__dict__[name] for name in ("INPUT_TYPES", "DESCRIPTION", "CATEGORY", "__doc__")}
            made = type("PreviewImage", (own_class("SaveImage"),), members | {"__init__": _begin_temp})
        _CLASSES[spec.id] = _Watched(made.__name__, (made,), {"__doc__": made.__doc__, "__module__": made.__module__})
    return _CLASSES[spec.id]


def class_for(spec: NodeSpec) -> type:
    """The classic class of any node: a pack's own, or that of a built-in one."""
    if spec.classic is not None:
        return spec.classic
    return own_class(spec.id) if spec.id in own_nodes() else _derive(spec)


def common_ksampler(
    model: Any,
    seed: int,
    steps: int,
    cfg: float,
    sampler_name: str,
    scheduler: str,
    positive: Any,
    negative: Any,
    latent: Any,
    denoise: float = 1.0,
    disable_noise: bool = False,
    start_step: int | None = None,
    last_step: int | None = None,
    force_full_denoise: bool = False,
) -> tuple[Any]:
    """Sample as the node KSampler does, or for some of the steps only; the latent in a tuple.

    Args:
        disable_noise: the latent has its noise already.
        start_step, last_step: from the one to just before the other; None = from the first, to the end.
        force_full_denoise: no noise is left, even if steps are.
    """
    drawn = sample_part(
        *(model, seed, steps, cfg, sampler_name, scheduler, positive, negative, latent, denoise),
        current_context.get() or BareContext(),
        first=start_step or 0,
        last=last_step,
        to_clean=force_full_denoise,
        noised=disable_noise,
    )
    return (drawn,)


def _derive(spec: NodeSpec) -> type:
    method = METHODS.get(spec.id, Method("execute"))
    return class_of_spec(
        spec,
        function=method.function,
        order=method.order,
        make_context=BareContext,
        list_files=_list_files,
    )


def _list_files(kind: str) -> Iterable[str]:
    return current_folders().list_files(kind)


def _saving(base: type, members: dict[str, Any]) -> type:
    return type("SaveImage", (base,), {"save_images": _save_images, "__doc__": base.__doc__} | members)


def _begin_output(self: Any) -> None:
    self.output_dir = str(current_folders().output)
    self.type = "output"
    self.prefix_append = ""
    self.compress_level = 4


def _begin_temp(self: Any) -> None:
    self.output_dir = str(current_folders().temp)
    self.type = "temp"
    self.prefix_append = "_temp_" + secrets.token_hex(3)  # so that a browser never shows an older picture
    self.compress_level = 1


def _save_images(
    self: Any, images: Any, filename_prefix: str = "ComfyUI", prompt: Any = None, extra_pnginfo: Any = None
) -> dict[str, Any]:
    """Write images where `self.output_dir` and `self.type` say, which subclasses may have changed."""
    context = current_context.get() or BareContext()
    root = self.type if self.type in ("output", "temp", "input") else "output"
    folders = dataclasses.replace(context.folders, **{root: Path(self.output_dir)})
    texts = texts_for(prompt, extra_pnginfo, context)
    shown = write_images(
        images, root, filename_prefix + self.prefix_append, texts, self.compress_level, context, folders
    )
    return {"ui": dict(shown.ui), "result": shown.values}
