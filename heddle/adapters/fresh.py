"""Changes of weights that change nothing yet, for trainings to begin with, and the keys that files keep them under."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

#: What a training may make of a weight with inputs and outputs.
ALGORITHMS = ("LoRA", "LoHa", "LoKr", "OFT")

#: What a file's keys end in, by the words of `file_keys.sort_keys`; words that are not here are their own endings.
_ENDINGS = {"up": "lora_up.weight", "down": "lora_down.weight", "magnitude": "dora_scale", "mid": "lora_mid.weight"}

#: Parts that no training changes: they say how to read the others.
FIXED = frozenset({"alpha", "reshape_weight"})


def key_of(layer: str, word: str) -> str:
    """The key of one part of a layer's change in a file."""
    return f"{layer}.{_ENDINGS.get(word, word)}"


def fresh_parts(algorithm: str, shape: tuple[int, ...], rank: int, chance: torch.Generator) -> dict[str, Tensor]:
    """The parts of a change of a weight, float32, by the words of `reading.read_changes`; together they change nothing.

    Args:
        algorithm: one of ALGORITHMS.
        shape: of the weight, [out, in, ...].
        rank: of LoRA and LoHa; for LoKr and OFT, into how many pieces outputs (and inputs) are cut at most.
    """
    return _FRESH[algorithm](shape, rank, chance)


def _low_rank(shape: tuple[int, ...], rank: int, chance: torch.Generator) -> dict[str, Tensor]:
    """down random, up 0. Source: Hu et al. 2021, arXiv:2106.09685, section 4.1; alpha 1, as this ecosystem has it."""
    inputs, kernel = shape[1], shape[2:]
    bound = 1 / math.sqrt(math.prod(shape[1:]))
    down = torch.empty(rank, inputs, *kernel).uniform_(-bound, bound, generator=chance)
    return {"up": torch.zeros(shape[0], rank, *[1] * len(kernel)), "down": down, "alpha": torch.tensor(1.0)}


def _hadamard(shape: tuple[int, ...], rank: int, chance: torch.Generator) -> dict[str, Tensor]:
    """Three random factors, the fourth 0. Source: Yeh et al. 2023, arXiv:2309.14859, and its public code."""
    inputs = math.prod(shape[1:])
    return {
        "hada_w1_a": torch.empty(shape[0], rank).normal_(0, 0.1, generator=chance),
        "hada_w1_b": torch.empty(rank, inputs).normal_(0, 1, generator=chance),
        "hada_w2_a": torch.zeros(shape[0], rank),
        "hada_w2_b": torch.empty(rank, inputs).normal_(0, 1, generator=chance),
        "alpha": torch.tensor(1.0),
    }


def _kronecker(shape: tuple[int, ...], rank: int, chance: torch.Generator) -> dict[str, Tensor]:
    """A small random factor and a large one of 0, both whole. Source: as of LoHa."""
    out_pieces, in_pieces = (pieces_of(size, rank) for size in shape[:2])
    bound = 1 / math.sqrt(in_pieces)
    return {
        "lokr_w1": torch.empty(out_pieces, in_pieces).uniform_(-bound, bound, generator=chance),
        "lokr_w2": torch.zeros(shape[0] // out_pieces, shape[1] // in_pieces, *shape[2:]),
    }


def _rotation(shape: tuple[int, ...], rank: int, chance: torch.Generator) -> dict[str, Tensor]:
    """Turns by nothing. Source: Qiu et al. 2023, arXiv:2306.07280."""
    blocks = pieces_of(shape[0], rank)
    return {"oft_blocks": torch.zeros(blocks, shape[0] // blocks, shape[0] // blocks)}


_FRESH: Mapping[str, Callable[[tuple[int, ...], int, torch.Generator], dict[str, Tensor]]] = {
    "LoRA": _low_rank,
    "LoHa": _hadamard,
    "LoKr": _kronecker,
    "OFT": _rotation,
}


def pieces_of(size: int, most: int) -> int:
    """The largest number up to `most` that divides `size`."""
    return next(pieces for pieces in range(min(size, most), 0, -1) if size % pieces == 0)
