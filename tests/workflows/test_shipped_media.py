"""The shipped workflows whose results are videos and sounds, run as they are."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from heddle.media.carriers import read_remaking
from heddle.media.sounds import Sound, read_sound
from heddle.media.videos import read_facts, read_length
from heddle.settings.options import HOUSE
from main import main


def made_by(name: str, tmp_path: Path) -> Path:
    words = ["run", str(HOUSE / "workflows" / name), "--base-directory", str(tmp_path)]
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(words)
    assert code == 0, err.getvalue()
    (line,) = out.getvalue().splitlines()
    return Path(line)


def test_frames_of_a_video_are_changed_and_joined_with_its_sound_again(tmp_path: Path) -> None:
    path = made_by("video_frames.json", tmp_path)
    facts = read_facts(path, path.name)
    assert (facts.width, facts.height, facts.frame_rate, facts.codec, facts.sound_codec) == (192, 192, 8, "h264", "aac")
    assert read_length(path, path.name) == (16, 2.0)
    graph, _ = read_remaking(path)
    assert "SaveVideo" in {node["class_type"] for node in graph.values()}


def test_the_sound_of_a_video_gets_an_echo(tmp_path: Path) -> None:
    sound: Sound = read_sound(made_by("audio_echo.json", tmp_path), "echo")
    assert sound.rate == 44100 and sound.samples.shape == (2, 2 * 44100)
    assert 0.4 < abs(sound.samples).max() <= 1
    quiet, loud = (float((sound.samples[1, at : at + 9000] ** 2).mean()) for at in (0, 40_000))
    assert loud > 2 * quiet, "the echo comes after the pause"


@pytest.mark.parametrize(
    ("inputs", "codec"),
    [
        ({"format": "auto", "codec": "auto"}, "h264"),
        ({"format": "mp4", "format.codec": "av1"}, "av1"),
        ({"format": "auto", "format.codec": "h264", "format.codec.encoding": "auto"}, "h264"),
    ],
    ids=["as older programs write it", "a chosen codec", "an encoding"],
)
def test_a_graph_of_a_program_saves_a_video(inputs: dict[str, str], codec: str, tmp_path: Path) -> None:
    graph = {
        "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 3, "color": 255}},
        "2": {"class_type": "CreateVideo", "inputs": {"images": ["1", 0], "fps": 3}},
        "3": {"class_type": "SaveVideo", "inputs": {"video": ["2", 0], "filename_prefix": "v", **inputs}},
    }
    file = tmp_path / "graph.json"
    file.write_text(json.dumps(graph), encoding="utf-8")
    assert read_facts(made_by(str(file), tmp_path), "v").codec == codec
