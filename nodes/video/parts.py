"""Videos, put together, taken apart and cut."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any

from heddle.graph.declare import Flag, More, Number, Wire, node
from heddle.graph.errors import GraphError, ShapeError
from heddle.graph.said import say
from heddle.numerics.videos import VideoComponents, VideoFromComponents, VideoInput
from heddle.wires import Audio, Image, Video

_Video = Annotated[Video, Wire("VIDEO", tip="The video.")]


def rate_of(fps: float) -> Fraction:
    """Frames a second, as exactly as people write them: three places."""
    return Fraction(round(fps * 1000), 1000)


def refuse_unless_video(video: Any) -> VideoInput:
    """Raises: GraphError, if what came is no VIDEO, as packs make them, too."""
    if not hasattr(video, "get_components"):
        words = "{kind} came where a video is wanted; look at the node that made it"
        raise GraphError(say(words, kind=type(video).__name__), input_name="video")
    return video


@node("CreateVideo", category="video", name="Create Video", search=("frames", "animate", "images to video"))
def create_video(
    images: Annotated[Image, Wire("IMAGE", tip="The frames, in their order.")],
    fps: Annotated[float, Number(default=30.0, low=1.0, high=120.0, step=1.0, tip="Frames a second.")],
    *,
    audio: Annotated[Audio | None, Wire("AUDIO", tip="What is heard; it ends with the last frame.")] = None,
    bit_depth: Annotated[
        int,
        Number(default=8, low=8, high=10, step=2, tip="10 keeps finer steps of colour; some players show only 8."),
        More({"display": "number"}),
    ] = 8,
) -> Video:
    """Make a video of images, with a sound if one is linked. Save Video writes it into a file."""
    if images.ndim != 4 or not images.numel():
        words = "images of shape {shape} make no video; [frames, height, width, 1, 3 or 4] is wanted"
        raise ShapeError(say(words, shape=list(images.shape)), wanted="[F, H, W, 3]", got=list(images.shape))
    return VideoFromComponents(VideoComponents(images, rate_of(fps), audio, bit_depth=bit_depth))


@node(
    "GetVideoComponents",
    category="video",
    name="Get Video Components",
    outputs=("images", "audio", "fps", "bit_depth", "color_space"),
    search=("frames", "extract", "video to images"),
)
def take_apart(video: _Video) -> tuple[Image, Audio, float, int, Annotated[str, Wire("COMBO")]]:
    """Take a video apart into its frames, its sound and its frame rate.

    A video without sound gives none. All frames lie in memory; Trim Video takes a part of a long one.
    """
    parts = refuse_unless_video(video).get_components()
    depth, space = getattr(parts, "bit_depth", 8), getattr(parts, "color_space", "sRGB")
    audio: Any = parts.audio
    return parts.images, audio, float(parts.frame_rate), depth, space


@node("Video Slice", category="video", name="Trim Video", search=("cut", "shorten", "slice"))
def slice_video(
    video: _Video,
    start_time: Annotated[
        float,
        Number(
            default=0.0,
            low=-1e5,
            high=1e5,
            step=0.001,
            tip="Where the part begins, in seconds; below 0 it is counted from the end.",
        ),
    ],
    duration: Annotated[
        float, Number(default=0.0, low=0.0, step=0.001, tip="How long it is, in seconds; 0 is up to the end.")
    ],
    strict_duration: Annotated[
        bool, Flag(default=False, tip="Fail if the video ends before that; else the part is shorter.")
    ],
) -> Video:
    """Keep a part of a video, with its sound."""
    whole = refuse_unless_video(video)
    part = whole.as_trimmed(start_time, duration, strict_duration=strict_duration)
    if part is None:
        words = (
            "the video is {total:.3f} s long, so there is no part of {duration:.3f} s from {start:.3f} s on; "
            "change start_time or duration"
        )
        facts = {"total": whole.get_duration(), "duration": float(duration), "start": float(start_time)}
        raise GraphError(say(words, **facts), input_name="start_time")
    return part
