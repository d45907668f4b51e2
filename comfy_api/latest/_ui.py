"""What packs find in `comfy_api.latest.ui`: what a schema node shows, written to files where it is pictures."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from heddle.graph.running import current_context
from heddle.graph.schema.widgets import FolderType


class SavedResult(dict[str, Any]):
    """A file that a node wrote: its name, the folder below its root, and the root."""

    def __init__(self, filename: str, subfolder: str, type: FolderType | str) -> None:
        super().__init__(filename=filename, subfolder=subfolder, type=getattr(type, "value", type))

    @property
    def filename(self) -> str:
        return self["filename"]

    @property
    def subfolder(self) -> str:
        return self["subfolder"]

    @property
    def type(self) -> str:
        return self["type"]


class _UIOutput:
    """What a node shows, as clients read it."""

    def as_dict(self) -> dict[str, Any]:
        raise NotImplementedError


class SavedImages(_UIOutput):
    """Pictures that were written already."""

    def __init__(self, results: Iterable[Mapping[str, Any]], is_animated: bool = False) -> None:
        self.results = list(results)
        self.is_animated = is_animated

    def as_dict(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"images": [dict(each) for each in self.results]}
        return shown | ({"animated": (True,)} if self.is_animated else {})


class SavedAudios(_UIOutput):
    """Sounds that were written already."""

    def __init__(self, results: Iterable[Mapping[str, Any]]) -> None:
        self.results = list(results)

    def as_dict(self) -> dict[str, Any]:
        return {"audio": [dict(each) for each in self.results]}


class PreviewImage(_UIOutput):
    """Images [B, H, W, C] as pictures in the temp folder."""

    def __init__(self, image: Any, animated: bool = False, cls: Any = None, **_: Any) -> None:
        prefix = f"preview_{secrets.token_hex(4)}"
        self.values = ImageSaveHelper.save_images(image, prefix, FolderType.temp, cls, compress_level=1)
        self.animated = animated

    def as_dict(self) -> dict[str, Any]:
        return {"images": [dict(each) for each in self.values], "animated": (self.animated,)}


class PreviewMask(PreviewImage):
    """Masks [B, H, W] as grey pictures in the temp folder."""

    def __init__(self, mask: Any, animated: bool = False, cls: Any = None, **_: Any) -> None:
        images = mask.reshape(-1, *mask.shape[-2:]).unsqueeze(-1).expand(-1, -1, -1, 3)
        super().__init__(images, animated, cls)


class PreviewVideo(_UIOutput):
    """Videos that were written already."""

    def __init__(self, values: Iterable[Mapping[str, Any]], **_: Any) -> None:
        self.values = list(values)

    def as_dict(self) -> dict[str, Any]:
        return {"images": [dict(each) for each in self.values], "animated": (True,)}


class PreviewAudio(_UIOutput):
    """Sounds {"waveform": [B, C, T], "sample_rate"} as files in the temp folder."""

    def __init__(self, audio: Any, cls: Any = None, **_: Any) -> None:
        prefix = f"preview_{secrets.token_hex(4)}"
        self.values = AudioSaveHelper.save_audio(audio, prefix, FolderType.temp, cls)

    def as_dict(self) -> dict[str, Any]:
        return {"audio": [dict(each) for each in self.values]}


class PreviewText(_UIOutput):
    """A text."""

    def __init__(self, value: str, **_: Any) -> None:
        self.value = value

    def as_dict(self) -> dict[str, Any]:
        return {"text": (self.value,)}


class PreviewUI3D(_UIOutput):
    """A 3D file that was written already, with the camera that looks at it."""

    def __init__(self, model_file: str, camera_info: Any = None, **more: Any) -> None:
        self.model_file = model_file
        self.camera_info = camera_info
        self.bg_image = more.get("bg_image")

    def as_dict(self) -> dict[str, Any]:
        return {"result": [self.model_file, self.camera_info, self.bg_image]}


class ImageSaveHelper:
    """Writes images as the node Save Image does."""

    @staticmethod
    def save_images(
        images: Any,
        filename_prefix: str,
        folder_type: FolderType | str,
        cls: Any = None,
        compress_level: int = 4,
    ) -> list[SavedResult]:
        """Write [B, H, W, C] as PNG files that carry the graph, if `cls` asked for it (`hidden`).

        Raises: FileProblem, if the prefix leads out of the folder.
        """
        # They bring torch; most packs that import this show texts.
        from nodes.bare_context import BareContext
        from nodes.image.files import write_images
        from nodes.metadata import texts_for

        hidden = getattr(cls, "hidden", None)
        root = getattr(folder_type, "value", folder_type)
        context = current_context.get() or BareContext()
        texts = texts_for(getattr(hidden, "prompt", None), getattr(hidden, "extra_pnginfo", None), context)
        shown = write_images(images, root, filename_prefix, texts, compress_level, context)
        return [SavedResult(**each) for each in shown.ui["images"]]

    @staticmethod
    def get_save_images_ui(images: Any, filename_prefix: str, cls: Any = None, compress_level: int = 4) -> SavedImages:
        """Write images into the output folder, and show them."""
        return SavedImages(ImageSaveHelper.save_images(images, filename_prefix, FolderType.output, cls, compress_level))


class AudioSaveHelper:
    """Writes sounds as the nodes Save Audio do."""

    @staticmethod
    def save_audio(
        audio: Any,
        filename_prefix: str,
        folder_type: FolderType | str,
        cls: Any = None,
        format: str = "flac",
        quality: str = "128k",
    ) -> list[SavedResult]:
        """Write a batch of sounds, one file each, with the graph, if `cls` asked for it (`hidden`).

        Args:
            audio: {"waveform": [B, C, T], "sample_rate"}.
            format: "flac", "mp3" or "opus".
            quality: "V0", or thousands of bits a second, such as "128k"; FLAC has none.
        Raises: FileProblem, if the prefix leads out of the folder; ShapeError, if that is no sound.
        """
        # They bring torch; most packs that import this show texts.
        from nodes.audio.writing import write_sounds
        from nodes.bare_context import BareContext
        from nodes.metadata import texts_for

        hidden = getattr(cls, "hidden", None)
        root = getattr(folder_type, "value", folder_type)
        context = current_context.get() or BareContext()
        texts = texts_for(getattr(hidden, "prompt", None), getattr(hidden, "extra_pnginfo", None), context)
        written = write_sounds(audio, root, filename_prefix, format, quality, texts, context)
        return [SavedResult(**each) for each in written]

    @staticmethod
    def get_save_audio_ui(
        audio: Any, filename_prefix: str, cls: Any = None, format: str = "flac", quality: str = "128k"
    ) -> SavedAudios:
        """Write sounds into the output folder, and show them."""
        saved = AudioSaveHelper.save_audio(audio, filename_prefix, FolderType.output, cls, format, quality)
        return SavedAudios(saved)
