"""What kind of result a file is, told by the ending of its name."""

from __future__ import annotations

import os

PLACES = ("output", "input", "temp")
KINDS = ("image", "video", "audio", "text", "3d", "other")
SHOWN = ("image", "video", "audio", "text", "3d")  # unless somebody asks for the others, too

_ENDINGS = {
    "image": ".png .apng .jpg .jpeg .jfif .webp .gif .bmp .tif .tiff .avif .ico .tga .svg .exr .hdr",
    "video": ".mp4 .m4v .webm .mkv .mov .avi .ogv",
    "audio": ".mp3 .m4a .wav .flac .ogg .oga .opus .aac .mka .weba",
    "text": ".txt .md .json .csv .srt .vtt .yaml .yml",
    "3d": ".glb .gltf .obj .fbx .stl .ply .splat .usdz",
}
_KIND_OF = {ending: kind for kind, endings in _ENDINGS.items() for ending in endings.split()}


def kind_of(filename: str) -> str:
    """One of `KINDS`."""
    return _KIND_OF.get(os.path.splitext(filename)[1].lower(), "other")
