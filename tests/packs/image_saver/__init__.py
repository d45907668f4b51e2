"""A pack as packs write them: savers and previews that build on the ones that are there."""

from __future__ import annotations

from typing import Any

import folder_paths
import nodes
from nodes import PreviewImage, SaveImage


class SaveTwice(SaveImage):
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "save"
    CATEGORY = "image"

    def save(self, images: Any, filename_prefix: str = "twice", prompt: Any = None, extra_pnginfo: Any = None) -> Any:
        first = self.save_images(images, filename_prefix, prompt, extra_pnginfo)
        second = self.save_images(images, f"{filename_prefix}_again", prompt, extra_pnginfo)
        shown = first["ui"]["images"] + second["ui"]["images"]
        return {"ui": {"images": shown}, "result": (images,)}


class QuietPreview(PreviewImage):
    def __init__(self) -> None:
        self.output_dir = folder_paths.get_temp_directory()
        self.type = "temp"
        self.prefix_append = "_quiet"
        self.compress_level = 1

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"images": ("IMAGE",)}, "hidden": {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"}}

    FUNCTION = "preview"

    def preview(self, images: Any, prompt: Any = None, extra_pnginfo: Any = None) -> Any:
        return self.save_images(images, "mine", prompt, extra_pnginfo)


class HalfSize:
    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        methods = nodes.NODE_CLASS_MAPPINGS["ImageScale"].INPUT_TYPES()["required"]["upscale_method"][0]
        return {"required": {"image": ("IMAGE",), "method": (methods,)}}

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "halve"
    CATEGORY = "image"

    def halve(self, image: Any, method: str) -> Any:
        scale: Any = nodes.NODE_CLASS_MAPPINGS["ImageScale"]()
        return scale.upscale(image, method, image.shape[2] // 2, image.shape[1] // 2, "disabled")


NODE_CLASS_MAPPINGS = {"TestSaveTwice": SaveTwice, "TestQuietPreview": QuietPreview, "TestHalfSize": HalfSize}
