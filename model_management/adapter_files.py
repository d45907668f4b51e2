"""Adapter files (LoRA and its kin): opened by their headers, matched against a net, read when the net is held."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from heddle.adapters.file_keys import AdapterKeys, sort_keys
from heddle.adapters.layer_names import network_layers, text_layers
from heddle.adapters.reading import read_changes
from heddle.adapters.targets import Target, change_target
from heddle.graph.errors import HeddleError, WeightsError
from heddle.graph.said import say
from model_management.family import describe_names
from model_management.handles import Clip, Model
from model_management.header import read_header
from model_management.stored_net import StoredNet
from model_management.stored_tensors import Header
from model_management.tensor_reading import DTYPES, open_tensors
from model_management.weight_patches import ChangeWeight, WeightPatch, refuse_unless_finite

_OF_BIASES = ("diff_b", "b_norm")
FLUX_FIRST_LAYER = "img_in.weight"
MOST_SHOWN = 5  # keys in a report
_SHAPE = "reshape_weight"  # the one part that is no weight: it says a shape


@dataclass(frozen=True)
class AdapterFile:
    """An adapter file of which only the header was read."""

    header: Header
    keys: AdapterKeys


class Part(NamedTuple):
    """What one layer of a file does to one weight.

    layer: its name in the file. keys: word -> key in the file. shape: what `reshape_weight` says.
    """

    layer: str
    target: Target
    keys: Mapping[str, str]
    shape: tuple[int, ...] | None = None


@dataclass(frozen=True, eq=False)
class AdapterSource:
    """The parts of a file that change one net, by the weight that each changes."""

    header: Header
    parts: Mapping[str, tuple[Part, ...]]

    @property
    def key(self) -> Hashable:
        return self.header.stamp

    @property
    def weights(self) -> Collection[str]:
        return self.parts.keys()

    @contextmanager
    def open(self) -> Iterator[ChangeWeight]:
        with open_tensors(self.header) as tensors:

            def change_weight(name: str, weight: Tensor, strength: float, /) -> Tensor:
                changed = weight
                for part in self.parts[name]:
                    stored = {word: tensors.get_tensor(key).to(weight.device) for word, key in part.keys.items()}
                    changed = _apply(part, stored, changed, strength)
                    refuse_unless_finite(changed, weight, self.header.path.name, part.layer)
                return changed

            yield change_weight


@dataclass(frozen=True)
class MatchReport:
    """How much of a file a model has a place for.

    unmatched: the keys that it has none for, in the file's order.
    """

    file: str
    matched: int
    unmatched: tuple[str, ...]

    def __str__(self) -> str:
        whole = say(
            "{file}: {matched} of {count} keys match",
            file=self.file,
            matched=self.matched,
            count=self.matched + len(self.unmatched),
        )
        if not self.unmatched:
            return whole
        shown = ", ".join(self.unmatched[:MOST_SHOWN])
        more = len(self.unmatched) - MOST_SHOWN
        if more > 0:
            return say("{whole}; not: {shown} and {more} more", whole=whole, shown=shown, more=more)
        return say("{whole}; not: {shown}", whole=whole, shown=shown)


class Adapted(NamedTuple):
    model: Model | None
    clip: Clip | None
    report: MatchReport


def open_adapter(path: Path | str) -> AdapterFile:
    """Read an adapter file's header and sort its keys.

    Raises: WeightsError, if the file is missing, damaged, or says one thing twice.
    """
    header = read_header(path)
    try:
        keys = sort_keys(header.tensors)
    except WeightsError as problem:
        raise WeightsError(
            say("{file}: {why}", file=header.path.name, why=problem.message), file=header.path, key=problem.key
        ) from problem
    return AdapterFile(header, keys)


def put_adapter(
    file: AdapterFile, model: Model | None, clip: Clip | None, model_strength: float = 1.0, clip_strength: float = 1.0
) -> Adapted:
    """Copies of the handles with the adapter in them, after what is in them already.

    Raises: WeightsError, if no key of the file fits either, or one fits by its name and not by its shape: then neither
    gets anything.
    """
    name = file.header.path.name
    used: set[str] = set()
    if model is not None:
        source = match_model(file, model, used)
        if source is not None and model_strength:
            model = model.with_patch(name, WeightPatch(source, model_strength, _new_sizes(source, model.stored)))
    if clip is not None:
        sources = match_clip(file, clip, used)
        if clip_strength:
            patches = {encoder: WeightPatch(source, clip_strength) for encoder, source in sources.items()}
            clip = clip.with_patch(name, patches)
    return Adapted(model, clip, report_match(file, used))


def report_match(file: AdapterFile, used: Collection[str]) -> MatchReport:
    """What is to be said of a file of which these keys are used. Raises: WeightsError, if there are none."""
    name = file.header.path.name
    if not used:
        raise WeightsError(
            say(
                "{name} fits nothing of this model: it holds {found}; choose an adapter that was made "
                "for the model's family",
                name=name,
                found=describe_names(file.header),
            ),
            file=file.header.path,
        )
    return MatchReport(name, len(used), tuple(key for key in file.header.tensors if key not in used))


def match_model(file: AdapterFile, model: Model, used: set[str]) -> AdapterSource | None:
    """What of the file changes a model's network, None = nothing.

    Args:
        used: the keys that do are added to it.
    Raises: WeightsError, if a part fits by its name and not by its shape.
    """
    return _match(file, network_layers(model.stored.shapes), model.stored, used)


def match_clip(file: AdapterFile, clip: Clip, used: set[str]) -> dict[str, AdapterSource]:
    """The same for text encoders, by their names; those that nothing changes are left out."""
    stored = {_word(encoder.part.name): encoder for encoder in clip.encoders}
    layers = text_layers({word: encoder.stored.shapes for word, encoder in stored.items()})
    sources: dict[str, AdapterSource] = {}
    for word, encoder in stored.items():
        own = {layer: target for layer, (reached, target) in layers.items() if reached == word}
        source = _match(file, own, encoder.stored, used)
        if source is not None:
            sources[encoder.part.name] = source
    return sources


def _word(encoder: str) -> str:
    """What files call a text encoder."""
    return f"clip_{encoder}" if encoder in ("l", "g", "h") else encoder


def _match(file: AdapterFile, layers: Mapping[str, Target], net: StoredNet, used: set[str]) -> AdapterSource | None:
    """What of the file changes the net, every part tried for its shape; None = nothing. Adds to `used` keys."""
    parts: dict[str, tuple[Part, ...]] = {}
    shapes = _widened_shapes(file)
    tried: set[Hashable] = set()  # a net has many layers of the same shape
    for layer, words in file.keys.layers.items():
        target = layers.get(layer)
        if target is None:
            continue
        of_weight = {word: key for word, key in words.items() if word not in _OF_BIASES and word != _SHAPE}
        of_bias = {word: key for word, key in words.items() if word in _OF_BIASES}
        bias = Target(target.bias, target.rows, target.is_swapped)
        shape = shapes.get(layer) or _unsaid_shape(file, words, target, net)
        for part in (Part(layer, target, of_weight, shape), Part(layer, bias, of_bias)):
            weight = part.target.weight
            if not part.keys or weight not in net.shapes:
                continue
            if any(part.target == other.target for other in parts.get(weight, ())):
                raise WeightsError(
                    say(
                        "{file}: {layer} and {other} both mean {weight}; the file was put together of "
                        "two: use one of them",
                        file=file.header.path.name,
                        layer=layer,
                        other=parts[weight][0].layer,
                        weight=weight,
                    ),
                    file=file.header.path,
                    key=layer,
                )
            signature = _signature(part, file.header, net)
            if signature not in tried:
                _try(part, file.header, net)
                tried.add(signature)
            parts[weight] = (*parts.get(weight, ()), part)
            used.update(part.keys.values(), [words[_SHAPE]] if _SHAPE in words else [])
    return AdapterSource(file.header, parts) if parts else None


def _signature(part: Part, header: Header, net: StoredNet) -> Hashable:
    """Equal for parts that fit alike."""
    stored = frozenset((word, header.shape(key)) for word, key in part.keys.items())
    return stored, net.shapes[part.target.weight], part.target.rows, part.target.is_swapped, part.shape


def _try(part: Part, header: Header, net: StoredNet) -> None:
    """Carry the change out on shapes alone. Raises: WeightsError, if it is incomplete or made for another shape."""
    with torch.device("meta"):
        stored = {
            word: torch.empty(header.shape(key), dtype=DTYPES.get(header.tensors[key].dtype))
            for word, key in part.keys.items()
        }
        weight = torch.empty(net.shapes[part.target.weight])
    try:
        _apply(part, stored, weight, 1.0)
    except (HeddleError, RuntimeError, ValueError, IndexError) as problem:
        shapes = ", ".join(f"{word} {list(tensor.shape)}" for word, tensor in stored.items())
        raise WeightsError(
            say(
                "{file}: {layer} does not fit this model, whose {weight} has shape {shape}; the file has "
                "{shapes} ({why}). Choose an adapter that was made for the model's family",
                file=header.path.name,
                layer=part.layer,
                weight=part.target.weight,
                shape=list(weight.shape),
                shapes=shapes,
                why=problem,
            ),
            file=header.path,
            key=part.layer,
        ) from problem


def _apply(part: Part, stored: Mapping[str, Tensor], weight: Tensor, strength: float) -> Tensor:
    changes = read_changes(stored, part.shape)
    change = changes.weight if changes.weight is not None else changes.bias
    # Words of no kind, such as an alpha alone, change nothing.
    return weight if change is None else change_target(part.target, change, weight, strength)


def _widened_shapes(file: AdapterFile) -> dict[str, tuple[int, ...]]:
    """The shapes that the file says its layers have, where it does."""
    keys = {layer: words[_SHAPE] for layer, words in file.keys.layers.items() if _SHAPE in words}
    if not keys:
        return {}
    with open_tensors(file.header) as tensors:
        return {layer: tuple(int(n) for n in tensors.get_tensor(key).flatten()) for layer, key in keys.items()}


def _unsaid_shape(
    file: AdapterFile, words: Mapping[str, str], target: Target, net: StoredNet
) -> tuple[int, ...] | None:
    """The first layer's shape with an adapter of FLUX.1 that shows it a picture too, in files that do not say it."""
    have = net.shapes.get(target.weight, ())
    if target.weight != FLUX_FIRST_LAYER or not {"up", "down"} <= words.keys():
        return None
    rows, columns = file.header.shape(words["up"])[:1], file.header.shape(words["down"])[1:]
    return (*rows, *columns) if rows == have[:1] and len(columns) == 1 and columns > have[1:] else None


def _new_sizes(source: AdapterSource, net: StoredNet) -> Any:
    """The config of a net whose weights an adapter widens; None for one that it leaves as wide as it is."""
    shapes = {name: part.shape for name, parts in source.parts.items() for part in parts if part.shape is not None}
    if all(net.shapes[name] == shape for name, shape in shapes.items()):
        return None
    tensors = {
        net.key_of(name): replace(net.entry(name), shape=net.part.place(name).whole_shape(shape))
        for name, shape in shapes.items()
    }
    return net.part.config(replace(net.header, tensors={**net.header.tensors, **tensors}), net.part.prefix)
