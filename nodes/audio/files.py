"""Sounds from files and to files."""

from __future__ import annotations

import secrets
from typing import Annotated, Any

import torch

from heddle.graph.context import Context
from heddle.graph.declare import Choice, Files, Hidden, More, Text, Wire, node
from heddle.graph.declare_dynamic import Brings
from heddle.graph.errors import GraphError
from heddle.graph.results import Shown
from heddle.graph.said import say
from heddle.media.sounds import KINDS, read_sound
from heddle.numerics.sounds import sound
from heddle.wires import Audio
from nodes.audio.writing import write_sounds
from nodes.metadata import texts_for

_ToWrite = Annotated[Audio, Wire("AUDIO", tip="The sounds to write, one file each.")]
_Prompt = Annotated[Any, Hidden("PROMPT")]
_Extra = Annotated[Any, Hidden("EXTRA_PNGINFO")]
_Prefix = Annotated[
    str,
    Text(
        tip="How the name begins. Slashes make folders; %year%, %month%, %day%, %hour%, %minute%, %second% and "
        "%date:yyyy-MM-dd% are filled in."
    ),
    More({"default": "audio/ComfyUI", "multiline": False}),
]
_Mp3Quality = Annotated[
    str,
    Choice("V0", "128k", "320k", tip="V0 varies with the sound and is hard to tell from it; 320k is larger."),
    More({"default": "V0", "multiselect": False}),
]
_OpusQuality = Annotated[
    str,
    Choice("64k", "96k", "128k", "192k", "320k", tip="Bits a second: 64k does for speech, 128k for music."),
    More({"default": "128k", "multiselect": False}),
]
_FORMATS: dict[str, dict[str, Any]] = {"flac": {}, "mp3": {"quality": _Mp3Quality}, "opus": {"quality": _OpusQuality}}


@node(
    "LoadAudio", category="audio", name="Load Audio", search=("sound", "music", "file", "upload", "open", "mp3", "wav")
)
def load_audio(
    audio: Annotated[
        str,
        Files(
            "input",
            which="sounds",
            upload="audio",
            tip="A sound in the input folder, or a video whose sound is wanted; you can add one here.",
        ),
        More({"multiselect": False}),
    ],
    ctx: Context,
) -> Audio:
    """Read a sound: FLAC, MP3, Ogg, Opus, WAV, M4A and others, or the sound of a video."""
    read = read_sound(ctx.folders.annotated(audio), audio)
    return sound(torch.from_numpy(read.samples)[None], read.rate)


@node(
    "SaveAudio",
    category="audio",
    name="Save Audio (FLAC) (DEPRECATED)",
    outputs=("audio",),
    effects=True,
    deprecated=True,
    search=("export",),
)
def save_flac(
    audio: _ToWrite, filename_prefix: _Prefix, *, prompt: _Prompt = None, extra_pnginfo: _Extra = None, ctx: Context
) -> tuple[Audio]:
    """Write sounds into the output folder as FLAC, which loses nothing, with the workflow that made them.

    Save Audio (Advanced) does the same.
    """
    return _saved(audio, filename_prefix, "flac", "", prompt, extra_pnginfo, ctx)


@node(
    "SaveAudioMP3",
    category="audio",
    name="Save Audio (MP3) (DEPRECATED)",
    outputs=("audio",),
    effects=True,
    deprecated=True,
    search=("export",),
)
def save_mp3(
    audio: _ToWrite,
    filename_prefix: _Prefix,
    quality: _Mp3Quality,
    *,
    prompt: _Prompt = None,
    extra_pnginfo: _Extra = None,
    ctx: Context,
) -> tuple[Audio]:
    """Write sounds into the output folder as MP3, which everything plays, with the workflow that made them.

    Save Audio (Advanced) does the same.
    """
    return _saved(audio, filename_prefix, "mp3", quality, prompt, extra_pnginfo, ctx)


@node(
    "SaveAudioOpus",
    category="audio",
    name="Save Audio (Opus) (DEPRECATED)",
    outputs=("audio",),
    effects=True,
    deprecated=True,
    search=("export",),
)
def save_opus(
    audio: _ToWrite,
    filename_prefix: _Prefix,
    quality: _OpusQuality,
    *,
    prompt: _Prompt = None,
    extra_pnginfo: _Extra = None,
    ctx: Context,
) -> tuple[Audio]:
    """Write sounds into the output folder as Opus, which is small and good, with the workflow that made them.

    Save Audio (Advanced) does the same.
    """
    return _saved(audio, filename_prefix, "opus", quality, prompt, extra_pnginfo, ctx)


@node(
    "SaveAudioAdvanced",
    category="audio",
    name="Save Audio (Advanced)",
    outputs=("audio",),
    effects=True,
    search=("export", "flac", "mp3", "opus"),
)
def save_audio(
    audio: _ToWrite,
    filename_prefix: _Prefix,
    format: Annotated[
        dict[str, Any], Brings(_FORMATS, tip="flac loses nothing, mp3 is played by everything, opus is the smallest.")
    ],
    *,
    prompt: _Prompt = None,
    extra_pnginfo: _Extra = None,
    ctx: Context,
) -> tuple[Audio]:
    """Write sounds into the output folder with the workflow that made them.

    The files are numbered; nothing is ever overwritten.
    """
    kind = format["format"]
    if kind not in KINDS:
        words = "format is {value!r}, but {wanted} are known; choose one again"
        raise GraphError(say(words, value=str(kind), wanted=", ".join(KINDS)), input_name="format")
    return _saved(audio, filename_prefix, kind, format.get("quality") or "", prompt, extra_pnginfo, ctx)


@node(
    "PreviewAudio", category="audio", name="Preview Audio", outputs=("audio",), effects=True, search=("play", "listen")
)
def preview_audio(
    audio: Annotated[Audio, Wire("AUDIO", tip="The sounds to listen to.")],
    *,
    prompt: _Prompt = None,
    extra_pnginfo: _Extra = None,
    ctx: Context,
) -> tuple[Audio]:
    """Listen to sounds without keeping them: their files lie in the temp folder, which may be emptied at any time."""
    # A beginning of its own for each run, so that a browser never plays an older sound of the same name.
    prefix = f"preview_{secrets.token_hex(4)}"
    return _saved(audio, prefix, "flac", "", prompt, extra_pnginfo, ctx, root="temp")


def _saved(
    audio: Any, prefix: str, kind: str, quality: str, prompt: Any, extra: Any, ctx: Context, root: str = "output"
) -> Any:
    written = write_sounds(audio, root, prefix, kind, quality, texts_for(prompt, extra, ctx), ctx)
    return Shown((audio,), {"audio": written})
