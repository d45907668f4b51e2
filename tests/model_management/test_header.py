import struct

import pytest

from heddle.graph.errors import WeightsError
from model_management.header import read_header
from tests.model_management.tiny import write_raw

ONE = {"a.weight": {"dtype": "F16", "shape": [2, 3], "data_offsets": [0, 12]}}
TWO = {
    "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
    "b": {"dtype": "U8", "shape": [3], "data_offsets": [8, 11]},
}


def test_names_shapes_and_metadata_are_read(tmp_path):
    path = write_raw(tmp_path / "m.safetensors", {"__metadata__": {"format": "pt"}, **ONE}, bytes(12))
    header = read_header(path)
    assert header.shape("a.weight") == (2, 3)
    assert header.metadata == {"format": "pt"}
    assert "a.weight" in header and "b" not in header


def test_a_header_filled_up_with_spaces_is_read(tmp_path):
    assert "a" in read_header(write_raw(tmp_path / "m.safetensors", repr_json(TWO) + b"     ", bytes(11)))


def repr_json(table) -> bytes:
    return repr(table).replace("'", '"').encode()


def test_a_real_checkpoint_is_read(checkpoint):
    header = read_header(checkpoint)
    assert header.shape("model.diffusion_model.input_blocks.0.0.weight") == (32, 4, 3, 3)


def test_a_tensor_that_is_not_there_is_named(tmp_path):
    header = read_header(write_raw(tmp_path / "m.safetensors", ONE, bytes(12)))
    with pytest.raises(WeightsError, match=r"m\.safetensors: the tensor b\.weight is missing") as refused:
        header.shape("b.weight")
    assert refused.value.key == "b.weight"


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(WeightsError, match="does not exist") as refused:
        read_header(tmp_path / "gone.safetensors")
    assert refused.value.file == str(tmp_path / "gone.safetensors")


def test_a_folder_is_no_model(tmp_path):
    with pytest.raises(WeightsError, match="is a folder"):
        read_header(tmp_path)


@pytest.mark.parametrize("share", [0.0005, 0.01, 0.3, 0.7, 0.999])
def test_a_download_that_broke_off_anywhere_is_called_cut_short(tmp_path, checkpoint, share):
    whole = checkpoint.read_bytes()
    path = tmp_path / "part.safetensors"
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(WeightsError, match=r"part\.safetensors is cut short.*download it again"):
        read_header(path)


@pytest.mark.parametrize("length", [1, 7, 8, 9, 100])
def test_the_very_first_bytes_alone_are_called_cut_short(tmp_path, checkpoint, length):
    path = tmp_path / "part.safetensors"
    path.write_bytes(checkpoint.read_bytes()[:length])
    with pytest.raises(WeightsError, match="cut short"):
        read_header(path)


def test_one_missing_byte_is_counted(tmp_path):
    with pytest.raises(WeightsError, match="1 of its 12 bytes of weights are missing"):
        read_header(write_raw(tmp_path / "m.safetensors", ONE, bytes(11)))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "empty"),
        (b"PK\x03\x04\x14\x00\x00\x00\x08\x08archive/data.pkl" + bytes(99), "damaged zip file, or cut short"),
        (b"\x80\x02}q\x00(X\x0a\x00state_dict" + bytes(99), "damaged, or no file of weights"),
        (b"<!DOCTYPE html><html><body>Log in</body></html>", "web page.*download the file again"),
        (b"\n\n<html><head><title>404</title></head></html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 4265146304\n", "git-lfs pointer"),
        (b"GGUF\x03\x00\x00\x00" + bytes(99), "GGUF"),
        (b'{"metadata": {"total_size": 12}, "weight_map": {}}', "JSON text"),
        (b"\x1f\x8b\x08\x00" + bytes(99), "gzip"),
        (b"\xff" * 200, "promise a header of"),
        (b"just some notes that were renamed", "promise a header of"),
        (bytes(200), "no JSON text"),
    ],
)
def test_what_a_stranger_is_gets_said(tmp_path, content, found):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=rf"(?s)model\.safetensors is .*{found}") as refused:
        read_header(path)
    assert refused.value.file == str(path)


def test_an_absurd_header_length_is_not_believed(tmp_path):
    path = tmp_path / "m.safetensors"
    path.write_bytes(struct.pack("<Q", 2**62) + b"{" + bytes(64))
    with pytest.raises(WeightsError, match="promise a header of 4,611,686,018,427,387,904 bytes"):
        read_header(path)


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (b"{not json", "no JSON text"),
        (b"\xff\xfe{}", "no JSON text"),
        (b"[" * 100_000, "no JSON text"),
        (b"[1, 2]", "no table"),
        (b"{}", "without a tensor"),
        ({"a": 3}, "does not say type, shape and place of a"),
        ({"a": {"dtype": "F16", "shape": [1]}}, "does not say type, shape and place of a"),
        ({"a": {"dtype": "F16", "shape": [1], "data_offsets": [0, 1, 2]}}, "does not say"),
        ({"a": {"dtype": "F16", "shape": [-6], "data_offsets": [0, 12]}}, "impossible"),
        ({"a": {"dtype": "F16", "shape": [6.0], "data_offsets": [0, 12]}}, "impossible"),
        ({"a": {"dtype": "F16", "shape": [True], "data_offsets": [0, 2]}}, "impossible"),
        ({"a": {"dtype": "F16", "shape": [6], "data_offsets": [12, 0]}}, "takes -12 bytes"),
        ({"a": {"dtype": "F17", "shape": [6], "data_offsets": [0, 12]}}, "type 'F17'"),
        (
            {"a": {"dtype": "F16", "shape": [7], "data_offsets": [0, 12]}},
            r"takes 12 bytes where 14 bytes for F16 \[7\]",
        ),
        ({"a": {"dtype": "U8", "shape": [8], "data_offsets": [4, 12]}}, "leaves a gap"),
        (
            {
                "a": {"dtype": "U8", "shape": [8], "data_offsets": [0, 8]},
                "b": {"dtype": "U8", "shape": [6], "data_offsets": [6, 12]},
            },
            "b begins at byte 6 and overlaps",
        ),
        ({"a": {"dtype": "U8", "shape": [9], "data_offsets": [0, 9]}}, "3 bytes follow after its last tensor"),
        (b'{"a": {"dtype":"U8","shape":[12],"data_offsets":[0,12]}, "a": {"dtype":"U8"}}', "names a twice"),
    ],
)
def test_a_header_that_breaks_the_formats_rules_is_refused(tmp_path, header, found):
    with pytest.raises(WeightsError, match=found):
        read_header(write_raw(tmp_path / "m.safetensors", header, bytes(12)))
