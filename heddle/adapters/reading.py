"""From the tensors that a file has for one layer to the changes of its weight and bias."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from torch import Tensor

from heddle.adapters.changes import Change, Difference, Replacement, Widened
from heddle.adapters.low_rank import Factor, Generalised, Hadamard, Kronecker, LowRank
from heddle.adapters.orthogonal import Rotation
from heddle.graph.errors import WeightsError
from heddle.graph.said import all_of, say


class LayerChanges(NamedTuple):
    """What an adapter does to one layer; None = nothing."""

    weight: Change | None
    bias: Change | None


def read_changes(parts: Mapping[str, Tensor], shape: tuple[int, ...] | None = None) -> LayerChanges:
    """The changes that a layer's tensors stand for.

    Args:
        parts: tensors by the words of `file_keys.sort_keys`.
        shape: what `reshape_weight` says, whose numbers must be known before the tensors are.
    Raises: WeightsError, if a part is missing that belongs to the others, or two kinds of change are mixed.
    """
    kinds = [kind for kind in _KINDS if parts.keys() & _OWN_WORDS[kind]]
    if len(kinds) > 1:
        raise WeightsError(say("it mixes {kinds} for one layer; choose another file", kinds=all_of(kinds)))
    change = _read_kind(kinds[0], parts) if kinds else None
    if change is not None and shape is not None:
        change = Widened(shape, change)
    bias = next((Difference(parts[word].float()) for word in ("diff_b", "b_norm") if word in parts), None)
    return LayerChanges(change, bias)


def _read_kind(kind: str, parts: Mapping[str, Tensor]) -> Change:
    try:
        return _KINDS[kind](parts)
    except KeyError as missing:
        found = ", ".join(sorted(parts.keys() & _OWN_WORDS[kind]))
        raise WeightsError(
            say(
                "its {kind} is incomplete: {found} is there, {missing} is missing; download the file again",
                kind=kind,
                found=found,
                missing=missing.args[0],
            )
        ) from None


def _low_rank(parts: Mapping[str, Tensor]) -> Change:
    return LowRank(parts["up"], parts["down"], parts.get("alpha"), parts.get("mid"), parts.get("magnitude"))


def _hadamard(parts: Mapping[str, Tensor]) -> Change:
    core1, core2 = parts.get("hada_t1"), parts.get("hada_t2")
    if (core1 is None) != (core2 is None):
        raise KeyError("hada_t1" if core1 is None else "hada_t2")
    a1, b1, a2, b2 = (parts[f"hada_{name}"] for name in ("w1_a", "w1_b", "w2_a", "w2_b"))
    return Hadamard(a1, b1, a2, b2, core1, core2, parts.get("alpha"), parts.get("magnitude"))


def _kronecker(parts: Mapping[str, Tensor]) -> Change:
    first, second = _factor(parts, "lokr_w1", None), _factor(parts, "lokr_w2", parts.get("lokr_t2"))
    return Kronecker(first, second, parts.get("alpha"), parts.get("magnitude"))


def _factor(parts: Mapping[str, Tensor], name: str, core: Tensor | None) -> Factor:
    if name in parts:
        return Factor(whole=parts[name])
    return Factor(a=parts[f"{name}_a"], b=parts[f"{name}_b"], core=core)


def _generalised(parts: Mapping[str, Tensor]) -> Change:
    return Generalised(parts["a1"], parts["a2"], parts["b1"], parts["b2"], parts.get("alpha"), parts.get("magnitude"))


def _rotation(parts: Mapping[str, Tensor]) -> Change:
    return Rotation(parts["oft_blocks"], bound=parts.get("alpha"), rescale=parts.get("rescale"))


_KINDS: dict[str, Callable[[Mapping[str, Tensor]], Change]] = {
    "LoRA": _low_rank,
    "LoHa": _hadamard,
    "LoKr": _kronecker,
    "GLoRA": _generalised,
    "OFT": _rotation,
    "difference": lambda parts: Difference(parts["diff"].float()),
    "difference of a norm": lambda parts: Difference(parts["w_norm"].float()),
    "replacement": lambda parts: Replacement(parts["set_weight"]),
}
_OWN_WORDS: dict[str, set[str]] = {
    "LoRA": {"up", "down", "mid"},
    "LoHa": {f"hada_{word}" for word in ("w1_a", "w1_b", "w2_a", "w2_b", "t1", "t2")},
    "LoKr": {f"lokr_{word}" for word in ("w1", "w1_a", "w1_b", "w2", "w2_a", "w2_b", "t2")},
    "GLoRA": {"a1", "a2", "b1", "b2"},
    "OFT": {"oft_blocks"},
    "difference": {"diff"},
    "difference of a norm": {"w_norm"},
    "replacement": {"set_weight"},
}
