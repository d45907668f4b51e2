"""Videos from files and to files, put together, taken apart and cut."""

from __future__ import annotations

import io
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest
import torch

from heddle.graph.declare import spec_of
from heddle.graph.errors import Cancelled, FileProblem, GraphError, ShapeError
from heddle.graph.results import Shown
from heddle.media.carriers import read_carried
from heddle.media.containers import Room, reading
from heddle.media.videos import frames_in, read_facts, read_length
from heddle.numerics import videos
from heddle.numerics.videos import VideoComponents, VideoFromComponents, VideoFromFile
from nodes.video import files, parts
from tests import media_files as made
from tests.nodes.fake_context import FakeContext

PROMPT = {"9": {"class_type": "SaveVideo", "inputs": {"text": "ünïcode ]]> <b>" * 2000}}}
WORKFLOW = {"nodes": [], "version": 0.4}
REMAKING: dict[str, Any] = {"prompt": PROMPT, "extra_pnginfo": {"workflow": WORKFLOW}}
NEAR = 0.02  # what a codec may change of a plain colour


def frames(count: int = 10, height: int = 48, width: int = 80, channels: int = 3) -> torch.Tensor:
    """Frame after frame darker in red and lighter in blue; the lower half has green."""
    images = torch.zeros(count, height, width, channels)
    steps = torch.linspace(0, 1, count).view(-1, 1, 1)
    images[..., 0] = 1 - steps
    images[..., -1] = steps
    images[:, height // 2 :, :, channels // 2] = 0.5
    return images


def tone(seconds: float = 1.0, rate: int = 44100) -> Any:
    wave = 0.5 * torch.sin(2 * torch.pi * 440 * torch.arange(round(seconds * rate)) / rate)
    return {"waveform": wave.expand(1, 2, -1), "sample_rate": rate}


def put(base: Path, name: str, data: bytes) -> FakeContext:
    (base / "input").mkdir(exist_ok=True)
    (base / "input" / name).write_bytes(data)
    return FakeContext(base)


def file_of(result: Any, base: Path) -> Path:
    assert isinstance(result, Shown)
    (each,) = result.ui["images"]
    assert result.ui["animated"] == (True,) and each["type"] == "output"
    return base / "output" / each["subfolder"] / each["filename"]


def save(video: Any, base: Path, ctx: Any = None, **chosen: Any) -> Path:
    """As the engine calls the node: inputs of choices by their whole names."""
    call = spec_of(files.save_video).call
    assert call is not None
    given = {"format": "auto", "format.codec": "auto", "filename_prefix": "deep/a"} | chosen
    return file_of(call(video=video, **given, **REMAKING, ctx=ctx or FakeContext(base)), base)


@pytest.mark.parametrize(
    ("chosen", "ending", "codec", "sound"),
    [
        ({}, ".mp4", "h264", "aac"),
        ({"format": "mp4", "format.codec": "av1"}, ".mp4", "av1", "aac"),
        ({"format": "mkv"}, ".mkv", "h264", "aac"),
        ({"format": "webm", "format.codec": "av1", "format.codec.encoding": "auto"}, ".webm", "av1", "opus"),
        ({"format.codec": None, "codec": "av1"}, ".mp4", "av1", "aac"),
    ],
)
def test_a_saved_video_is_the_same_when_it_is_loaded_and_carries_its_workflow(
    chosen: dict[str, Any], ending: str, codec: str, sound: str, tmp_path: Path
) -> None:
    images = frames(12, 64, 96)
    video = parts.create_video(images, 12, audio=tone(1.5))
    path = save(video, tmp_path, **chosen)
    assert path.name == f"a_00001_{ending}" and list(path.parent.iterdir()) == [path]
    assert read_carried(path).values == {"prompt": PROMPT, "workflow": WORKFLOW}
    loaded = files.load_video(path.name, put(tmp_path, path.name, path.read_bytes()))
    assert (loaded.facts.codec, loaded.facts.sound_codec) == (codec, sound)
    found, audio, fps, depth, space = cast("Any", parts.take_apart(loaded))
    assert (fps, depth, space) == (12, 8, "sRGB")
    assert found.dtype == torch.float32 and found.shape == images.shape
    assert (found - images).abs().mean(dim=(1, 2, 3)).max() < NEAR
    rate = audio["sample_rate"]
    assert audio["waveform"].shape[:2] == (1, 2)
    assert audio["waveform"].shape[2] / rate == pytest.approx(1, abs=0.05)  # it ends with the pictures
    assert audio["waveform"][0, 0, 4000:30000].abs().max().item() == pytest.approx(0.5, abs=0.05)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere encoders do not ask for it")
def test_no_encoder_puts_itself_before_everything_else_on_the_machine(tmp_path: Path) -> None:
    def policies() -> list[int]:
        save(parts.create_video(frames(3, 64, 64), 12), tmp_path, **{"format": "mp4", "format.codec": "av1"})
        return [os.sched_getscheduler(int(each.name)) for each in Path("/proc/self/task").iterdir()]

    with ThreadPoolExecutor(1) as pool:
        assert set(pool.submit(policies).result()) == {os.SCHED_OTHER}


def test_colours_keep_their_values_for_players_that_go_by_what_the_file_says(tmp_path: Path) -> None:
    images = torch.tensor([0.8, 0.2, 0.4]).expand(2, 32, 32, 3)
    path = save(parts.create_video(images, 5), tmp_path)
    with av.open(str(path)) as media:
        frame = next(media.decode(video=0))
    assert (frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc) == (1, 1, 1, 13)
    luma = 16 + 219 * (0.2126 * 0.8 + 0.7152 * 0.2 + 0.0722 * 0.4)  # ITU-R BT.709
    assert np.asarray(frame.to_ndarray())[:32].mean() == pytest.approx(luma, abs=1)


@pytest.mark.parametrize("space", ["auto", "HDR", "HDR PQ"])
def test_ten_bits_and_what_values_mean_come_back(space: str, tmp_path: Path) -> None:
    ramp = torch.linspace(0.2, 0.3, 1024).view(1, 1, -1, 1).expand(2, 64, -1, 3)
    video = parts.create_video(ramp, 5, bit_depth=10)
    chosen = {"format.codec": "h264", "format.codec.encoding": "re-encode", "format.codec.encoding.crf": 1.0}
    path = save(video, tmp_path, **chosen, **{"format.codec.encoding.color_space": space})
    found, _, _, depth, said = cast("Any", parts.take_apart(VideoFromFile(str(path))))
    assert (depth, said) == (10, "sRGB" if space == "auto" else space)
    assert len(found[0, 32, :, 1].unique()) > 40  # of 8 bits, there would be 26
    assert (found - ramp).abs().mean() < 0.003


def test_a_higher_factor_makes_a_smaller_file(tmp_path: Path) -> None:
    video = parts.create_video(torch.rand(5, 64, 64, 3, generator=torch.Generator().manual_seed(1)), 5)
    sizes = [
        save(
            video,
            tmp_path,
            **{"format.codec": "h264", "format.codec.encoding": "re-encode", "format.codec.encoding.crf": crf},
        )
        .stat()
        .st_size
        for crf in (5.0, 23.0, 45.0)
    ]
    assert sizes[0] > sizes[1] + 5000 > sizes[2] + 10_000


@pytest.mark.parametrize("codec", ["vp9", "av1"])
def test_a_webm_of_images(codec: str, tmp_path: Path) -> None:
    images = frames(6, 64, 80)
    result = files.save_webm(images, "w", codec, 23.976, 20.0, **REMAKING, ctx=FakeContext(tmp_path))
    path = file_of(result, tmp_path)
    assert path.name == "w_00001_.webm" and read_carried(path).values == {"prompt": PROMPT, "workflow": WORKFLOW}
    video = VideoFromFile(str(path))
    assert float(video.get_frame_rate()) == pytest.approx(23.976, abs=0.05)
    assert (video.get_components().images - images).abs().mean() < NEAR


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (33, 47)])
def test_odd_sides_get_one_more_line_like_the_last(size: tuple[int, int], tmp_path: Path) -> None:
    context = FakeContext(tmp_path)
    images = torch.full((3, *size, 3), 0.6)
    path = save(parts.create_video(images, 10), tmp_path, context)
    height, width = size
    assert VideoFromFile(str(path)).get_dimensions() == (width + width % 2, height + height % 2)
    assert (VideoFromFile(str(path)).get_components().images - 0.6).abs().max() < NEAR
    assert len(context.notes) == 1 and "sides of a video are even" in context.notes[0]


