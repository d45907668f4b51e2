"""Blocks of a few bits. Random ones, and what the library gguf makes of them, lie in tests/data/gguf_blocks."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from heddle.numerics.number_blocks import BLOCK_KINDS, widen_blocks

KNOWN = load_file(Path(__file__).parents[2] / "data" / "gguf_blocks.safetensors")


@pytest.mark.parametrize("kind", BLOCK_KINDS)
def test_blocks_become_the_numbers_that_they_stand_for(kind: str) -> None:
    assert torch.equal(widen_blocks(kind, KNOWN[f"{kind}.blocks"]), KNOWN[f"{kind}.numbers"])


def test_many_blocks_are_widened_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("heddle.numerics.number_blocks._NUMBERS_AT_ONCE", 3 * 256)
    blocks, numbers = KNOWN["Q4_K.blocks"], KNOWN["Q4_K.numbers"]
    assert torch.equal(widen_blocks("Q4_K", blocks.repeat(5)), numbers.repeat(5))
    assert widen_blocks("Q4_K", blocks[:0]).shape == (0,)
