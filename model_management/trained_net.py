"""A network that is computed with changes of its weights which are being trained.

Changed weights are worked out anew in each pass, in one block of the net after the other. With checkpoints nothing of a
block is kept for the way back but what it was given, so that only one block's weights are there twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from heddle.adapters.reading import read_changes
from model_management.weight_patches import share_weights

#: Word -> part of the change of one weight, as `heddle.adapters.reading` takes them.
Parts = Mapping[str, Tensor]


def trained_net(net: nn.Module, changes: Mapping[str, Parts], checkpoint_depth: int) -> nn.Module:
    """A twin of a net with the very same weights, computed with changes of some of them.

    Args:
        net: with all its weights in place, none of them lent.
        changes: by the weight's name. Their tensors may change between passes and are differentiated.
        checkpoint_depth: at how many steps below the net the blocks lie of which only inputs are kept; 0 = keep all.
    """
    twin = share_weights(net)
    blocks = dict(blocks_at(twin, checkpoint_depth))
    own: dict[str, list[str]] = {"": [], **{name: [] for name in blocks}}
    for weight in changes:
        own[next((name for name in blocks if weight.startswith(f"{name}.")), "")].append(weight)
    for name, module in [*blocks.items(), ("", twin)]:
        if own[name] or name:
            start = len(name) + 1 if name else 0
            inside = {weight[start:]: changes[weight] for weight in own[name]}
            _compute_with(module, inside, keeps_all=not name)
    return twin


def blocks_at(net: nn.Module, depth: int, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """The modules so many steps below a net, by name. Lists are no step of their own; single layers are left out."""
    if depth <= 0:
        return
    for name, child in net.named_children():
        path = f"{prefix}{name}"
        if type(child).forward is nn.Module.forward:
            yield from blocks_at(child, depth, f"{path}.")
        elif depth > 1:
            yield from blocks_at(child, depth - 1, f"{path}.")
        elif any(True for _ in child.children()):
            yield path, child


def _compute_with(module: nn.Module, changes: Mapping[str, Parts], keeps_all: bool) -> None:
    """Have a module computed with changed weights, which are there for the time of a pass."""
    plain: Callable[..., Any] = module.forward

    def changed(*given: Any, **named: Any) -> Any:
        with _changed_weights(module, changes):
            return plain(*given, **named)

    def forward(*given: Any, **named: Any) -> Any:
        if keeps_all:
            return changed(*given, **named)
        return checkpoint(changed, *given, use_reentrant=False, preserve_rng_state=False, **named)

    vars(module)["forward"] = forward


@contextmanager
def _changed_weights(module: nn.Module, changes: Mapping[str, Parts]) -> Iterator[None]:
    places: list[tuple[dict[str, Any], str, Any]] = []
    for name in changes:
        path, _, last = name.rpartition(".")
        weights: dict[str, Any] = module.get_submodule(path)._parameters
        places.append((weights, last, weights[last]))
    try:
        for (weights, last, weight), parts in zip(places, changes.values(), strict=True):
            weights[last] = _apply(parts, weight)
        yield
    finally:
        for weights, last, weight in places:
            weights[last] = weight


def _apply(parts: Parts, weight: Tensor) -> Tensor:
    found = read_changes(parts)
    change = found.weight if found.weight is not None else found.bias
    assert change is not None, "parts of no change"
    return change.apply(weight.float(), 1.0).to(weight.dtype)


def trainable_weights(net: nn.Module) -> Iterator[tuple[str, Sequence[int]]]:
    """Names and shapes of what adapters change: weights and biases of layers; tables of vectors are left alone."""
    for path, module in net.named_modules():
        if isinstance(module, nn.Embedding) or getattr(module, "weight", None) is None:
            continue
        for last in ("weight", "bias"):
            tensor = module._parameters.get(last)
            if tensor is not None:
                yield f"{path}.{last}" if path else last, tuple(tensor.shape)


def free_of_inference(value: Any) -> Any:
    """A value whose tensors may stand in a graph that is differentiated: those of other nodes may not."""
    if isinstance(value, Tensor):
        with torch.inference_mode(False):
            return value.detach().clone()
    if isinstance(value, dict):
        return {key: free_of_inference(each) for key, each in value.items()}
    return [free_of_inference(each) for each in value] if isinstance(value, (list, tuple)) else value