def test_grey_images_alphas_and_what_is_no_number() -> None:
    assert len(list(videos.frames_of(torch.full((2, 4, 4, 1), 0.5), 8))) == 2
    (grey,) = videos.frames_of(torch.full((1, 4, 4, 1), 0.5), 8)
    assert grey.shape == (4, 4, 3) and (grey == 128).all()
    (deep,) = videos.frames_of(torch.tensor([float("nan"), 2.0, -1.0, 0.5]).expand(1, 2, 2, 4), 10)
    assert deep.dtype == np.uint16 and deep[0, 0].tolist() == [0, 65535, 0]
    for shape in ((0, 4, 4, 3), (4, 4, 3), (1, 4, 4, 2)):
        with pytest.raises(ShapeError, match="make no video"):
            list(videos.frames_of(torch.zeros(shape), 8))


def test_a_video_from_a_file_is_copied_bit_for_bit_where_it_fits(tmp_path: Path) -> None:
    data = made.video(seconds=1)
    context = put(tmp_path, "a.mp4", data)
    copied = save(files.load_video("a.mp4", context), tmp_path)
    assert packets_of(copied.read_bytes()) == packets_of(data)
    assert read_carried(copied).values == {"prompt": PROMPT, "workflow": WORKFLOW}
    again = {"format.codec": "h264", "format.codec.encoding": "re-encode"}
    assert packets_of(save(files.load_video("a.mp4", context), tmp_path, **again).read_bytes()) != packets_of(data)


