"""One header for weights that lie in several files, listed in an index beside them as diffusers and transformers write.

The index is JSON: below `weight_map`, each tensor's name and the name of the file, in the same folder, that holds it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath, PureWindowsPath

from heddle.graph.errors import WeightsError
from heddle.graph.said import say
from model_management.stored_tensors import Header, Stamp, TensorEntry, refuse, stamp_of

_INDEX = re.compile(r".+\.index(?:\.\w+)?\.json")
_LARGEST_BYTES = 100_000_000
_MOST_SHARDS = 1000
_SHARD = re.compile(r"(?P<stem>.+?)(?P<variant>\.\w+)?-\d{5}-of-\d{5}(?P<ending>\.\w+)")


def is_index(path: Path) -> bool:
    """Whether a file is one by its name."""
    return _INDEX.fullmatch(path.name) is not None


def index_beside(path: Path) -> Path | None:
    """The index that a file belongs to by its name, NAME-00001-of-00003.safetensors; None if there is none.

    A variant of the numbers, such as `.fp16`, stands in one of two places of its name.
    """
    found = _SHARD.fullmatch(path.name)
    if found is None:
        return None
    stem, variant, ending = found["stem"], found["variant"] or "", found["ending"]
    names = (f"{stem}{variant}{ending}.index.json", f"{stem}{ending}.index{variant}.json")
    return next((index for index in map(path.with_name, names) if index.is_file()), None)


def read_sharded_header(index: Path, read_header: Callable[[Stamp], Header]) -> Header:
    """The header of all files of an index.

    Args:
        index: as a person names it: it may be a link, and the files lie beside the link.
        read_header: reads the header of one file.
    Raises: WeightsError, if the index or one of its files is missing or damaged, or a file lacks a tensor.
    """
    stamp = stamp_of(index)
    places = _read_index(stamp)
    shards: dict[str, Header] = {}
    for name in sorted(set(places.values())):
        if PurePosixPath(name).name != name or PureWindowsPath(name).name != name:
            refuse(stamp, say("damaged: it names {name!r}, which is no file beside it", name=name[:200]))
        if not (path := index.with_name(name)).is_file():
            raise WeightsError(
                say(
                    "{index} names {name}, which is not beside it; download the folder again",
                    index=index.name,
                    name=name,
                ),
                file=path,
            )
        shards[name] = read_header(stamp_of(path))
    tensors: dict[str, TensorEntry] = {}
    for key, name in places.items():
        shards[name].shape(key)  # which raises where there is none
        tensors[key] = shards[name].tensors[key]
    metadata = {word: text for shard in shards.values() for word, text in shard.metadata.items()}
    return Header(stamp, tensors, metadata, shards=tuple(shards.values()))


def _read_index(stamp: Stamp) -> dict[str, str]:
    if stamp.size_bytes > _LARGEST_BYTES:
        refuse(stamp, say("damaged: an index of {size:,} bytes is none", size=stamp.size_bytes))
    try:
        content = json.loads(stamp.path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        content = None
    places = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(places, dict) or not places or not all(isinstance(name, str) for name in places.values()):
        refuse(stamp, say("damaged: no index with a weight_map from tensors to files"))
    if len(set(places.values())) > _MOST_SHARDS:
        refuse(stamp, say("damaged: it names more than {most_shards:,} files", most_shards=_MOST_SHARDS))
    return places
