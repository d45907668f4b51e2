"""How files are read: in order and once, whatever kind they are, mapped or not."""

import json
import os
from collections.abc import Callable, Iterator
from io import FileIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from heddle.graph.errors import Cancelled, WeightsError
from model_management import read_ahead as reading
from model_management.checkpoint import open_checkpoint, open_network
from model_management.families.known import FAMILIES
from model_management.read_ahead import read_ahead
from model_management.stored_net import StoredNet, ignore_parts
from model_management.weight_sources import file_weights
from tests.model_management import tiny
from tests.model_management.gguf_files import write_gguf_tensors

PIECE = 50_000


class Recorded:
    """A file that notes which of its bytes are read."""

    def __init__(self, file: FileIO, path: Path, spans: list[tuple[str, int, int]]) -> None:
        self._file, self._name, self._spans = file, path.name, spans

    def __enter__(self) -> "Recorded":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def readinto(self, into: Any) -> int:
        begin = self._file.tell()
        count = self._file.readinto(into)
        assert count is not None
        self._spans.append((self._name, begin, begin + count))
        return count


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, int, int]]]:
    """What is read into pieces of memory: file, first byte, end."""
    found: list[tuple[str, int, int]] = []
    plain = Path.open

    def opened(path: Path, *words: Any, **more: Any) -> Any:
        file = plain(path, *words, **more)
        return Recorded(file, path, found) if isinstance(file, FileIO) else file

    monkeypatch.setattr(Path, "open", opened)
    monkeypatch.setattr(reading, "_is_cached", lambda file, begin, end: False)
    monkeypatch.setattr(reading, "PIECE_BYTES", PIECE)
    yield found


def unet_tensors(dtype: torch.dtype = torch.float16) -> dict[str, Tensor]:
    prefix = tiny.PREFIXES["unet"]
    return {name: each for name, each in tiny.tiny_tensors(dtype).items() if name.startswith(prefix)}


def as_safetensors(folder: Path) -> Path:
    return tiny.write_checkpoint(folder / "m.safetensors", tiny.tiny_tensors())


def as_torch_file(folder: Path) -> Path:
    torch.save({"state_dict": tiny.tiny_tensors()}, folder / "m.ckpt")
    return folder / "m.ckpt"


def as_gguf(folder: Path) -> Path:
    write_gguf_tensors(folder / "m.gguf", unet_tensors())
    return folder / "m.gguf"


def as_shards(folder: Path) -> Path:
    tensors = {name: each.contiguous() for name, each in unet_tensors().items()}
    names, half = list(tensors), len(tensors) // 2
    places: dict[str, str] = {}
    for number, part in enumerate((names[:half], names[half:]), 1):
        file = f"m-{number:05d}-of-00002.safetensors"
        save_file({name: tensors[name] for name in part}, folder / file)
        places |= dict.fromkeys(part, file)
    index = folder / "m.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": places}))
    return index


KINDS = pytest.mark.parametrize("write", [as_safetensors, as_torch_file, as_gguf, as_shards])


def network(path: Path) -> StoredNet:
    return open_network(path, FAMILIES).stored


def is_in_order(spans: list[tuple[str, int, int]]) -> bool:
    """Each byte at most once, files one after the other."""
    return all(
        before[2] <= after[1] if before[0] == after[0] else before[0] < after[0] for before, after in pairwise(spans)
    )


@KINDS
def test_a_net_is_read_ahead_in_order_and_once(
    tmp_path: Path, spans: list[tuple[str, int, int]], write: Callable[[Path], Path]
) -> None:
    stored = network(write(tmp_path))
    told: list[tuple[int, int]] = []
    spans.clear()
    read_ahead(stored, lambda done, total: told.append((done, total)))
    assert is_in_order(spans) and all(end - begin <= PIECE for _, begin, end in spans)
    assert sum(end - begin for _, begin, end in spans) == told[-1][0] == told[-1][1]
    assert len(told) == len(spans) > 3
    entries = [stored.header.tensors[key] for key in stored.used_keys]
    assert sum(entry.end - entry.begin for entry in entries) <= told[-1][1]


def test_only_the_part_of_a_file_that_a_net_uses_is_read(tmp_path: Path, spans: list[tuple[str, int, int]]) -> None:
    stored = open_checkpoint(as_safetensors(tmp_path), FAMILIES).vae.stored
    spans.clear()
    read_ahead(stored, ignore_parts)
    assert sum(end - begin for _, begin, end in spans) < 2 * stored.numel + 3 * PIECE


def test_reading_ahead_ends_when_somebody_cancels(tmp_path: Path, spans: list[tuple[str, int, int]]) -> None:
    stored = network(as_safetensors(tmp_path))
    spans.clear()

    def cancel(done: int, total: int) -> None:
        if done > total / 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        read_ahead(stored, cancel)
    assert sum(end - begin for _, begin, end in spans) <= stored.numel + 2 * PIECE


def test_what_is_in_memory_is_not_read_again(
    tmp_path: Path, spans: list[tuple[str, int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = network(as_safetensors(tmp_path))
    spans.clear()
    monkeypatch.setattr(reading, "_is_cached", lambda file, begin, end: True)
    told: list[tuple[int, int]] = []
    read_ahead(stored, lambda done, total: told.append((done, total)))
    assert not spans and told[-1][0] == told[-1][1]


@pytest.mark.skipif(not hasattr(os, "RWF_NOWAIT"), reason="asks Linux")
def test_a_file_that_was_just_read_is_known_to_be_in_memory(tmp_path: Path) -> None:
    path = as_safetensors(tmp_path)
    size = len(path.read_bytes())
    with path.open("rb") as file:
        assert reading._is_cached(file.fileno(), 0, size)


@KINDS
def test_a_net_that_is_not_mapped_is_read_in_order_and_once_and_has_the_same_weights(
    tmp_path: Path, spans: list[tuple[str, int, int]], write: Callable[[Path], Path]
) -> None:
    path = write(tmp_path)
    stored = network(path)
    mapped = {name: each.stored().numbers().clone() for name, each in file_weights(stored).items()}
    spans.clear()
    told: list[tuple[int, int]] = []
    read = file_weights(stored, is_mapped=False, on_part=lambda done, total: told.append((done, total)))
    in_files = [span for span in spans if span[2] > span[1]]
    assert is_in_order(in_files)
    assert told[-1] == (told[-1][1],) * 2 and len(told) == len(read)
    for file in tmp_path.iterdir():
        os.truncate(file, 0)  # whoever touched a mapping now would end
    assert read.keys() == mapped.keys()
    assert all(torch.equal(each.stored().numbers(), mapped[name]) for name, each in read.items())


def test_a_file_that_ends_while_it_is_read_is_named(tmp_path: Path) -> None:
    stored = network(as_safetensors(tmp_path))

    def cut(done: int, total: int) -> None:
        os.truncate(stored.header.path, 10_000)

    with pytest.raises(WeightsError, match=r"m\.safetensors cannot be read: it ends [\d,]+ bytes too early"):
        file_weights(stored, is_mapped=False, on_part=cut)
