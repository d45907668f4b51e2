"""A net's part of its file brought into main memory in order, before it is touched here and there."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from model_management.stored_net import OnPart, StoredNet
from model_management.stored_tensors import Header
from model_management.tensor_reading import data_start

#: So much is read at once: large enough for disks and networks, small enough to show progress and to stop.
PIECE_BYTES = 8 << 20


def read_ahead(stored: StoredNet, on_part: OnPart) -> None:
    """Read the parts of files that hold a net's weights, unless the system has them in memory already.

    What is mapped is otherwise read in small pieces, in the order in which a net touches it: slow where each takes its
    way over a network. on_part is told how far it is, in the file's bytes; may raise.
    """
    spans = [span for header in (stored.header.shards or (stored.header,)) for span in _spans(header, stored.used_keys)]
    total, done = sum(end - begin for _path, begin, end in spans), 0
    for path, begin, end in spans:
        with path.open("rb", buffering=0) as file:
            if _is_cached(file.fileno(), begin, end):
                done += end - begin
                on_part(done, total)
                continue
            piece = memoryview(bytearray(min(PIECE_BYTES, end - begin)))
            file.seek(begin)
            while begin < end and (count := file.readinto(piece[: min(len(piece), end - begin)])):
                begin += count
                done += count
                on_part(done, total)


def _is_cached(file: int, begin: int, end: int) -> bool:
    """Whether samples of a file's part are in memory. Where that cannot be asked, it is read: once too often."""
    if not hasattr(os, "preadv") or not hasattr(os, "RWF_NOWAIT"):
        return False
    sample = bytearray(1)
    places = range(begin, end, max(1, (end - begin) // 64))
    try:
        return all(os.preadv(file, [sample], place, os.RWF_NOWAIT) == 1 for place in places)
    except OSError:  # it would have to wait for the disk
        return False


def _spans(header: Header, keys: Collection[str]) -> list[tuple[Path, int, int]]:
    """The parts of a file that hold these tensors: path, first byte, end. Parts that lie close together are one."""
    entries = [entry for key, entry in header.tensors.items() if key in keys and entry.held is None]
    with header.path.open("rb") as file:
        start = data_start(header, file)
    joined: list[tuple[Path, int, int]] = []
    for begin, end in sorted((start + entry.begin, start + entry.end) for entry in entries if entry.end > entry.begin):
        if joined and begin - joined[-1][2] <= PIECE_BYTES:
            joined[-1] = (header.path, joined[-1][1], max(end, joined[-1][2]))
        else:
            joined.append((header.path, begin, end))
    return joined
