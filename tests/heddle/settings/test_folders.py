import logging
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heddle.graph.errors import FileProblem, SettingsError, WeightsError
from heddle.settings import listings as module
from heddle.settings.file_names import split_annotation
from heddle.settings.folders import ROOTS, Folders
from heddle.settings.options import HOUSE, Settings


def folders_in(base: Path, **settings: object) -> Folders:
    return Folders.from_settings(Settings(base_directory=base, **settings))  # type: ignore[arg-type]


def put(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def settle(root: Path) -> None:
    """Make every folder's time older than the moment in which a listing distrusts it."""
    for folder, _, _ in os.walk(root):
        os.utime(folder, (time.time() - 60, time.time() - 60))


class TestPlaces:
    def test_everything_lies_below_the_base_unless_told_otherwise(self, tmp_path: Path):
        folders = folders_in(tmp_path)
        assert [getattr(folders, root) for root in ROOTS] == [tmp_path / root for root in ROOTS]
        elsewhere = folders_in(tmp_path, output_directory=tmp_path / "o", user_directory=tmp_path / "u")
        assert (elsewhere.output, elsewhere.user) == (tmp_path / "o", tmp_path / "u")

    def test_temp_is_a_folder_of_its_own_inside_the_one_named(self, tmp_path: Path):
        assert folders_in(tmp_path, temp_directory=Path("/tmp")).temp == Path("/tmp/temp")

    def test_nothing_is_made_by_asking(self, tmp_path: Path):
        folders = folders_in(tmp_path / "new")
        assert folders.list_files("loras") == [] and folders.list_files("output") == []
        assert folders.resolve("output", "a", "b.png") == tmp_path / "new/output/a/b.png"
        assert not (tmp_path / "new").exists()

    def test_models_that_ship_are_found_from_any_base(self, tmp_path: Path):
        places = folders_in(tmp_path).models("checkpoints")
        assert places == [tmp_path / "models/checkpoints", HOUSE / "models/checkpoints"]

    def test_an_unknown_kind_is_refused(self, tmp_path: Path):
        with pytest.raises(SettingsError, match="checkpoints"):
            folders_in(tmp_path).list_files("cehckpoints")


class TestListing:
    def test_names_are_sorted_without_regard_to_case_and_have_forward_slashes(self, tmp_path: Path):
        for name in ("b.safetensors", "A.ckpt", "sub/deep/c.PT", "readme.txt", ".hidden.pt", "sub/.git/x.pt"):
            put(tmp_path / "models/loras" / name)
        assert folders_in(tmp_path).list_files("loras") == ["A.ckpt", "b.safetensors", "sub/deep/c.PT"]

    def test_older_folder_names_count_too(self, tmp_path: Path):
        put(tmp_path / "models/clip/l.safetensors")
        put(tmp_path / "models/text_encoders/t5.safetensors")
        put(tmp_path / "models/unet/u.safetensors")
        folders = folders_in(tmp_path)
        assert folders.list_files("text_encoders") == folders.list_files("clip") == ["l.safetensors", "t5.safetensors"]
        assert folders.find("diffusion_models", "u.safetensors") == tmp_path / "models/unet/u.safetensors"

    def test_a_new_file_shows_at_once(self, tmp_path: Path):
        folders = folders_in(tmp_path)
        for name in ("a.pt", "sub/b.pt", "sub/c.pt"):
            put(tmp_path / "models/vae" / name)
            assert name in folders.list_files("vae")
        (tmp_path / "models/vae/a.pt").unlink()
        assert folders.list_files("vae") == ["sub/b.pt", "sub/c.pt"]

    def test_an_unchanged_tree_is_not_walked_again(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        put(tmp_path / "models/vae/sub/a.pt")
        settle(tmp_path)
        folders = folders_in(tmp_path)
        folders.list_files("vae")
        monkeypatch.setattr(module, "_walk", lambda *_: pytest.fail("walked again"))
        assert folders.list_files("vae") == ["sub/a.pt"]
        monkeypatch.undo()
        put(tmp_path / "models/vae/sub/b.pt")
        assert folders.list_files("vae") == ["sub/a.pt", "sub/b.pt"]

    def test_links_in_circles_end(self, tmp_path: Path):
        root = tmp_path / "models/loras"
        put(root / "a/x.pt")
        (root / "a/up").symlink_to(root)
        (root / "self").symlink_to("self")
        (root / "b").symlink_to(root / "a")
        assert folders_in(tmp_path).list_files("loras") == ["a/x.pt"]

    def test_a_linked_folder_elsewhere_is_listed_and_found(self, tmp_path: Path):
        put(tmp_path / "disk/x.pt")
        (tmp_path / "base/models").mkdir(parents=True)
        (tmp_path / "base/models/loras").symlink_to(tmp_path / "disk")
        folders = folders_in(tmp_path / "base")
        assert folders.list_files("loras") == ["x.pt"]
        assert folders.find("loras", "x.pt").is_file()

    def test_a_huge_tree_is_cut_off_and_said(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ):
        monkeypatch.setattr(module, "MAX_LISTED", 5)
        for n in range(20):
            put(tmp_path / f"models/loras/{n:02}.pt")
        with caplog.at_level(logging.WARNING):
            assert len(folders_in(tmp_path).list_files("loras")) == 5
        assert "not listed" in caplog.text

    def test_a_name_that_is_no_text_is_left_out(self, tmp_path: Path):
        put(tmp_path / "models/loras/a.pt")
        try:
            (tmp_path / "models/loras" / os.fsdecode(b"\xff.pt")).touch()
        except OSError:
            pytest.skip("this disk takes no such names")
        assert folders_in(tmp_path).list_files("loras") == ["a.pt"]

    def test_inputs_are_pictures_and_none_from_outside(self, tmp_path: Path):
        put(tmp_path / "secret.png")
        put(tmp_path / "input/sub/a.PNG")
        put(tmp_path / "input/notes.txt")
        (tmp_path / "input/link.png").symlink_to(tmp_path / "secret.png")
        names = folders_in(tmp_path).list_files("input")
        assert "sub/a.PNG" in names
        assert "link.png" not in names and "notes.txt" not in names

    def test_a_diffusers_model_is_a_folder(self, tmp_path: Path):
        put(tmp_path / "models/diffusers/tiny/model_index.json")
        put(tmp_path / "models/diffusers/other/readme.txt")
        folders = folders_in(tmp_path)
        assert folders.list_files("diffusers") == ["tiny"]
        assert folders.find("diffusers", "tiny").is_dir()


class TestFinding:
    def test_a_missing_model_lists_similar_names(self, tmp_path: Path):
        put(tmp_path / "models/loras/sd15/Cats_v2.safetensors")
        put(tmp_path / "models/loras/dogs.safetensors")
        folders = folders_in(tmp_path)
        with pytest.raises(WeightsError, match=r"Similar.*sd15/Cats_v2\.safetensors"):
            folders.find("loras", "cats_v2.safetensors")
        with pytest.raises(WeightsError, match="Nothing of that kind"):
            folders.find("gligen", "x.safetensors")

    def test_backslashes_of_another_system_lead_to_the_same_file(self, tmp_path: Path):
        put(tmp_path / "models/loras/sd15/a.pt")
        assert folders_in(tmp_path).find("loras", "sd15\\a.pt") == tmp_path / "models/loras/sd15/a.pt"

    @pytest.mark.parametrize(
        "name", ["../secret.pt", "/etc/passwd", "a/../../secret.pt", "C:\\x.pt", "", "x.txt", "sub"]
    )
    def test_only_models_below_the_folder_are_found(self, tmp_path: Path, name: str):
        put(tmp_path / "models/secret.pt")
        put(tmp_path / "models/loras/x.txt")
        put(tmp_path / "models/loras/sub/y.pt")
        with pytest.raises(WeightsError):
            folders_in(tmp_path).find("loras", name)


HOSTILE = [
    "../x", "a/../../x", "..", "a/..", "..\\x", "a\\..\\..\\x", "/etc/passwd", "\\\\host\\share\\x", "//host/share/x",
    "C:\\x", "C:x", "c:/x", "x.png:stream", "x\0.png", "a\nb", ".. /x", ".../x", "... ", "CON", "nul.png", "a/COM1.txt",
    "\ud800.png", "y" * 300,
]  # fmt: skip


class TestResolving:
    @pytest.mark.parametrize("root", ROOTS)
    @pytest.mark.parametrize("name", HOSTILE)
    def test_what_could_leave_the_root_is_refused(self, tmp_path: Path, root: str, name: str):
        folders = folders_in(tmp_path)
        with pytest.raises(FileProblem):
            folders.resolve(root, "", name)
        with pytest.raises(FileProblem):
            folders.resolve(root, name, "x.png")

    def test_an_unknown_root_is_refused(self, tmp_path: Path):
        for root in ("models", "base", "__class__", ""):
            with pytest.raises(FileProblem, match="input, output"):
                folders_in(tmp_path).resolve(root, "", "x.png")

    @pytest.mark.parametrize("target", ["../..", "/etc"])
    def test_a_link_that_leaves_the_root_is_refused(self, tmp_path: Path, target: str):
        (tmp_path / "output").mkdir()
        (tmp_path / "output/way").symlink_to(target)
        with pytest.raises(FileProblem, match="link"):
            folders_in(tmp_path).resolve("output", "way", "x.png")

    def test_a_link_that_stays_inside_is_followed(self, tmp_path: Path):
        put(tmp_path / "output/a/x.png")
        (tmp_path / "output/b").symlink_to("a")
        assert folders_in(tmp_path).resolve("output", "b", "x.png").read_text() == "x"

    def test_the_root_itself_may_be_a_link(self, tmp_path: Path):
        put(tmp_path / "disk/x.png")
        (tmp_path / "output").symlink_to(tmp_path / "disk")
        assert folders_in(tmp_path).resolve("output", "", "x.png").read_text() == "x"

    def test_a_neighbour_whose_name_begins_alike_is_outside(self, tmp_path: Path):
        put(tmp_path / "output2/x.png")
        (tmp_path / "output").mkdir()
        (tmp_path / "output/way").symlink_to("../output2")
        with pytest.raises(FileProblem):
            folders_in(tmp_path).resolve("output", "way", "x.png")

    @pytest.mark.parametrize(
        ("subfolder", "filename", "wanted"),
        [
            ("", "x.png", "x.png"),
            ("a/b", "x.png", "a/b/x.png"),
            ("a\\b", "x.png", "a/b/x.png"),
            ("", "a/x.png", "a/x.png"),
            ("./a//", "./x.png", "a/x.png"),
            ("bücher", "日本 1.png", "bücher/日本 1.png"),
            ("a", "", "a"),
            ("", "..x.png", "..x.png"),
        ],
    )
    def test_ordinary_names_go_below_the_root(self, tmp_path: Path, subfolder: str, filename: str, wanted: str):
        assert folders_in(tmp_path).resolve("output", subfolder, filename) == tmp_path / "output" / wanted

    @given(
        st.lists(
            st.sampled_from(["..", ".", "/", "\\", "a", "~", ":", "C", " ", "\0", "%2e", "．．", "\u202e"]), max_size=8
        ),
        st.text(max_size=20),
    )
    def test_no_name_leads_out_of_its_root(self, pieces: list[str], text: str):
        base = Path("/no/such/base")
        for name in ("".join(pieces), text, "".join(pieces) + text):
            try:
                path = folders_in(base).resolve("output", name, "x.png")
            except FileProblem:
                continue
            assert Path(os.path.normpath(path)).is_relative_to(base / "output")
            assert path.name == "x.png"


class TestAnnotatedNames:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("a.png", ("a.png", "input")),
            ("a.png [output]", ("a.png", "output")),
            ("s/a.png [temp]", ("s/a.png", "temp")),
            ("a.png [input]", ("a.png", "input")),
            ("a [1].png", ("a [1].png", "input")),
            ("a.png [user]", ("a.png [user]", "input")),
        ],
    )
    def test_the_suffix_says_which_root(self, name: str, expected: tuple[str, str]):
        assert split_annotation(name) == expected

    def test_the_file_is_found_where_the_suffix_says(self, tmp_path: Path):
        put(tmp_path / "output/s/a.png")
        folders = folders_in(tmp_path)
        assert folders.annotated("s/a.png [output]") == tmp_path / "output/s/a.png"
        with pytest.raises(FileProblem, match="upload"):
            folders.annotated("s/a.png")
        with pytest.raises(FileProblem):
            folders.annotated("../a.png [output]")

    def test_a_picture_that_ships_is_an_input_everywhere(self, tmp_path: Path):
        put(tmp_path / "house/example.png", "shipped")
        folders = folders_in(tmp_path / "base")
        object.__setattr__(folders, "shipped_input", tmp_path / "house")
        assert folders.annotated("example.png").read_text() == "shipped"
        assert folders.list_files("input") == ["example.png"]
        put(tmp_path / "base/input/example.png", "own")
        assert folders.annotated("example.png").read_text() == "own"


