"""`folder_paths`: what packs read of it, and that what they write into it holds for every node."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import folder_paths
from heddle.graph.errors import FileProblem, WeightsError
from heddle.settings.folders import Folders
from heddle.settings.options import Settings


def put(path: Path, data: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_places_are_those_of_the_folders_that_were_handed_in(folders: Folders, tmp_path: Path) -> None:
    assert folder_paths.base_path == str(tmp_path)
    assert folder_paths.models_dir == str(tmp_path / "models")
    assert folder_paths.get_output_directory() == folder_paths.output_directory == str(tmp_path / "output")
    assert folder_paths.get_input_directory() == str(tmp_path / "input")
    assert folder_paths.get_user_directory() == str(tmp_path / "user")
    assert folder_paths.get_directory_by_type("temp") == str(tmp_path / "temp")
    assert folder_paths.get_directory_by_type("user") is None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        folder_paths.nothing  # noqa: B018 - the failure


def test_folders_are_handed_in_by_one_function(folders: Folders, tmp_path: Path) -> None:
    folder_paths.use(Folders.from_settings(Settings(base_directory=tmp_path / "other")))
    assert folder_paths.get_input_directory() == str(tmp_path / "other/input")


def test_a_place_that_a_pack_moves_is_moved_for_every_node(folders: Folders, tmp_path: Path) -> None:
    folder_paths.set_output_directory(str(tmp_path / "elsewhere"))
    assert folders.output == tmp_path / "elsewhere"
    assert folders.resolve("output", "", "a.png") == tmp_path / "elsewhere" / "a.png"


def test_a_folder_that_a_pack_adds_is_searched_by_every_node(folders: Folders, tmp_path: Path) -> None:
    put(tmp_path / "models/checkpoints/a.safetensors")
    put(tmp_path / "more/a.safetensors")
    put(tmp_path / "more/b.safetensors")
    assert "b.safetensors" not in folder_paths.get_filename_list("checkpoints")
    folder_paths.add_model_folder_path("checkpoints", str(tmp_path / "more"))
    assert {"a.safetensors", "b.safetensors"} <= set(folder_paths.get_filename_list("checkpoints"))
    assert folders.find("checkpoints", "b.safetensors") == tmp_path / "more/b.safetensors"
    assert folders.find("checkpoints", "a.safetensors") == tmp_path / "models/checkpoints/a.safetensors"
    folder_paths.add_model_folder_path("checkpoints", str(tmp_path / "more"), is_default=True)
    assert folder_paths.get_folder_paths("checkpoints")[0] == str(tmp_path / "more")
    assert folder_paths.get_folder_paths("checkpoints").count(str(tmp_path / "more")) == 1
    assert folders.find("checkpoints", "a.safetensors") == tmp_path / "more/a.safetensors"


def test_a_pack_may_write_kinds_of_its_own_into_the_table(folders: Folders, tmp_path: Path) -> None:
    put(tmp_path / "frogs/green.frog")
    put(tmp_path / "frogs/deep/RED.FROG")
    put(tmp_path / "frogs/no.txt")
    table = folder_paths.folder_names_and_paths
    assert isinstance(table, dict) and "checkpoints" in table and "custom_nodes" in table
    table["frogs"] = ([str(tmp_path / "frogs")], {".frog"})
    assert folder_paths.get_filename_list("frogs") == ["deep/RED.FROG", "green.frog"]
    assert folders.list_files("frogs") == ["deep/RED.FROG", "green.frog"]
    table["frogs"][1].add(".txt")
    assert "no.txt" in folders.list_files("frogs")
    table["frogs"] = ([str(tmp_path / "frogs")], set())
    assert len(folders.list_files("frogs")) == 3, "no extensions mean all"
    folder_paths.add_model_folder_path("toads", str(tmp_path / "frogs"))
    assert folder_paths.get_filename_list("toads") == folders.list_files("frogs")
    with pytest.raises(KeyError):
        folder_paths.get_filename_list("newts")


def test_files_are_found_by_older_names_of_kinds_and_never_outside(folders: Folders, tmp_path: Path) -> None:
    path = put(tmp_path / "models/unet/sub/x.safetensors")
    put(tmp_path / "secret.safetensors")
    assert folder_paths.get_full_path("unet", "sub/x.safetensors") == str(path)
    assert folder_paths.get_full_path("unet", "../../secret.safetensors") is None
    assert folder_paths.get_full_path("newts", "x") is None
    with pytest.raises(FileNotFoundError, match=r"diffusion_models: no file 'gone.safetensors' in"):
        folder_paths.get_full_path_or_raise("diffusion_models", "gone.safetensors")
    assert folder_paths.map_legacy("clip") == "text_encoders"
    with pytest.raises(WeightsError):
        folders.find("unet", "gone.safetensors")


def test_annotated_names_lead_to_their_folders_and_not_out_of_them(folders: Folders, tmp_path: Path) -> None:
    put(tmp_path / "output/a.png")
    assert folder_paths.annotated_filepath("a.png [output]") == ("a.png", str(tmp_path / "output"))
    assert folder_paths.annotated_filepath("a.png") == ("a.png", None)
    assert folder_paths.get_annotated_filepath("a.png [output]") == str(tmp_path / "output/a.png")
    assert folder_paths.get_annotated_filepath("new.png") == str(tmp_path / "input/new.png")
    assert folder_paths.get_annotated_filepath("a.png", str(tmp_path / "x")) == str(tmp_path / "x/a.png")
    assert folder_paths.exists_annotated_filepath("a.png [output]")
    whole = str(tmp_path / "output/a.png")
    assert folder_paths.get_annotated_filepath(whole) == whole and folder_paths.exists_annotated_filepath(whole)
    assert not folder_paths.exists_annotated_filepath(whole + ".jpg")
    assert not folder_paths.exists_annotated_filepath("a.png")
    with pytest.raises(FileProblem):
        folder_paths.get_annotated_filepath("../../etc/passwd")
    assert not folder_paths.exists_annotated_filepath("../output/a.png")


def test_a_place_to_save_is_made_and_numbered_and_stays_inside(folders: Folders, tmp_path: Path) -> None:
    output = folder_paths.get_output_directory()
    place = folder_paths.get_save_image_path("sub/pic_%width%", output, 640, 480)
    assert place == (str(tmp_path / "output/sub"), "pic_640", 1, "sub", "sub/pic_640")
    assert os.path.isdir(place[0])
    put(Path(place[0]) / "pic_640_00007_.png")
    assert folder_paths.get_save_image_path("sub/pic_%width%", output, 640, 480)[2] == 8
    other = folder_paths.get_save_image_path("p", str(tmp_path / "own"))
    assert (other[0], other[3]) == (str(tmp_path / "own"), "")
    with pytest.raises(FileProblem):
        folder_paths.get_save_image_path("../p", output)


def test_folders_below_the_input_folder_are_listed(folders: Folders, tmp_path: Path) -> None:
    put(tmp_path / "input/b/c/x.png")
    (tmp_path / "input/a").mkdir()
    assert folder_paths.get_input_subfolders() == ["a", "b", "b/c"]


def test_files_are_told_apart_by_content_and_ending() -> None:
    names = ["a.png", "b.webp", "c.mp4", "d.wav", "e.glb", "f.txt", "g"]
    assert folder_paths.filter_files_content_types(names, ["image"]) == ["a.png", "b.webp"]
    assert folder_paths.filter_files_content_types(names, ["video", "audio", "model"]) == ["c.mp4", "d.wav", "e.glb"]
    assert folder_paths.filter_files_extensions(["b.PT", "a.pt", "c"], {".pt"}) == ["a.pt", "b.PT"]


def test_users_folders_refuse_names_that_lead_elsewhere(folders: Folders, tmp_path: Path) -> None:
    assert folder_paths.get_public_user_directory("ann") == str(tmp_path / "user/ann")
    assert folder_paths.get_public_user_directory("__system") is None
    assert folder_paths.get_public_user_directory("../x") is None
    assert folder_paths.get_system_user_directory("manager") == str(tmp_path / "user/__manager")
    with pytest.raises(ValueError, match="cannot be a system user"):
        folder_paths.get_system_user_directory("../x")
