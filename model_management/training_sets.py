"""Encoded training sets on disk: a folder of shards, as this ecosystem's nodes write and read them.

`shard_0000.pkl`, `shard_0001.pkl` ... are files of torch.save, each {latents: [{samples}], conditioning: [[[tensor,
{...}]]]}; `metadata.json` beside them says how many there are. They are read without executing anything.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from heddle.graph.errors import FileProblem, GraphError
from heddle.graph.said import say
from model_management.tensor_reading import read_torch_content

SHARD = re.compile(r"shard_\d+\.pkl")

Example = tuple[dict[str, Any], list[Any]]
OnExample = Callable[[int, int], None]


def write_set(folder: Path, examples: Sequence[Example], shard_size: int, on_shard: OnExample) -> Path:
    """Write a training set into a new folder: this one, or where it is taken one of this name and a number.

    Args:
        examples: a latent and its conditioning each.
        on_shard: told how many of how many examples are written; may raise, which leaves nothing behind.
    Returns: the folder.
    Raises: GraphError, for a conditioning that holds more than numbers and texts; FileProblem.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    passing = folder.parent / f".{secrets.token_hex(8)}.part"
    count = 0
    try:
        passing.mkdir()
        for at in range(0, len(examples), shard_size):
            part = examples[at : at + shard_size]
            shard = {
                "latents": [_plain(latent, "latents") for latent, _ in part],
                "conditioning": [_plain(entries, "conditioning") for _, entries in part],
            }
            torch.save(shard, passing / f"shard_{count:04d}.pkl")
            count += 1
            on_shard(at + len(part), len(examples))
        told = {"num_samples": len(examples), "num_shards": count, "shard_size": shard_size}
        (passing / "metadata.json").write_text(json.dumps(told, indent=2), encoding="utf-8")
        return _put_in_place(passing, folder)
    except OSError as problem:
        words = "{folder}: the training set is not written ({why}); make room, or choose another folder"
        said = say(words, folder=str(folder), why=problem.strerror or str(problem))
        raise FileProblem(said, path=folder) from problem
    finally:
        shutil.rmtree(passing, ignore_errors=True)


def read_set(folder: Path, name: str, on_shard: OnExample) -> list[Example]:
    """The examples of all shards of a folder, in their order.

    Raises: FileProblem, if there are none, or a shard holds something else; WeightsError, for one that is damaged.
    """
    shards = shards_of(folder)
    if not shards:
        words = "{name}: no training set, since it has no file shard_0000.pkl; choose a folder of Save Training Dataset"
        raise FileProblem(say(words, name=name), path=folder)
    examples: list[Example] = []
    for done, shard in enumerate(shards):
        content = read_torch_content(shard)
        table: dict[Any, Any] = content if isinstance(content, dict) else {}
        latents, texts = table.get("latents"), table.get("conditioning")
        fit = _are_latents(latents) and _are_conditionings(texts)
        if latents is None or texts is None or not fit or len(latents) != len(texts):
            words = "{name}: {shard} does not hold as many latents as conditionings; write the training set anew"
            raise FileProblem(say(words, name=name, shard=shard.name), path=shard)
        examples += zip(latents, texts, strict=True)
        on_shard(done + 1, len(shards))
    return examples


def shards_of(folder: Path) -> list[Path]:
    """The files of a training set, in their order."""
    try:
        found = [each for each in folder.iterdir() if SHARD.fullmatch(each.name)]
    except OSError:
        return []
    return sorted(found, key=lambda path: (len(path.name), path.name))


def _put_in_place(passing: Path, folder: Path) -> Path:
    number, path = 1, folder
    while True:
        try:
            if not os.path.lexists(path):
                os.rename(passing, path)
                return path
        except OSError:  # another process was faster
            if not os.path.lexists(path):
                raise
        number += 1
        path = folder.with_name(f"{folder.name}_{number}")


def _plain(value: Any, place: str) -> Any:
    """A value that a file can hold: tensors with memory of their own, numbers, texts, lists and dictionaries.

    Raises: GraphError, for anything else, such as a control net in a conditioning.
    """
    if isinstance(value, Tensor):
        return value.detach().cpu().clone()
    if isinstance(value, dict):
        return {key: _plain(each, f"{place}, {key}") for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each, place) for each in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    words = "{place}: a value of the kind {kind} cannot be kept in a file; take it out of the conditioning"
    raise GraphError(say(words, place=place, kind=type(value).__name__), input_name="conditioning")


def _are_latents(given: Any) -> bool:
    return isinstance(given, list) and all(
        isinstance(each, dict) and isinstance(each.get("samples"), Tensor) and each["samples"].ndim >= 4
        for each in given
    )


def _are_conditionings(given: Any) -> bool:
    return isinstance(given, list) and all(
        isinstance(entries, list)
        and all(
            isinstance(e, list) and len(e) == 2 and isinstance(e[0], Tensor) and isinstance(e[1], dict) for e in entries
        )
        for entries in given
    )
