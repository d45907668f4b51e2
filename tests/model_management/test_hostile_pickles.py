"""Files of torch.save that are damaged, hostile or something else: refused in words, and nothing of them runs."""

import pickle
import struct
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from heddle.graph.errors import WeightsError
from model_management.header import read_header
from model_management.tensor_reading import read_torch_content
from tests.model_management.pickle_files import BOTH, described, in_older_form, in_zip, save, some_tensors, tensors_of


class Trap:
    """Runs something when Python's own unpickler reads it."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


@BOTH
def test_code_is_not_run_and_all_of_it_is_named(tmp_path: Path, is_zip: bool) -> None:
    sprung = tmp_path / "sprung"
    content = {"a": torch.ones(1), "x": Trap(Path.touch, sprung), "y": Trap(eval, "1"), "z": Trap(getattr, 1, "real")}
    path = save(tmp_path / "m.ckpt", content, is_zip)
    with pytest.raises(WeightsError, match=r"m\.ckpt.*can run code") as refused:
        read_header(path)
    assert all(name in refused.value.message for name in ("builtins.getattr", "builtins.eval"))
    assert not sprung.exists()


class Custom(nn.Module):
    pass


def test_a_whole_program_object_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"test_hostile_pickles\.Custom"):
        read_header(save(tmp_path / "m.pt", {"model": Custom(), "a": torch.ones(1)}))


@pytest.mark.parametrize(
    ("pickled", "words"),
    [
        (described(offset=-1), "begins outside"),
        (described(offset=1), "reaches beyond"),
        (described(offset=2**62), "reaches beyond"),
        (described(shape=(5,)), "reaches beyond"),
        (described(shape=(2**40, 2**40), strides=(0, 0)), "reaches beyond"),
        (described(strides=(-1,)), "from 0 on"),
        (described(shape=(-4,)), "from 0 on"),
        (described(shape=(2, 2)), "2 sizes, but 1 strides"),
        (described(shape=(4.0,)), "from 0 on"),
        (described(shape="wide"), "no list of numbers"),
        (described(count=5), "16 bytes where 5 numbers"),
        (described(count=-4), "no whole number"),
        (described(kind=torch.DoubleStorage), "16 bytes where 4 numbers of type F64"),
        (described(key="1"), "data/1 is missing"),
        (described(key="../data.pkl"), r"data/\.\./data\.pkl is missing"),
        (described(kind=torch.QInt8Storage), "QInt8Storage"),
        (b"\x80\x02}q\x00.", "without a table of tensors"),
        (b"\x80\x02]q\x00.", "without a table of tensors"),
        (b"\x80\x02K\x01.", "without a table of tensors"),
        (b"\x80\x02.", "makes no sense"),
        (b"\x80\x02}", "makes no sense"),
        (b"", "makes no sense"),
        (b"\x80\x02}}}s.", "without a table"),
        (b"\x80\x02}X\x01\x00\x00\x00aK\x01X\x01\x00\x00\x00aK\x02(u.", "makes no sense|no table"),
        (b"\x80\x02}(X\x01\x00\x00\x00aK\x01X\x01\x00\x00\x00aK\x02u.", "key 'a' twice"),
        (b"\x80\x02K\x01K\x02R.", "calls what cannot be called"),
        (b"\x80\x02h\x05.", "makes no sense"),
        (b"\x80\x02\x82\x01.", "uses EXT1"),
        (b"\x80\x02K\x01Q.", "refers to a storage"),
        (b"\x80\x02K\x01\x87.", "never put down"),
        (b"\x80\x04" + b"\x8e" + b"\xff" * 8 + b".", "makes no sense"),
        (b"(ios\nsystem\n.", r"os\.system"),
        (b"cos\nsystem\n(Vecho\ntR.", r"os\.system"),
        (b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x01a\x85R.", r"posix\.system"),
    ],
)
def test_a_hostile_pickle_is_refused_with_words(tmp_path: Path, pickled: bytes, words: str) -> None:
    path = in_zip(tmp_path / "m.pt", pickled)
    with pytest.raises(WeightsError, match=rf"m\.pt is .*(?:{words})"):
        read_header(path)


@pytest.mark.parametrize(
    "pickled",
    [
        b"\x80\x02" + b"(" * 300_000 + b"." * 5,
        b"\x80\x02" + b"]" * 300_000 + b"a" * 299_999 + b".",
        b"\x80\x02" + b")" + b"\x85" * 300_000 + b".",
        b"\x80\x02})" + b"\x85" * 300_000 + b"K\x01s.",  # a key that cannot be hashed without going as deep
        b"\x80\x02Nr\xff\xff\xff\xff.",  # the memo's last place
        b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s.",  # a table that holds itself
        b"\x80\x02}q\x00X\x05\x00\x00\x00modelh\x00s.",
        b"\x80\x02]q\x00h\x00a.",
        b"\x80\x02](" + b"N" * 200_000 + b"eq\x00](" + b"h\x00" * 200_000 + b"e.",
        # Tables of ten entries, each of which is the one before: ten to the power of twenty names.
        b"\x80\x02}q\x00"
        + b"".join(
            b"}("
            + b"".join(b"X\x01\x00\x00\x00" + b"%d" % i + b"h" + bytes([level]) for i in range(10))
            + b"uq"
            + bytes([level + 1])
            for level in range(20)
        )
        + b".",
        b"\x80\x02c_codecs\nencode\nq\x01X\x40\x42\x0f\x00"
        + b"a" * 1_000_000
        + b"q\x020"
        + b"h\x01h\x02\x85R0" * 20_000
        + b"N.",
    ],
    ids=[
        "marks",
        "lists",
        "tuples",
        "keys",
        "memo",
        "itself",
        "itself as model",
        "list of itself",
        "long lists",
        "tables of tables",
        "bytes",
    ],
)
def test_a_pickle_that_asks_for_much_gets_little(tmp_path: Path, pickled: bytes) -> None:
    path = in_zip(tmp_path / "m.pt", pickled)
    began = time.process_time()
    for read in (read_header, read_torch_content):
        try:
            read(path)
        except WeightsError:
            continue
        assert read is read_torch_content  # which takes anything
    assert time.process_time() - began < 20


def array_pickle(data: bytes, times: int = 1) -> bytes:
    """Arrays of float32 over the same letters, as protocol 2 has them, by the names 0, 1, 2 ..."""
    letters = b"c_codecs\nencode\nX" + struct.pack("<I", len(data)) + data + b"q\x01X\x06\x00\x00\x00latin1\x86Rq\x020"
    count = pickle.dumps((len(data.decode()) // 4,), protocol=2)[2:-1]
    one = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R" + (
        b"(K\x01" + count.replace(b"q\x00", b"") + b"cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R\x89h\x02tb"
    )
    entries = b"".join(b"X" + struct.pack("<I", len(str(i))) + str(i).encode() + one for i in range(times))
    return b"\x80\x02" + letters + b"}(" + entries + b"u."


def test_arrays_of_letters_that_are_no_bytes_or_far_too_many_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    assert tensors_of(in_zip(path, array_pickle(b"\0\0\0\0"), {}))["0"].tolist() == [0.0]
    with pytest.raises(WeightsError, match="a letter that is no byte"):
        read_header(in_zip(path, array_pickle("abcʰ".encode()), {}))
    with pytest.raises(WeightsError, match="more room than the file"):
        read_header(in_zip(path, array_pickle(b"a" * 1_000_000, times=1000), {}))
    with pytest.raises(WeightsError, match="more room than the file"):
        read_torch_content(in_zip(path, array_pickle(b"a" * 1_000_000, times=1000), {}))


def test_more_steps_than_any_checkpoint_has_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model_management.pickled.MOST_INSTRUCTIONS", 1000)
    with pytest.raises(WeightsError, match="more than 1,000 steps"):
        read_header(in_zip(tmp_path / "m.pt", b"\x80\x02" + b"N0" * 1000 + b"N."))


@BOTH
@pytest.mark.parametrize("share", [0.05, 0.3, 0.7, 0.99])
def test_a_file_that_broke_off_is_refused(tmp_path: Path, is_zip: bool, share: float) -> None:
    whole = save(tmp_path / "whole.pt", some_tensors(), is_zip).read_bytes()
    path = tmp_path / "m.pt"
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(WeightsError, match=r"m\.pt is .*(?:cut short|damaged)"):
        read_header(path)


@BOTH
def test_any_byte_may_be_damaged_without_another_error(tmp_path: Path, is_zip: bool) -> None:
    whole = bytearray(save(tmp_path / "whole.pt", {"state_dict": some_tensors(), "x": np.ones(2)}, is_zip).read_bytes())
    generator = np.random.default_rng(5)
    path = tmp_path / "m.pt"
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(generator.integers(1, 4)):
            damaged[generator.integers(len(damaged))] = generator.integers(256)
        path.write_bytes(damaged)
        try:
            tensors_of(path)
            read_torch_content(path)
        except WeightsError:
            pass


def test_zip_files_of_other_kinds_are_told(tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("picture.png", b"x")
    with pytest.raises(WeightsError, match=r"none that torch\.save wrote"):
        read_header(path)
    with pytest.raises(WeightsError, match="TorchScript"):
        read_header(in_zip(path, described(), more={"constants.pkl": b""}))
    with pytest.raises(WeightsError, match="another byte order"):
        read_header(in_zip(path, described(), more={"byteorder": b"big"}))
    with pytest.raises(WeightsError, match="without compression"):
        read_header(in_zip(path, described(), compression=zipfile.ZIP_DEFLATED))


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (in_older_form(described(), {"0": [1, 2, 3, 4]}, little_endian=False), "another byte order"),
        (in_older_form(described(), {"0": [1, 2, 3]}), "12 bytes where 4 numbers"),
        (in_older_form(described(), {}), "1 of its storages are missing"),
        (in_older_form(described(), {"0": [1, 2, 3, 4], "1": [1]}), "stored twice or spoken of nowhere"),
        (in_older_form(described(), {"0": [1, 2, 3, 4], 0: [1, 2, 3, 4]}), "stored twice"),
        (in_older_form(described(view=("v", 2, 3)), {"0": [1, 2, 3, 4]}), "view of storage 0 reaches beyond"),
        (in_older_form(described(view=("v", -1, 3)), {"0": [1, 2, 3, 4]}), "no whole number"),
        (in_older_form(described(), {"0": [1, 2, 3, 4]})[:-1], "cut short: 1 bytes of storage 0"),
    ],
)
def test_the_older_form_is_checked_as_well(tmp_path: Path, file: bytes, words: str) -> None:
    (tmp_path / "m.pt").write_bytes(file)
    with pytest.raises(WeightsError, match=rf"m\.pt is .*{words}"):
        read_header(tmp_path / "m.pt")


def test_a_pickle_that_torch_did_not_write_is_told(tmp_path: Path) -> None:
    path = tmp_path / "m.pkl"
    path.write_bytes(pickle.dumps({"a": [1, 2, 3]}, protocol=4))
    with pytest.raises(WeightsError, match=r"torch\.save did not write"):
        read_header(path)
