import hashlib
import os
import threading
import time
from pathlib import Path

import pytest

from heddle.settings import file_hashes
from heddle.settings.file_hashes import FileHashes


def wait_for(hashes: FileHashes, path: Path) -> str:
    until = time.monotonic() + 20
    while (found := hashes.known(path)) is None:
        assert time.monotonic() < until, "no hash was computed"
        time.sleep(0.005)
    return found


def test_a_hash_is_computed_beside_and_known_from_then_on_also_elsewhere(tmp_path: Path) -> None:
    model = tmp_path / "a.safetensors"
    model.write_bytes(b"weights")
    hashes = FileHashes(tmp_path / "user" / "hashes.sqlite")
    assert hashes.known(model) is None
    hashes.want([model, model, tmp_path / "missing"])
    assert wait_for(hashes, model) == hashlib.sha256(b"weights").hexdigest()
    assert FileHashes(tmp_path / "user" / "hashes.sqlite").known(model) == hashes.known(model)
    assert hashes.known(tmp_path / "missing") is None


def test_another_file_under_the_same_name_is_unknown(tmp_path: Path) -> None:
    model = tmp_path / "a.safetensors"
    model.write_bytes(b"weights")
    hashes = FileHashes(tmp_path / "hashes.sqlite")
    hashes.compute(model)
    model.write_bytes(b"WEIGHTS")
    os.utime(model, ns=(1, 1))
    assert hashes.known(model) is None
    assert hashes.compute(model) == hashlib.sha256(b"WEIGHTS").hexdigest()
    assert hashes.known(model) is not None


def test_who_asks_what_is_known_never_waits_for_a_file_that_is_being_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "a.safetensors"
    model.write_bytes(b"weights")
    go, real = threading.Event(), hashlib.sha256

    def slowly() -> object:
        go.wait(20)
        return real()

    monkeypatch.setattr(file_hashes.hashlib, "sha256", slowly)
    hashes = FileHashes(tmp_path / "hashes.sqlite")
    hashes.want([model])
    began = time.monotonic()
    assert hashes.known(model) is None
    assert time.monotonic() - began < 5
    go.set()
    wait_for(hashes, model)


def test_a_damaged_or_impossible_place_only_forgets(tmp_path: Path) -> None:
    model = tmp_path / "a.safetensors"
    model.write_bytes(b"weights")
    damaged = tmp_path / "hashes.sqlite"
    damaged.write_bytes(b"no database at all, but long enough to be taken for one" * 100)
    for place in (damaged, model / "below a file.sqlite"):
        hashes = FileHashes(place)
        assert hashes.compute(model) == hashlib.sha256(b"weights").hexdigest()
        assert hashes.known(model) is not None
