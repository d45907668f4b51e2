from pathlib import Path

import av
import numpy as np
import pytest

from heddle.graph.errors import FileProblem
from heddle.media.animations import encode_apng
from heddle.media.comparing import compare, kind_of
from heddle.media.pictures import encode_png
from heddle.media.tiff import encode_tiff


def written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def grey(value: int, shape: tuple[int, ...] = (6, 5, 3), dtype: type = np.uint8) -> np.ndarray:
    return np.full(shape, value, dtype)


def test_the_same_pixels_are_equal_whatever_file_holds_them(tmp_path: Path) -> None:
    one = written(tmp_path, "a.png", encode_png(grey(9), {"prompt": "{}"}, 0))
    other = written(tmp_path, "b", encode_tiff(grey(9)))
    found = compare(one, other)
    assert (found.verdict, found.largest, found.mean) == ("equal", 0, 0)


@pytest.mark.parametrize(("by", "verdict"), [(1, "close"), (3, "different"), (200, "different")])
def test_a_difference_is_measured(tmp_path: Path, by: int, verdict: str) -> None:
    one = written(tmp_path, "a.png", encode_png(grey(20)))
    found = compare(one, written(tmp_path, "b.png", encode_png(grey(20 + by))))
    assert found.verdict == verdict
    assert found.largest == pytest.approx(by / 255) and found.mean == pytest.approx(by / 255)
    assert f"{by} of 255" in found.words


def test_one_pixel_far_off_is_no_close_picture(tmp_path: Path) -> None:
    spot = grey(20, (100, 100, 3))
    spot[0, 0] = 255
    one = written(tmp_path, "a.png", encode_png(grey(20, (100, 100, 3))))
    found = compare(one, written(tmp_path, "b.png", encode_png(spot)))
    assert found.mean < 1 / 255 and found.verdict == "different"


@pytest.mark.parametrize("other", [grey(9, (6, 6, 3)), grey(9, (6, 5, 4))], ids=["another size", "with alpha"])
def test_what_cannot_be_laid_on_each_other_is_different(tmp_path: Path, other: np.ndarray) -> None:
    found = compare(written(tmp_path, "a.png", encode_png(grey(9))), written(tmp_path, "b.png", encode_png(other)))
    assert found.verdict == "different" and "the one is 5 x 6 pixels" in found.words


def test_a_longer_animation_is_different_and_sixteen_bits_are_not_eight(tmp_path: Path) -> None:
    two, three = (written(tmp_path, f"{n}.png", encode_apng([grey(9 * k) for k in range(n)], 4)) for n in (2, 3))
    assert compare(two, three).words == "one of them is longer"
    assert compare(two, two).verdict == "equal"
    deep = written(tmp_path, "deep.png", encode_png(grey(9 * 257 + 1, dtype=np.uint16)))
    assert compare(written(tmp_path, "flat.png", encode_png(grey(9))), deep).verdict == "close"


def video(path: Path, shades: list[int]) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=4)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for shade in shades:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey(shade, (32, 32, 3)), "rgb24")))
        container.mux(stream.encode(None))
    return path


def test_videos_are_compared_frame_by_frame(tmp_path: Path) -> None:
    one = video(tmp_path / "a.mp4", [10, 200, 30])
    assert kind_of(one) == "video"
    assert compare(one, video(tmp_path / "b.mkv", [10, 200, 30])).verdict == "equal"
    assert compare(one, video(tmp_path / "c.mp4", [10, 20, 30])).verdict == "different"
    assert compare(one, video(tmp_path / "d.mp4", [10, 200])).words == "one of them is longer"


def sound(path: Path, height: float) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("flac", rate=8000, layout="mono")
        wave = (np.sin(np.arange(4000) / 9) * height * 32767).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_sounds_are_compared_by_their_samples(tmp_path: Path) -> None:
    one = sound(tmp_path / "a.flac", 0.5)
    assert kind_of(one) == "sound"
    assert compare(one, sound(tmp_path / "b.flac", 0.5)).verdict == "equal"
    assert compare(one, sound(tmp_path / "c.flac", 0.501)).verdict == "close"
    assert compare(one, sound(tmp_path / "d.flac", 1.0)).verdict == "different"


def test_what_shows_nothing_has_no_kind_and_a_damaged_film_a_word(tmp_path: Path) -> None:
    assert kind_of(written(tmp_path, "a.json", b"{}")) == ""
    whole = video(tmp_path / "a.mp4", [1, 2, 3])
    cut = written(tmp_path, "b.mp4", whole.read_bytes()[:200])
    assert compare(whole, cut).verdict == compare(cut, cut).verdict == "different"
    with pytest.raises(FileProblem, match="cannot be decoded"):
        compare(whole, written(tmp_path, "c.mkv", b"\x1a\x45\xdf\xa3" + bytes(300)))
