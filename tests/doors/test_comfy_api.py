"""`comfy_api`: the same names under every version, what nodes show, and what they report."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import torch

import comfy_api.input
import comfy_api.input_impl
import comfy_api.util
import comfy_api.v0_0_1
import comfy_api.v0_0_2
from comfy_api import latest
from comfy_api.latest import ComfyAPI, ComfyAPISync, InputImpl, Types, io, ui
from heddle.graph.errors import GraphError
from heddle.graph.running import call_of
from heddle.graph.schema.reading import spec_of_schema
from heddle.media.carriers import read_remaking
from heddle.settings.folders import Folders
from nodes import door
from tests.doors.conftest import FrontDesk, RunningNode


def test_every_version_has_the_same_names() -> None:
    for version in (comfy_api.v0_0_1, comfy_api.v0_0_2):
        for name in latest.__all__:
            assert getattr(version, name) is getattr(latest, name)
    assert comfy_api.input.VideoInput is latest.Input.Video
    curve = comfy_api.input.CurveInput.from_raw([[0, 0], [1, 1]])
    assert isinstance(curve, comfy_api.input.MonotoneCubicCurve) and len(curve.to_lut()) == 256
    assert comfy_api.util.VideoComponents is Types.VideoComponents


def test_saved_images_carry_the_graph_that_the_node_asked_for(folders: Folders) -> None:
    class Saver(io.ComfyNode):
        @classmethod
        def define_schema(cls) -> io.Schema:
            return io.Schema(
                "Saver",
                inputs=[io.Image.Input("image")],
                hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo],
                is_output_node=True,
            )

        @classmethod
        def execute(cls, image: Any) -> io.NodeOutput:
            return io.NodeOutput(ui=ui.ImageSaveHelper.get_save_images_ui(image, "deep/a", cls=cls))

    call = spec_of_schema(Saver).call
    assert call is not None
    graph = {"1": {"class_type": "A", "inputs": {}}}
    with call_of(RunningNode(folders), "5"):
        shown = call(image=torch.zeros(2, 8, 8, 3), prompt=graph, extra_pnginfo={"mine": 1})
    assert shown.ui == {
        "images": [{"filename": f"a_0000{i}_.png", "subfolder": "deep", "type": "output"} for i in (1, 2)]
    }
    assert read_remaking(folders.output / "deep/a_00002_.png")[0] == graph


def test_previews_go_to_the_temp_folder_and_texts_are_shown_as_they_are(folders: Folders) -> None:
    image = ui.PreviewImage(torch.zeros(1, 8, 8, 3)).as_dict()
    mask = ui.PreviewMask(torch.ones(8, 6)).as_dict()
    for shown in (image, mask):
        (each,) = shown["images"]
        assert each["type"] == "temp" and (folders.temp / each["filename"]).is_file()
        assert shown["animated"] == (False,)
    assert ui.PreviewText("hi").as_dict() == {"text": ("hi",)}
    result = ui.SavedResult("a.png", "sub", io.FolderType.output)
    assert (result.filename, result.subfolder, result.type) == ("a.png", "sub", "output")
    assert ui.SavedImages([result], is_animated=True).as_dict() == {
        "images": [{"filename": "a.png", "subfolder": "sub", "type": "output"}],
        "animated": (True,),
    }
    assert ui.SavedAudios([result]).as_dict()["audio"][0]["filename"] == "a.png"


def test_progress_is_told_in_both_ways(running: RunningNode, desk: FrontDesk) -> None:
    asyncio.run(ComfyAPI().execution.set_progress(1, 4))
    sync = ComfyAPISync()
    sync.execution.set_progress(2, 4, preview_image=torch.zeros(1, 8, 8, 3))
    sync.execution.set_progress(3, 4, node_id="9")
    assert running.told == [(1, 4), ("jpeg", b"\xff\xd8\xff\xe0"), (2, 4)]
    assert desk.progress == [("9", 3, 4, None)]


def test_sounds_are_written_and_shown(folders: Folders) -> None:
    audio = {"waveform": torch.zeros(2, 1, 900), "sample_rate": 8000}
    (first, second) = ui.AudioSaveHelper.save_audio(audio, "deep/a", io.FolderType.output, format="mp3", quality="V0")
    assert (first.filename, second.filename, second.subfolder) == ("a_00001_.mp3", "a_00002_.mp3", "deep")
    assert (folders.output / "deep/a_00002_.mp3").is_file()
    shown = ui.AudioSaveHelper.get_save_audio_ui(audio, "b").as_dict()
    assert [each["filename"] for each in shown["audio"]] == ["b_00001_.flac", "b_00002_.flac"]
    (preview, _) = ui.PreviewAudio(audio, cls=None).as_dict()["audio"]
    assert preview["type"] == "temp" and (folders.temp / preview["filename"]).is_file()


def test_a_video_is_written_and_read_under_the_names_that_packs_know(tmp_path: Path) -> None:
    audio = {"waveform": torch.zeros(1, 2, 16000), "sample_rate": 8000}
    parts = Types.VideoComponents(images=torch.rand(6, 16, 32, 3), audio=audio, frame_rate=Fraction(3))
    made = InputImpl.VideoFromComponents(parts)
    path = tmp_path / "new" / "a.mp4"
    graph = {"1": {"class_type": "SaveVideo", "inputs": {}}}
    made.save_to(str(path), format=Types.VideoContainer.MP4, codec=Types.VideoCodec.H264, metadata={"prompt": graph})
    assert read_remaking(path)[0] == graph
    for source in (str(path), BytesIO(path.read_bytes())):
        video = comfy_api.input_impl.VideoFromFile(source)
        assert isinstance(video, latest.Input.Video)
        assert (video.get_dimensions(), video.get_frame_count(), video.get_duration()) == ((32, 16), 6, 2.0)
        assert (video.get_frame_rate(), "mp4" in video.get_container_format()) == (3, True)
        found = video.get_components()
        assert found.images.shape == (6, 16, 32, 3) and found.audio is not None
        part = video.as_trimmed(start_time=1.0, duration=0.5)
        assert part is not None and (part.get_frame_count(), part.get_duration()) == (2, 0.5)
        assert part.get_components().images.shape[0] == 2
    assert video.as_trimmed(1.5, 1.0, strict_duration=True) is None and video.as_trimmed(9.0) is None
    assert InputImpl.VideoFromFile(str(path)).get_stream_source() == str(path)
    assert isinstance(made.get_stream_source(), BytesIO)


def test_names_of_values_stand_in_annotations() -> None:
    for value in (io.Latent.LatentDict, io.Audio.AudioDict, io.Conditioning.CondList, io.Load3DCamera.CameraInfo):
        assert value is Any
    assert io.File3DGLB.Output().get_io_type() == "FILE_3D_GLB"


def test_progress_outside_of_a_node_asks_which_is_meant() -> None:
    with pytest.raises(GraphError, match="name the one that is meant"):
        ComfyAPISync().execution.set_progress(1, 2)


def test_a_video_in_memory_knows_its_size_and_length() -> None:
    video = InputImpl.VideoFromComponents(Types.VideoComponents(torch.zeros(6, 4, 8, 3), Fraction(3)))
    assert isinstance(video, latest.Input.Video)
    assert (video.get_dimensions(), video.get_frame_count(), video.get_duration()) == ((8, 4), 6, 2.0)
    assert "h264" in Types.VideoCodec.as_input() and Types.VideoContainer.get_extension("mp4") == "mp4"


def test_a_node_that_stands_in_for_an_older_one_is_told_once() -> None:
    says = io.NodeReplace(
        new_node_id="New",
        old_node_id="Old",
        old_widget_ids=["size"],
        input_mapping=[{"new_id": "width", "old_id": "size"}, {"new_id": "mode", "set_value": "fit"}],
        output_mapping=[{"new_idx": 0, "old_idx": 0}],
    )
    try:
        asyncio.run(ComfyAPI().node_replacement.register(says))
        ComfyAPISync().node_replacement.register(says)
        ComfyAPISync().node_replacement.register(io.NodeReplace("Newer", "Old"))
        assert [each["new_node_id"] for each in door.REPLACEMENTS["Old"]] == ["New", "Newer"]
        assert door.REPLACEMENTS["Old"][0] == {
            "new_node_id": "New",
            "old_node_id": "Old",
            "old_widget_ids": ["size"],
            "input_mapping": [{"new_id": "width", "old_id": "size"}, {"new_id": "mode", "set_value": "fit"}],
            "output_mapping": [{"new_idx": 0, "old_idx": 0}],
        }
    finally:
        door.REPLACEMENTS.clear()
