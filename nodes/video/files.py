"""Videos from files and to files."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from heddle.graph.context import Context
from heddle.graph.declare import Choice, Files, Hidden, More, Number, Text, Wire, node
from heddle.graph.declare_dynamic import Brings
from heddle.graph.errors import GraphError
from heddle.graph.results import Shown
from heddle.graph.said import say
from heddle.media.output_names import plan_name
from heddle.media.video_writing import CONTAINERS, Writing
from heddle.media.videos import COLOR_SPACES
from heddle.numerics.videos import VideoComponents, VideoFromComponents, VideoFromFile, VideoInput, pieces_of
from heddle.wires import Image, Video
from nodes.image.writing import refuse_unless_writable, shown_file
from nodes.metadata import texts_for
from nodes.video.parts import rate_of, refuse_unless_video

_ONE = {"multiselect": False}
_Prompt = Annotated[Any, Hidden("PROMPT")]
_Extra = Annotated[Any, Hidden("EXTRA_PNGINFO")]
_Prefix = Text(
    tip="How the name begins. Slashes make folders; %width%, %height%, %year%, %month%, %day%, %hour%, %minute%, "
    "%second% and %date:yyyy-MM-dd% are filled in."
)
_CRF_TIP = "How much is lost: 0 is the best and largest; 6 more halve the file, about."


def _encoding(crf: float, worst: float) -> Any:
    """How much of a video is encoded anew; with the rate factor that a codec usually gets and its worst."""
    anew = {
        "crf": Annotated[float, Number(default=crf, low=0.0, high=worst, step=1.0, tip=_CRF_TIP)],
        "color_space": Annotated[
            str,
            Choice(
                "auto",
                *COLOR_SPACES,
                tip="What the values mean, which the file then says: auto keeps what the video said, HDR is hybrid "
                "log-gamma.",
            ),
            More({"display_name": "color space", "default": "auto", **_ONE}),
        ],
    }
    choices = {"auto": {}, "re-encode": anew}
    tip = "auto leaves the frames of a file as they are where the codec fits; re-encode always packs them anew."
    encoding: Any = Annotated[dict[str, Any], Brings(choices, tip=tip), More({"display_name": "encoding mode"})]
    return encoding | None


_CODECS: dict[str, dict[str, Any]] = {
    "auto": {},
    "h264": {"encoding": _encoding(23.0, 51.0)},
    "av1": {"encoding": _encoding(30.0, 63.0)},
}
_CODEC_TIP = "h264 is played by everything; av1 is smaller and takes longer."


def _codec(*names: str) -> dict[str, Any]:
    brought = {name: _CODECS[name] for name in names}
    return {"codec": Annotated[dict[str, Any], Brings(brought, tip=_CODEC_TIP)]}


_FORMATS = {
    "auto": _codec("auto", "h264", "av1"),
    "mp4": _codec("auto", "h264", "av1"),
    "mkv": _codec("auto", "h264", "av1"),
    "webm": _codec("auto", "av1"),
}


@node("LoadVideo", category="video", name="Load Video", search=("file", "upload", "open", "mp4"))
def load_video(
    file: Annotated[
        str,
        Files("input", which="videos", upload="video", tip="A video in the input folder; you can add one here."),
        More(_ONE),
    ],
    ctx: Context,
) -> Video:
    """Read a video: MP4, MOV, WebM, MKV, AVI and others. Get Video Components gives its frames and its sound."""
    video = VideoFromFile(ctx.folders.annotated(file), name=file)
    video.get_dimensions()  # what cannot be read is said here, where the person can choose another
    return video


@node(
    "SaveVideo", category="video", name="Save Video", outputs=("video",), effects=True, search=("export", "mp4", "mkv")
)
def save_video(
    video: Annotated[Video, Wire("VIDEO", tip="The video to write.")],
    filename_prefix: Annotated[str, _Prefix, More({"default": "video/ComfyUI", "multiline": False})],
    format: Annotated[dict[str, Any], Brings(_FORMATS, tip="The kind of file. auto is mp4, which everything plays.")],
    *,
    codec: Annotated[
        dict[str, Any] | None,
        Brings(_CODECS, tip="Where older workflows keep the codec; that of the format counts before it."),
        More({"hidden": True}),
    ] = None,
    prompt: _Prompt = None,
    extra_pnginfo: _Extra = None,
    ctx: Context,
) -> tuple[Video]:
    """Write a video into the output folder with the workflow that made it.

    A video from a file is copied as it is where the kind of file allows. Sides that are odd get one more line, since
    most players know no such videos. The files are numbered; nothing is ever overwritten.
    """
    how, is_anew = _writing(refuse_unless_video(video), format, codec, texts_for(prompt, extra_pnginfo, ctx))
    return _shown((video,), video, how, is_anew, filename_prefix, ctx)


@node("SaveWEBM", category="video", name="Save WEBM", outputs=("images",), effects=True, experimental=True)
def save_webm(
    images: Annotated[Image, Wire("IMAGE", tip="The frames, in their order.")],
    filename_prefix: Annotated[str, _Prefix, More({"default": "ComfyUI", "multiline": False})],
    codec: Annotated[str, Choice("vp9", "av1", tip="vp9 is quicker, av1 is smaller."), More(_ONE)],
    fps: Annotated[float, Number(default=24.0, low=0.01, high=1000.0, step=0.01, tip="Frames a second.")],
    crf: Annotated[float, Number(default=32.0, low=0, high=63.0, step=1, tip=_CRF_TIP)],
    *,
    prompt: _Prompt = None,
    extra_pnginfo: _Extra = None,
    ctx: Context,
) -> tuple[Image]:
    """Write images into the output folder as one WebM video that carries its workflow."""
    refuse_unless_writable(images)
    video = VideoFromComponents(VideoComponents(images, rate_of(fps)))
    depth = 10 if codec == "av1" else 8  # AV1 packs 10 bits as small, and shows fewer bands
    how = Writing("webm", codec, crf, depth, texts=texts_for(prompt, extra_pnginfo, ctx))
    return _shown((images,), video, how, True, filename_prefix, ctx)


def _writing(
    video: VideoInput, format: dict[str, Any], codec: dict[str, Any] | None, texts: dict[str, str]
) -> tuple[Writing, bool]:
    """How a video is to be written, and whether it is to be encoded in any case."""
    container = "mp4" if format["format"] == "auto" else format["format"]
    chosen = format.get("codec") or codec or {"codec": "auto"}
    if container not in CONTAINERS or chosen["codec"] not in _CODECS:
        words = "{value!r} is no kind of video that can be written; choose one again"
        value = container if container not in CONTAINERS else chosen["codec"]
        raise GraphError(say(words, value=str(value)), input_name="format")
    encoding = chosen.get("encoding") or {}
    known = _known(video)
    space = encoding.get("color_space") or "auto"
    how = Writing(
        container,
        chosen["codec"],
        encoding.get("crf"),
        known[0],
        known[1] if space == "auto" else space,
        texts,
    )
    return how, encoding.get("encoding") == "re-encode"


def _known(video: VideoInput) -> tuple[int, str]:
    """How many bits a channel has, and what its values mean."""
    told = video.facts if isinstance(video, VideoFromFile) else video.get_components()
    return getattr(told, "bit_depth", 8), getattr(told, "color_space", "sRGB")


def _shown(values: tuple[Any, ...], video: VideoInput, how: Writing, is_anew: bool, prefix: str, ctx: Context) -> Any:
    width, height = video.get_dimensions()
    if width % 2 or height % 2:
        words = "{width} x {height} px: sides of a video are even, so that an odd one got one more line like its last"
        ctx.note(say(words, width=width, height=height))
    target = plan_name(ctx.folders, "output", prefix, width=width, height=height, now=datetime.now())
    folder = ctx.folders.resolve("temp", "", "")
    folder.mkdir(parents=True, exist_ok=True)
    pieces = pieces_of(video, how, folder, is_anew=is_anew, on_frame=ctx.progress)
    path = target.save_pieces(pieces, f".{how.container}", ctx.next_save())
    return Shown(values, {"images": [shown_file(path.name, target)], "animated": (True,)})
