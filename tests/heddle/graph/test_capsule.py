from typing import Any

import pytest

from heddle.graph.capsule import differences, hash_in

HERE: dict[str, Any] = {
    "format": 1,
    "heddle": "0.1.0",
    "samplers": 1,
    "noise": "default",
    "torch": "2.9",
    "device": "cpu x86_64",
    "attention": "pytorch attention",
    "formats": {},
    "packs": {"fine": "1.0"},
    "files": [{"kind": "checkpoints", "name": "a.safetensors", "sha256": "ab" * 32}],
}


def test_what_is_the_same_differs_in_nothing() -> None:
    assert differences(HERE, HERE) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"heddle": "0.0.9"}, "version was '0.0.9'"),
        ({"samplers": 2}, "what samplers do was 2"),
        ({"noise": "philox"}, "the source of noise was 'philox'"),
        ({"torch": "2.8"}, "torch's version was '2.8', here it is '2.9'"),
        ({"device": "cuda NVIDIA H200"}, "the device was 'cuda NVIDIA H200'"),
        ({"attention": "sage attention"}, "attention was 'sage attention'"),
        ({"formats": {"all": "float16"}}, "number formats was {'all': 'float16'}, here it is {}"),
        ({"packs": {"fine": "0.9"}}, "of version '0.9', here it is '1.0'"),
        ({"packs": {"fine": "1.0", "gone": "2"}}, "'gone' made nodes of it"),
        ({"packs": {}}, "fine makes nodes of it here"),
        ({"files": [{"kind": "checkpoints", "name": "a.safetensors", "sha256": "cd" * 32}]}, "began with cdcdcdcdcdcd"),
    ],
)
def test_each_difference_is_said(changed: dict[str, Any], said: str) -> None:
    (line,) = differences(HERE | changed, HERE)
    assert said in line


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"files": None, "packs": [1]},
        {
            "files": [1, {"kind": 3, "name": "x"}, {"kind": "checkpoints", "name": "a.safetensors"}],
            "packs": {"fine": "1.0"},
        },
        {"files": [{"kind": "checkpoints", "name": "b", "sha256": "00"}], "packs": {"fine": "1.0"}, "more": 1},
    ],
)
def test_what_is_not_said_or_not_understood_is_no_difference(odd: dict[str, Any]) -> None:
    assert [line for line in differences(odd, HERE) if "here, which it did not" not in line] == []


def test_a_capsule_tells_the_hash_of_a_file_by_its_name() -> None:
    assert hash_in(HERE, "a.safetensors") == "ab" * 32
    assert hash_in(HERE, "b") is None
