"""How the jobs of one request differ: by inputs that are named, or by their seeds."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from server.catalogue import Records
from server.refused import Refused

SEED_NAMES = ("seed", "noise_seed")
SEED_BITS = 32  # what every sampler of the ecosystem takes

Changes = Mapping[tuple[str, str], Any]


def by_inputs(batch: Sequence[Mapping[str, Any]], prompt: dict[str, Any], catalogue: Records) -> list[Changes]:
    """Each job's own values, given as `{"NODE.INPUT": value}`. Raises: Refused, if there is no such input."""
    return [
        {_place_of(name, prompt, catalogue, f"batch.{place}"): value for name, value in changes.items()}
        for place, changes in enumerate(batch)
    ]


def by_seeds(seeds: Sequence[int], prompt: dict[str, Any], catalogue: Records) -> list[Changes]:
    """Each job with its seed in every seed input of the graph. Raises: Refused, if it has none."""
    places = seed_inputs(prompt, catalogue)
    if not places:
        raise Refused("invalid_batch", "the graph has no seed input with a number in it; say with `batch` what differs")
    return [dict.fromkeys(places, seed) for seed in seeds]


def seeds_by_chance(count: int, seed: int) -> list[int]:
    """So many seeds, the same ones for the same `seed`."""
    chance = random.Random(seed)
    return [chance.getrandbits(SEED_BITS) for _ in range(count)]


def seed_inputs(prompt: dict[str, Any], catalogue: Records) -> list[tuple[str, str]]:
    """The inputs, as (node id, name), that hold a seed: by their name, or since editors change them after a run."""
    return [
        (node_id, name)
        for node_id, node in prompt.items()
        if isinstance(node, dict) and isinstance(node.get("inputs"), dict)
        for name, value in node["inputs"].items()
        if isinstance(value, int) and not isinstance(value, bool)
        if name in SEED_NAMES or _options_of(node, name, catalogue).get("control_after_generate")
    ]


def _place_of(text: str, prompt: dict[str, Any], catalogue: Records, where: str) -> tuple[str, str]:
    at = text.find(".")
    while at >= 0:
        node_id, name = text[:at], text[at + 1 :]
        node = prompt.get(node_id)
        if isinstance(node, dict):
            inputs = node.get("inputs")
            if (isinstance(inputs, dict) and name in inputs) or _declared(node, name, catalogue) is not None:
                return node_id, name
            break
        at = text.find(".", at + 1)
    raise Refused(
        "invalid_batch", f"{where}: the graph has no input {text[:100]!r}; write NODE.INPUT, for example 3.seed"
    )


def _declared(node: Mapping[str, Any], name: str, catalogue: Records) -> Any:
    kind = node.get("class_type")
    record = catalogue.get(kind, {}) if isinstance(kind, str) else {}
    groups = record.get("input")
    for group in groups.values() if isinstance(groups, Mapping) else ():
        if isinstance(group, Mapping) and name in group:
            return group[name]
    return None


def _options_of(node: Mapping[str, Any], name: str, catalogue: Records) -> Mapping[str, Any]:
    declared = _declared(node, name, catalogue)
    options = declared[1] if isinstance(declared, Sequence) and len(declared) > 1 else {}
    return options if isinstance(options, Mapping) else {}
