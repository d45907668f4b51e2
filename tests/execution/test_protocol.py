"""The packing of messages between front desk and worker."""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.protocol import Frames, framed, open_wire, pack, unpack

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), JSON, max_size=5), st.binary(max_size=200))
def test_what_is_packed_comes_out_again(message: dict[str, Any], blob: bytes) -> None:
    assert unpack(pack(message, blob)) == (message, blob or None)


def test_a_message_without_bytes_has_none() -> None:
    assert unpack(pack({"type": "ready"})) == ({"type": "ready"}, None)


def test_large_seeds_and_nan_survive() -> None:
    message, _ = unpack(pack({"seed": 2**64 - 1, "value": math.nan, "far": -math.inf}))
    assert message["seed"] == 2**64 - 1
    assert math.isnan(message["value"])
    assert message["far"] == -math.inf


def test_a_pack_that_changes_json_for_all_does_not_change_what_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json, "dumps", lambda *_, **__: "{}")
    monkeypatch.setattr(json.JSONEncoder, "default", lambda self, value: str(value))
    assert unpack(pack({"text": "ü😀\udcff"})) == ({"text": "ü😀\udcff"}, None)


def test_half_a_surrogate_pair_survives() -> None:
    assert unpack(pack({"text": "\ud83d"}))[0] == {"text": "\ud83d"}


@pytest.mark.parametrize(
    "data",
    [b"", b"\0\0", struct.pack(">I", 9) + b"{}", struct.pack(">I", 2) + b"[]", struct.pack(">I", 2) + b"{x"],
    ids=["nothing", "half a length", "cut short", "no object", "no JSON"],
)
def test_broken_bytes_are_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        unpack(data)


@given(st.lists(st.binary(max_size=40), max_size=6), st.integers(1, 50))
def test_messages_come_apart_again_however_they_arrive(messages: list[bytes], piece: int) -> None:
    stream, frames = b"".join(map(framed, messages)), Frames()
    pieces = [stream[start : start + piece] for start in range(0, len(stream), piece)]
    assert [message for each in pieces for message in frames.feed(each)] == messages


def test_a_wire_carries_whole_messages_both_ways_until_one_end_is_closed() -> None:
    ours, theirs = open_wire()
    theirs.send_bytes(b"one")
    theirs.send_bytes(b"")
    assert list(Frames().feed(ours.recv(100))) == [b"one", b""]
    ours.sendall(framed(b"two")[:5])
    ours.sendall(framed(b"two")[5:])
    assert theirs.recv_bytes() == b"two"
    ours.close()
    with pytest.raises(EOFError):
        theirs.recv_bytes()
    with pytest.raises(OSError):
        theirs.send_bytes(b"three")
    theirs.close()
