"""The capsule: what besides the graph decides how a file came out, kept in that file under a key of Heddle's own.

    {"format": 1, "heddle": "0.1.0", "samplers": 1, "noise": "default", "torch": "2.9.0", "device": "cuda NVIDIA H200",
     "attention": "pytorch attention", "formats": {}, "packs": {"some-pack": "1.2.3"},
     "files": [{"kind": "checkpoints", "name": "some.safetensors", "sha256": "..."}]}

Seeds and sizes stand in the graph. No path of the machine and nothing of the person is in it. A file whose hash was not
known when it was written stands without one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from heddle.graph.quoting import short

KEY = "heddle"
FORMAT = 1

#: What is compared as it is, and what people call it.
_PLAIN = {
    "heddle": "Heddle's version",
    "samplers": "the version of what samplers do",
    "noise": "the source of noise",
    "torch": "torch's version",
    "device": "the device",
    "attention": "what computes attention",
    "formats": "what was asked for as number formats",
}


def differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """What two capsules say differently of the same graph, in words; what one of them does not say is no difference.

    Args:
        there: that of a file, which may come from anywhere and hold anything.
    """
    packs = (_mapping(each.get("packs")) for each in (there, here))
    return [*_plain(there, here), *_packs(*packs), *_files(there, here)]


def hash_in(capsule: Mapping[str, Any], name: str) -> str | None:
    """The SHA-256 that a capsule says of a file of this name, whatever its kind."""
    return next((sha for each in _records(capsule) if each["name"] == name and (sha := _sha256(each))), None)


def _plain(there: Mapping[str, Any], here: Mapping[str, Any]) -> Iterator[str]:
    for key, name in _PLAIN.items():
        was, now = there.get(key), here.get(key)
        if was is not None and now is not None and was != now:
            yield f"{name} was {short(was)}, here it is {short(now)}"


def _packs(there: Mapping[str, Any], here: Mapping[str, Any]) -> Iterator[str]:
    for name, was in there.items():
        now = here.get(name)
        if now is None:
            yield f"the pack {short(name)} made nodes of it, which is not used here"
        elif was != now:
            yield f"the pack {name} was of version {short(was)}, here it is {short(now)}"
    for name in here:
        if name not in there:
            yield f"the pack {name} makes nodes of it here, which it did not"


def _files(there: Mapping[str, Any], here: Mapping[str, Any]) -> Iterator[str]:
    hashes = {(each["kind"], each["name"]): _sha256(each) for each in _records(here)}
    for each in _records(there):
        was, now = _sha256(each), hashes.get((each["kind"], each["name"]))
        if was is not None and now is not None and was != now:
            name = short(f"{each['kind']}/{each['name']}")
            yield f"{name} is another file here: its SHA-256 began with {was[:12]}, here it does with {now[:12]}"


def _sha256(record: Mapping[str, Any]) -> str | None:
    found = record.get("sha256")
    return found if isinstance(found, str) and found else None


def _records(capsule: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    files = capsule.get("files")
    found = files if isinstance(files, list) else []
    return [
        each
        for each in found
        if isinstance(each, dict) and isinstance(each.get("kind"), str) and isinstance(each.get("name"), str)
    ]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