def packets_of(data: bytes) -> list[bytes]:
    with av.open(io.BytesIO(data), "r") as media:
        return [bytes(packet) for packet in media.demux(video=0) if packet.size]


def test_what_does_not_fit_is_encoded_anew(tmp_path: Path) -> None:
    put(tmp_path, "a.mp4", made.video(seconds=0.5))
    path = save(files.load_video("a.mp4", FakeContext(tmp_path)), tmp_path, format="webm")
    facts = read_facts(path, "x")
    assert (facts.codec, facts.sound_codec, read_length(path, "x")) == ("av1", "opus", (5, pytest.approx(0.5)))


@pytest.mark.parametrize(
    ("form", "codec", "sound"),
    [
        ("mp4", "libx264", "aac"),
        ("mov", "libx265", None),
        ("matroska", "libx264", "flac"),
        ("webm", "libvpx-vp9", "libopus"),
        ("avi", "mpeg4", "libmp3lame"),
        ("mpegts", "libx264", "aac"),
        ("flv", "libx264", "aac"),
    ],
)
def test_every_usual_kind_of_video_is_loaded(form: str, codec: str, sound: str | None, tmp_path: Path) -> None:
    options = {"libvpx-vp9": made.QUICK, "libx265": {"x265-params": "log-level=none"}}.get(codec, {})
    data = made.video(form, codec, sound, seconds=1, options=options)
    video = files.load_video("a.mp4", put(tmp_path, "a.mp4", data))
    found = video.get_components()
    assert found.images.shape == (10, 96, 160, 3) and found.frame_rate == 10
    assert video.get_frame_count() == 10
    assert found.images[0, ..., 0].mean() > 0.9 and found.images[-1, ..., 2].mean() > 0.8
    assert (found.audio is None) == (sound is None)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"no video at all" * 50, "no video or sound that can be read"),
        (b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", "no video or sound"),
        (made.sound(seconds=0.2), "no video in it"),
        (made.video(seconds=0.3)[:3000], "no video or sound|damaged"),
    ],
    ids=["empty", "text", "playlist", "sound", "cut"],
)
def test_what_is_no_video_is_refused_in_words(data: bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match=words):
        files.load_video("a.mp4", put(tmp_path, "a.mp4", data))


