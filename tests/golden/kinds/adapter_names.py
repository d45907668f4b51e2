"""e_lora_names sets: which weight each name in an adapter file reaches."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from heddle.adapters.layer_names import network_layers, text_layers
from heddle.adapters.targets import Target
from tests.golden.checks import Check
from tests.golden.kinds.kind import Kind
from tests.golden.sets import Case
from tests.golden.workshop import Workshop


def check(case: Case, workshop: Workshop) -> Iterator[Check]:
    wanted = {name: weight for weight, names in case.values["prefixes"].items() for name in names}
    got = _network(case, workshop) if _is_network(case) else _text(case)
    for name, weight in wanted.items():
        reached = got.get(name)
        if reached != weight:
            yield Check(name, reached, weight)
    yield Check("names that reach their weight", sum(got.get(name) == wanted[name] for name in wanted), len(wanted))


def _is_network(case: Case) -> bool:
    return all(name.startswith("diffusion_model.") for name in case.values["prefixes"])


def _network(case: Case, workshop: Workshop) -> dict[str, str]:
    start = "diffusion_model."
    shapes: dict[str, tuple[int, ...]] = {name.removeprefix(start): () for name in _weights(case)}
    published = workshop.formats / f"{case.inputs['model']}.json"
    if published.is_file():  # rows of fused weights follow from widths
        stored = json.loads(published.read_text("utf-8"))
        shapes |= {name: tuple(shape) for name, shape in stored.items() if name in shapes}
    return {name: _written(start, target) for name, target in network_layers(shapes).items()}


def _text(case: Case) -> dict[str, str]:
    encoders: dict[str, list[str]] = {}
    for name in _weights(case):
        encoder, _, weight = name.partition(".transformer.")
        encoders.setdefault(encoder, []).append(weight)
    layers = text_layers(encoders)
    return {name: _written(f"{encoder}.transformer.", target) for name, (encoder, target) in layers.items()}


def _weights(case: Case) -> Iterator[str]:
    """The model's weights, without what the set writes behind parts of them."""
    for name in case.values["prefixes"]:
        yield re.split(r"\[| \(", name)[0]


def _written(start: str, target: Target) -> str:
    """As the set writes it."""
    rows = "" if target.rows is None else f"[{target.rows[0]}:{target.rows[1]}]"
    return f"{start}{target.weight}{rows}{' (scale and shift halves swapped)' if target.is_swapped else ''}"


ADAPTER_NAMES = Kind(names=("e_lora_names*",), check=check)
