"""Sounds from files and to files, cut, joined, mixed and made louder."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from heddle.graph.declare import spec_of
from heddle.graph.errors import Cancelled, FileProblem, GraphError, ShapeError
from heddle.graph.results import Shown
from heddle.media.carriers import read_carried
from heddle.media.sounds import encode_sound, read_sound
from heddle.numerics.sounds import parts_of, resample
from nodes.audio import changing, files
from tests import media_files as made
from tests.nodes.fake_context import FakeContext

PROMPT = {"9": {"class_type": "SaveAudio", "inputs": {"text": "ünïcode ]]> <b>" * 2000}}}
WORKFLOW = {"nodes": [], "version": 0.4}
REMAKING: dict[str, Any] = {"prompt": PROMPT, "extra_pnginfo": {"workflow": WORKFLOW}}


def tone(seconds: float = 1.0, rate: int = 44100, channels: int = 2, batch: int = 1, hertz: float = 440) -> Any:
    """A wave of strength 0.5; each channel and each of the batch is another one."""
    times = torch.arange(round(seconds * rate)) / rate
    factors = torch.arange(1, batch * channels + 1).view(batch, channels, 1)
    return {"waveform": 0.5 * torch.sin(2 * torch.pi * hertz * factors * times), "sample_rate": rate}


def put(base: Path, name: str, data: bytes) -> FakeContext:
    (base / "input").mkdir(exist_ok=True)
    (base / "input" / name).write_bytes(data)
    return FakeContext(base)


def files_of(result: Any, base: Path) -> list[Path]:
    assert isinstance(result, Shown)
    return [base / each["type"] / each["subfolder"] / each["filename"] for each in result.ui["audio"]]


@pytest.mark.parametrize(
    ("save", "chosen", "ending", "near"),
    [
        (files.save_flac, {}, ".flac", 1e-4),
        (files.save_mp3, {"quality": "V0"}, ".mp3", 0.02),
        (files.save_mp3, {"quality": "128k"}, ".mp3", 0.1),
        (files.save_opus, {"quality": "128k"}, ".opus", 0.1),
        (files.save_audio, {"format": "flac"}, ".flac", 1e-4),
        (files.save_audio, {"format": "mp3", "format.quality": "320k"}, ".mp3", 0.02),
        (files.save_audio, {"format": "opus"}, ".opus", 0.1),
    ],
)
def test_a_saved_sound_is_the_same_when_it_is_loaded_and_carries_its_workflow(
    save: Any, chosen: dict[str, str], ending: str, near: float, tmp_path: Path
) -> None:
    audio = tone(rate=48000, batch=2)
    call = spec_of(save).call
    assert call is not None
    result = call(audio=audio, filename_prefix="deep/%year%", **chosen, **REMAKING, ctx=FakeContext(tmp_path))
    assert result.values[0] is audio
    first, second = files_of(result, tmp_path)
    assert first.name.endswith(f"_00001_{ending}") and second.name.endswith(f"_00002_{ending}")
    assert result.ui["audio"][0]["type"] == "output" and result.ui["audio"][0]["subfolder"] == "deep"
    for path, waveform in zip((first, second), audio["waveform"], strict=True):
        assert read_carried(path).values == {"prompt": PROMPT, "workflow": WORKFLOW}
        context = put(tmp_path, path.name, path.read_bytes())
        loaded = files.load_audio(path.name, context)
        assert loaded["sample_rate"] == 48000 and loaded["waveform"].shape == (1, 2, 48000)
        middle = slice(2000, 46000)  # at their ends lossy codecs may ring
        torch.testing.assert_close(loaded["waveform"][0, :, middle], waveform[:, middle], atol=near, rtol=0)


def test_a_preview_lies_in_the_temp_folder_under_another_name_each_time(tmp_path: Path) -> None:
    shown = [files.preview_audio(tone(0.1), ctx=FakeContext(tmp_path)) for _ in range(2)]
    paths = [files_of(each, tmp_path)[0] for each in shown]
    assert paths[0] != paths[1] and all(path.parent == tmp_path / "temp" and path.suffix == ".flac" for path in paths)


@pytest.mark.parametrize("form", ["wav", "mp3", "ogg", "flac", "mp4"])
def test_every_usual_kind_of_sound_is_loaded(form: str, tmp_path: Path) -> None:
    codec = {"wav": "pcm_s16le", "mp3": "libmp3lame", "ogg": "libopus", "flac": "flac"}
    data = made.video(seconds=1) if form == "mp4" else made.sound(form, codec[form], seconds=1)
    loaded = files.load_audio(f"a.{form}", put(tmp_path, f"a.{form}", data))
    waveform, rate = loaded["waveform"], loaded["sample_rate"]
    assert waveform.dtype == torch.float32 and waveform.shape[:2] == (1, 1) and rate == 48000
    assert waveform.shape[2] / rate == pytest.approx(1, abs=0.06)
    assert waveform.abs().max().item() == pytest.approx(0.2, abs=0.03)
    assert torch.fft.rfft(waveform[0, 0, 4800:43200]).abs().argmax().item() == pytest.approx(440 * 0.8, abs=1)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"no sound at all" * 50, "no video or sound that can be read"),
        (b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", "no video or sound"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "no video or sound"),
        (made.video(sound=None, seconds=0.3), "no sound in it"),
        (made.video(seconds=0.3)[:600], "damaged|can be read"),
        (made.sound("flac", "flac", seconds=0.2)[:90], "damaged|can be read|no sound"),
    ],
    ids=["empty", "text", "playlist", "list of parts", "silent video", "cut mp4", "cut flac"],
)
def test_what_is_no_sound_is_refused_in_words(data: bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match=words):
        files.load_audio("a.mp3", put(tmp_path, "a.mp3", data))


@pytest.mark.parametrize("name", ["../a.wav", "/etc/passwd", "none.wav", "a.wav [output]"])
def test_only_files_of_the_folders_are_loaded(name: str, tmp_path: Path) -> None:
    with pytest.raises(FileProblem):
        files.load_audio(name, put(tmp_path, "a.wav", made.sound(seconds=0.1)))


def test_a_sound_longer_than_memory_holds_is_refused_before_it_fills_it() -> None:
    with pytest.raises(FileProblem, match=r"s of sound fill the 0\.0 GB"):
        read_sound(io.BytesIO(made.sound(seconds=2)), "long.wav", most_bytes=400_000)


def test_a_sound_that_is_not_one_leaves_no_file_behind(tmp_path: Path) -> None:
    context, nothing = FakeContext(tmp_path), None
    with pytest.raises(GraphError, match="no sound"):
        files.save_flac(cast("Any", nothing), "a", ctx=context)
    with pytest.raises(ShapeError, match="no samples"):
        files.save_flac({"waveform": torch.zeros(1, 2, 0), "sample_rate": 44100}, "a", ctx=context)
    with pytest.raises(ShapeError, match="6 channels"):
        files.save_mp3(tone(0.1, channels=6), "a", "V0", ctx=context)
    with pytest.raises(FileProblem, match="leads out"):
        files.save_flac(tone(0.1), "../a", ctx=context)
    with pytest.raises(Cancelled):
        files.save_flac(tone(0.1, batch=3), "b/a", ctx=FakeContext(tmp_path, cancel_after=1))
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["a_00001_.flac"]


def test_what_is_too_loud_or_no_number_is_written_as_silence_or_the_loudest() -> None:
    wave = np.array([[np.nan, np.inf, -np.inf, 7, 0.25] * 400], np.float32)
    found = read_sound(io.BytesIO(encode_sound(wave, 8000, "flac")), "x").samples[0, :5]
    np.testing.assert_allclose(found, [0, 1, -1, 1, 0.25], atol=1e-4)
    assert np.isnan(wave[0, 0])


@pytest.mark.parametrize("rate", [22050, 44100, 8000, 192000])
def test_a_rate_that_a_codec_does_not_know_becomes_the_next_that_it_does(rate: int) -> None:
    wave = tone(1, rate=rate, channels=1)["waveform"][0].numpy()
    found = read_sound(io.BytesIO(encode_sound(wave, rate, "opus", "128k")), "x")
    assert found.samples.shape[1] / found.rate == pytest.approx(1, abs=0.01)  # Opus is always told as 48000
    peak = np.abs(np.fft.rfft(found.samples[0, : found.rate // 2])).argmax() * 2
    assert peak == pytest.approx(440, abs=2)
    with pytest.raises(ShapeError, match="11 samples a second"):
        encode_sound(wave[:, :11], 11, "opus", "128k")


@pytest.mark.parametrize(
    ("start", "duration", "first", "last"), [(0, 60, 0, 100), (0.2, 0.3, 20, 50), (-0.2, 9, 80, 100), (-9, 0.1, 0, 10)]
)
def test_a_part_of_a_sound_is_kept(start: float, duration: float, first: int, last: int) -> None:
    audio = {"waveform": torch.arange(100.0).view(1, 1, 100), "sample_rate": 100}
    found = changing.trim(audio, start, duration)
    assert found["sample_rate"] == 100 and found["waveform"][0, 0].tolist() == list(range(first, last))


@pytest.mark.parametrize(("start", "duration"), [(1.0, 1.0), (5.0, 1.0), (0.5, 0.0), (1.8e19, 1.0)])
def test_a_part_with_nothing_in_it_is_refused(start: float, duration: float) -> None:
    with pytest.raises(GraphError, match=r"nothing is left of 1\.00 s"):
        changing.trim({"waveform": torch.zeros(1, 1, 100), "sample_rate": 100}, start, duration)


def test_sounds_of_other_rates_and_channels_follow_each_other() -> None:
    first, second = tone(0.5, rate=22050, channels=1), tone(0.25, rate=44100, channels=2)
    after, before = changing.concatenate(first, second, "after"), changing.concatenate(first, second, "before")
    assert after["sample_rate"] == before["sample_rate"] == 44100
    assert after["waveform"].shape == before["waveform"].shape == (1, 2, 22050 + 11025)
    torch.testing.assert_close(after["waveform"][..., 22050:], second["waveform"])
    torch.testing.assert_close(before["waveform"][..., :11025], second["waveform"])
    wanted = tone(0.5, rate=44100, channels=1)["waveform"]
    inner = slice(200, 21800)
    torch.testing.assert_close(after["waveform"][:, 1:, inner], wanted[..., inner], atol=2e-3, rtol=0)


def test_batches_and_channels_that_differ() -> None:
    found = changing.concatenate(tone(0.1, batch=3, channels=1), tone(0.1, batch=1, channels=6), "after")
    assert found["waveform"].shape == (3, 6, 8820)
    with pytest.raises(ShapeError, match="2 and 6 channels"):
        changing.merge(tone(0.1, channels=2), tone(0.1, channels=6), "add")


@pytest.mark.parametrize(
    ("how", "wanted"),
    [
        ("add", [0.75, 0, 0.5]),
        ("mean", [0.375, 0, 0.25]),
        ("subtract", [0.25, 1, 0.5]),
        ("multiply", [0.125, -0.25, 0]),
    ],
)
def test_two_sounds_are_mixed_as_long_as_the_first(how: str, wanted: list[float]) -> None:
    first = {"waveform": torch.tensor([[[0.5, 0.5, 0.5]]]), "sample_rate": 10}
    second = {"waveform": torch.tensor([[[0.25, -0.5]]]), "sample_rate": 10}
    assert changing.merge(first, second, how)["waveform"][0, 0].tolist() == pytest.approx(wanted)
    assert changing.merge(second, first, how)["waveform"].shape[-1] == 2


def test_a_mix_that_is_too_loud_is_made_quieter_as_a_whole() -> None:
    one = {"waveform": torch.tensor([[[0.9, 0.3]]]), "sample_rate": 10}
    assert changing.merge(one, one, "add")["waveform"][0, 0].tolist() == pytest.approx([1, 1 / 3])
    assert one["waveform"][0, 0].tolist() == pytest.approx([0.9, 0.3])


def test_decibels_silence_and_channels() -> None:
    audio = tone(0.01)
    torch.testing.assert_close(changing.adjust_volume(audio, 20)["waveform"], audio["waveform"] * 10)
    torch.testing.assert_close(changing.adjust_volume(audio, 0)["waveform"], audio["waveform"])
    silence = changing.make_silence(0.5, 8000, 1)
    assert silence["waveform"].shape == (1, 1, 4000) and not silence["waveform"].any()
    with pytest.raises(GraphError, match="make it shorter"):
        changing.make_silence(1e18, 44100, 2)
    left, right = changing.split_channels(audio)
    torch.testing.assert_close(changing.join_channels(left, right)["waveform"], audio["waveform"])
    with pytest.raises(ShapeError, match="1 channels"):
        changing.split_channels(left)
    longer = changing.join_channels(left, tone(0.02))
    assert longer["waveform"].shape == (1, 2, 882) and not longer["waveform"][0, 0, 441:].any()


def test_a_sound_that_packs_hand_over_without_a_batch_is_a_batch_of_one() -> None:
    assert parts_of({"waveform": torch.zeros(2, 9), "sample_rate": 5})[0].shape == (1, 2, 9)
    with pytest.raises(ShapeError, match=r"\[9\]"):
        parts_of({"waveform": torch.zeros(9), "sample_rate": 5})


def test_resampling_keeps_a_wave() -> None:
    wave = tone(0.5, rate=44100, channels=1)["waveform"]
    back = resample(resample(wave, 44100, 48000), 48000, 44100)
    torch.testing.assert_close(back[..., 300:-300], wave[..., 300:-300], atol=1e-3, rtol=0)
    assert resample(wave, 44100, 22050).shape == (1, 1, 11025)