def test_of_a_recording_that_was_cut_off_the_frames_that_are_there_are_read(tmp_path: Path) -> None:
    data = made.video("matroska", "libx264", None, seconds=4)
    video = files.load_video("a.mkv", put(tmp_path, "a.mkv", data[: len(data) * 2 // 3]))
    assert 5 < len(video.get_components().images) < 40


@pytest.mark.parametrize("name", ["../a.mp4", "/etc/passwd", "none.mp4", "a.mp4 [output]"])
def test_only_files_of_the_folders_are_loaded(name: str, tmp_path: Path) -> None:
    with pytest.raises(FileProblem):
        files.load_video(name, put(tmp_path, "a.mp4", made.video(seconds=0.2)))


def test_a_video_larger_than_memory_is_refused_before_it_fills_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    video = files.load_video("a.mp4", put(tmp_path, "a.mp4", made.video(seconds=2)))
    seen: list[int] = []

    class Small(Room):
        def __init__(self) -> None:
            super().__init__(3 * 15 * 96 * 160 * 3)

        def take(self, count: int, so_far: Any, name: str) -> None:
            seen.append(count)
            super().take(count, so_far, name)

    monkeypatch.setattr(videos, "Room", Small)
    with pytest.raises(FileProblem, match=r"a\.mp4: \d+ frames fill the 0\.0 GB"):
        video.get_components()
    assert len(seen) == 10  # 9 fit, each as bytes and as float32


def test_a_long_video_is_written_anew_without_holding_its_frames(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    video = files.load_video("a.mp4", put(tmp_path, "a.mp4", made.video(sound=None, seconds=2)))
    monkeypatch.setattr(VideoFromFile, "get_components", lambda self: pytest.fail("all frames at once"))
    context = FakeContext(tmp_path)
    part = video.as_trimmed(0.5, 1.0)
    assert part is not None
    path = save(part, tmp_path, context)
    assert read_length(path, "x") == (10, 1.0) and context.steps == [(done, 10) for done in range(1, 11)]


@pytest.mark.parametrize("source", ["file", "memory"])
@pytest.mark.parametrize(
    ("start", "duration", "first", "last"), [(0, 0, 0, 20), (0.5, 1, 5, 15), (-0.5, 0, 15, 20), (1.9, 5, 19, 20)]
)
def test_a_part_of_a_video(source: str, start: float, duration: float, first: int, last: int) -> None:
    images = frames(20)
    audio = {"waveform": torch.linspace(0, 1, 2 * 8000).view(1, 1, -1), "sample_rate": 8000}
    video: Any = VideoFromComponents(VideoComponents(images, Fraction(10), audio))
    if source == "file":
        buffer = io.BytesIO()
        video.save_to(buffer, "mkv")
        video = VideoFromFile(buffer)
    part = parts.slice_video(video, start, duration, False)
    found = part.get_components()
    assert part.get_frame_count() == len(found.images) == last - first
    assert (found.images - images[first:last]).abs().mean() < NEAR
    assert part.get_duration() == pytest.approx((last - first) / 10, abs=0.06)
    wave, rate = found.audio["waveform"], found.audio["sample_rate"]
    assert wave.shape[-1] / rate == pytest.approx((last - first) / 10, abs=0.13)
    part_of_part = part.as_trimmed(0.0, 0.1)
    assert part_of_part is not None and len(part_of_part.get_components().images) == 1


def test_a_part_with_nothing_in_it_and_one_that_is_too_short() -> None:
    video = parts.create_video(frames(10), 10)
    with pytest.raises(GraphError, match=r"1\.000 s long"):
        parts.slice_video(video, 2.0, 0, False)
    with pytest.raises(GraphError, match=r"no part of 2\.000 s from 0\.500 s on"):
        parts.slice_video(video, 0.5, 2.0, True)
    assert parts.slice_video(video, 0.5, 0.5, True).get_frame_count() == 5
    with pytest.raises(GraphError, match="int came"):
        parts.take_apart(3)


def test_sound_stays_beside_the_pictures_it_began_with() -> None:
    """A click in the middle is in the middle of every part, to within what a codec blurs."""
    wave = torch.zeros(1, 1, 48000)
    wave[..., 24000:24200] = 0.9
    buffer = io.BytesIO()
    video = VideoComponents(frames(20), Fraction(20), {"waveform": wave, "sample_rate": 48000})
    VideoFromComponents(video).save_to(buffer)
    for start in (0.0, 0.25, 0.4):
        audio: Any = VideoFromFile(buffer, start_time=start).get_components().audio
        click = audio["waveform"][0, 0].abs().argmax().item() / audio["sample_rate"]
        assert click == pytest.approx(0.5 - start, abs=0.01)


def test_a_turned_video_is_upright() -> None:
    data = bytearray(made.video(sound=None, seconds=0.3, size=(64, 32)))
    at = data.index(b"tkhd") + 4 + 40  # the matrix of the track: ISO/IEC 14496-12, 8.3.2
    for place, number in enumerate((0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)):  # a quarter to the right
        data[at + 4 * place : at + 4 * place + 4] = number.to_bytes(4, "big", signed=True)
    source = io.BytesIO(bytes(data))
    assert VideoFromFile(source).get_dimensions() == (32, 64)
    with reading(source, "x") as media:
        assert [frame.shape for frame in frames_in(media, "x")] == [(64, 32, 3)] * 3


def test_a_writing_that_ends_early_leaves_nothing_behind(tmp_path: Path) -> None:
    video = parts.create_video(frames(10), 10)
    with pytest.raises(Cancelled):
        save(video, tmp_path, FakeContext(tmp_path, cancel_after=3))
    with pytest.raises(FileProblem, match="leads out"):
        save(video, tmp_path, filename_prefix="../a")
    with pytest.raises(ShapeError, match="libsvtav1 does not take 2 x 2 px"):
        save(parts.create_video(torch.zeros(1, 2, 2, 3), 10), tmp_path, **{"format.codec": "av1"})
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == []


def test_no_images_make_no_video() -> None:
    with pytest.raises(ShapeError, match="make no video"):
        parts.create_video(torch.zeros(0, 8, 8, 3), 10)


def test_a_video_of_one_frame_and_a_sound_shorter_than_it(tmp_path: Path) -> None:
    path = save(parts.create_video(frames(1), 1, audio=tone(0.1)), tmp_path)
    facts = read_facts(path, "x")
    assert (facts.frame_rate, facts.sound_codec, read_length(path, "x")) == (1, "aac", (1, 1.0))
