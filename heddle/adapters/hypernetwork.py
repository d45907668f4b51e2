"""Hypernetworks: small nets that change what keys and values are made of, one pair for each width of that.

The layout is that of the web UI's files: `{width: [layers for keys, layers for values], "activation_func": ..., ...}`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.nn import functional

from heddle.graph.errors import WeightsError
from heddle.graph.said import say

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda x: x,
    "relu": functional.relu,
    "leakyrelu": functional.leaky_relu,
    "elu": functional.elu,
    "swish": functional.hardswish,  # what files of this name were trained with
    "tanh": functional.tanh,
    "sigmoid": functional.sigmoid,
    "softsign": functional.softsign,
}


@dataclass(frozen=True)
class Step:
    """A linear layer ([out, in]) or a norm ([width]) of a small net, and what follows it."""

    weight: Tensor
    bias: Tensor | None
    activation: Callable[[Tensor], Tensor] | None = None

    def run(self, x: Tensor) -> Tensor:
        weight = self.weight.to(x)
        bias = None if self.bias is None else self.bias.to(x)
        if weight.dim() == 1:
            return functional.layer_norm(x, weight.shape, weight, bias)
        x = functional.linear(x, weight, bias)
        return x if self.activation is None else self.activation(x)


@dataclass(frozen=True)
class Hypernetwork:
    """pairs: width -> the steps for keys and those for values."""

    pairs: Mapping[int, tuple[tuple[Step, ...], tuple[Step, ...]]]

    def change(self, keys_of: Tensor, values_of: Tensor, strength: float) -> tuple[Tensor, Tensor]:
        """k + s·f(k), v + s·g(v), where the file has nets of that width. [..., width] each."""
        pair = self.pairs.get(keys_of.shape[-1])
        if pair is None:
            return keys_of, values_of
        return keys_of + strength * _run(pair[0], keys_of), values_of + strength * _run(pair[1], values_of)


def _run(steps: Sequence[Step], x: Tensor) -> Tensor:
    for step in steps:
        x = step.run(x)
    return x


def read_hypernetwork(content: Any) -> Hypernetwork:
    """The nets of a hypernetwork's file.

    Raises: WeightsError, if it is none, or has an activation that is not known.
    """
    widths = [key for key in content if isinstance(key, int)] if isinstance(content, dict) else []
    if not widths:
        raise WeightsError(
            say("it holds no hypernetwork: pairs of small nets, by width, are wanted; choose another file")
        )
    name = content.get("activation_func") or "linear"
    if name not in ACTIVATIONS:
        raise WeightsError(
            say(
                "its activation {name!r} is not known; {known} are; choose another file",
                name=name,
                known=", ".join(ACTIVATIONS),
            ),
            key="activation_func",
        )
    activation = None if name == "linear" else ACTIVATIONS[name]
    activates_last = bool(content.get("activate_output", False))
    pairs = {}
    for width in widths:
        nets = content[width]
        if not isinstance(nets, list | tuple) or len(nets) < 2:
            raise WeightsError(
                say("it has no pair of nets for width {width}; download it again", width=width), key=str(width)
            )
        keys, values = (tuple(_steps(net, width, activation, activates_last)) for net in nets[:2])
        pairs[width] = (keys, values)
    return Hypernetwork(pairs)


def _steps(net: Any, width: int, activation: Callable[[Tensor], Tensor] | None, activates_last: bool) -> Iterator[Step]:
    layers = _numbered(net, width)
    reached = width
    for number, (weight, bias) in enumerate(layers):
        is_last = number == len(layers) - 1
        is_norm = weight.dim() == 1
        if weight.dim() > 2 or weight.shape[-1] != reached or (bias is not None and bias.shape != weight.shape[:1]):
            raise WeightsError(
                say(
                    "a layer of its net for width {width} has shape {shape}, but is given {reached} "
                    "numbers; download it again",
                    width=width,
                    shape=list(weight.shape),
                    reached=reached,
                ),
                key=str(width),
            )
        reached = reached if is_norm else weight.shape[0]
        is_active = not is_norm and (not is_last or activates_last)
        yield Step(weight, bias, activation if is_active else None)
    if reached != width:
        raise WeightsError(
            say("its net for width {width} gives {reached} numbers; download it again", width=width, reached=reached),
            key=str(width),
        )


def _numbered(net: Any, width: int) -> list[tuple[Tensor, Tensor | None]]:
    """The layers in order: names are `linear.<number>.weight`, where activations and dropout have numbers too."""
    found = {}
    for key, tensor in net.items() if isinstance(net, dict) else ():
        start, _, last = key.rpartition(".")
        number = start.rpartition(".")[2]
        if last == "weight" and number.isdigit() and isinstance(tensor, Tensor):
            found[int(number)] = (tensor, net.get(f"{start}.bias"))
    if not found:
        raise WeightsError(
            say("its net for width {width} has no layers; download it again", width=width), key=str(width)
        )
    return [found[number] for number in sorted(found)]