class TestExtraModelPaths:
    def test_folders_come_by_kind_several_on_lines_of_their_own(self, tmp_path: Path):
        config = put(
            tmp_path / "conf/extra.yaml",
            "mine:\n  base_path: ../shelf\n  loras: |\n    one\n    two\n"
            "  unet: nets\n  custom_nodes: packs\n  my_kind: own\nempty:\n",
        )
        put(tmp_path / "shelf/two/x.pt")
        put(tmp_path / "shelf/own/y.safetensors")
        folders = folders_in(tmp_path / "base", extra_model_paths=(config,))
        assert folders.models("loras")[1:3] == [tmp_path / "shelf/one", tmp_path / "shelf/two"]
        assert tmp_path / "shelf/nets" in folders.models("diffusion_models")
        assert folders.custom_nodes == (tmp_path / "base/custom_nodes", tmp_path / "shelf/packs")
        assert folders.find("loras", "x.pt") == tmp_path / "shelf/two/x.pt"
        assert folders.list_files("my_kind") == ["y.safetensors"]

    def test_a_default_section_comes_first(self, tmp_path: Path):
        config = put(tmp_path / "e.yaml", f"a:\n  base_path: {tmp_path}/shelf\n  is_default: true\n  vae: v\n")
        put(tmp_path / "shelf/v/same.pt", "shelf")
        put(tmp_path / "models/vae/same.pt", "base")
        folders = folders_in(tmp_path, extra_model_paths=(config,))
        assert folders.find("vae", "same.pt").read_text() == "shelf"
        assert folders.list_files("vae") == ["same.pt"]

    def test_the_layout_of_the_other_program_needs_only_its_folder(self, tmp_path: Path):
        put(tmp_path / "webui/models/Stable-diffusion/m.safetensors")
        put(tmp_path / "webui/models/LyCORIS/l.safetensors")
        put(tmp_path / "comfy/models/loras/c.safetensors")
        config = put(tmp_path / "e.yaml", "a111:\n  base_path: webui\nother:\n  base_path: comfy/\n")
        folders = folders_in(tmp_path / "base", extra_model_paths=(config,))
        assert "m.safetensors" in folders.list_files("checkpoints")
        assert folders.list_files("loras") == ["c.safetensors", "l.safetensors"]

    def test_the_file_in_the_base_folder_is_read_unasked(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("SHELF", str(tmp_path / "shelf"))
        put(tmp_path / "extra_model_paths.yaml", "a:\n  vae:\n    - $SHELF/v\n    - ~/w\n")
        places = folders_in(tmp_path).models("vae")
        assert tmp_path / "shelf/v" in places and Path.home() / "w" in places

    @pytest.mark.parametrize(
        ("text", "hint"),
        [
            ("a: [", "line"),
            ("just text", "sections"),
            ("a: 3", "folders by kind"),
            ("a:\n  vae: 3", "one folder per line"),
            ("a:\n  base_path: [x]\n  vae: y", "base_path"),
            ("\0", "YAML"),
        ],
    )
    def test_a_file_that_makes_no_sense_is_named(self, tmp_path: Path, text: str, hint: str):
        config = put(tmp_path / "e.yaml", text)
        with pytest.raises(SettingsError, match=hint) as caught:
            folders_in(tmp_path, extra_model_paths=(config,))
        assert "e.yaml" in caught.value.message


class TestKindsOfPacks:
    def test_what_packs_added_or_changed_is_told_and_listed_elsewhere(self, tmp_path: Path):
        here, there = folders_in(tmp_path), folders_in(tmp_path)
        assert here.changed_kinds() == {}
        kinds = here.live_kinds
        assert here.changed_kinds() == {}, "a look changes nothing"
        kinds["voices"] = ([str(tmp_path / "voices")], {".Voice"})
        kinds["loras"][0].append(str(tmp_path / "more"))
        kinds["odd"] = None  # type: ignore[assignment]
        kinds["text"] = "no folders"  # type: ignore[assignment]
        told = here.changed_kinds()
        assert sorted(told) == ["loras", "voices"]
        assert told["voices"] == {"folders": [str(tmp_path / "voices")], "extensions": [".voice"]}
        put(tmp_path / "voices/deep.voice")
        put(tmp_path / "voices/deep.txt")
        put(tmp_path / "more/a.safetensors")
        there.take_kinds(told)
        assert there.list_files("voices") == ["deep.voice"] and there.list_files("loras") == ["a.safetensors"]
        assert "voices" in there.places and "custom_nodes" not in there.places
        there.take_kinds({})
        assert "voices" not in there.places and there.list_files("loras") == []

    def test_a_relative_folder_is_not_taken(self, tmp_path: Path):
        folders = folders_in(tmp_path)
        folders.take_kinds({"voices": {"folders": ["voices"], "extensions": []}})
        assert folders.places["voices"] == []

    def test_a_file_has_the_name_under_which_it_is_listed(self, tmp_path: Path):
        folders = folders_in(tmp_path)
        path = put(tmp_path / "models/checkpoints/sub/a.safetensors")
        assert folders.name_of(path) == "sub/a.safetensors"
        assert folders.name_of(path) in folders.list_files("checkpoints")
        assert folders.name_of(tmp_path / "elsewhere.safetensors") == "elsewhere.safetensors"
