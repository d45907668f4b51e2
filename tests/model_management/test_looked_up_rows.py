"""Rows of a matrix that lies elsewhere: what an embedding reads, without the rest of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from heddle.numerics.number_blocks import BLOCK_KINDS
from model_management.accelerators.pretended import PretendedAccelerator
from model_management.checkpoint import open_checkpoint
from model_management.families.known import FAMILIES
from model_management.stored_weight import StoredWeight
from model_management.weights import Weights
from tests.model_management import tiny

IDS = torch.tensor([[3, 0, 3], [7, 1, 2]])


def plain(dtype: torch.dtype) -> StoredWeight:
    return StoredWeight.plain(torch.randn(8, 64, generator=torch.Generator().manual_seed(0)).to(dtype))


def blocks(kind: str) -> StoredWeight:
    what = BLOCK_KINDS[kind]
    generator = torch.Generator().manual_seed(1)
    raw = torch.randint(0, 60, (8 * 2 * what.size,), generator=generator, dtype=torch.uint8)
    return StoredWeight(raw, (8, 2 * what.count), kind=kind)


@pytest.mark.parametrize(
    "weight",
    [
        *(plain(dtype) for dtype in (torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn)),
        StoredWeight(plain(torch.float8_e5m2).raw, (8, 64), torch.tensor(0.3)),
        StoredWeight(plain(torch.float8_e4m3fn).raw, (8, 64), torch.arange(1.0, 9.0)),
        StoredWeight(torch.randn(64, 8).T, (8, 64)),
        *(blocks(kind) for kind in BLOCK_KINDS),
    ],
    ids=lambda weight: f"{weight.kind or weight.raw.dtype}, scale {weight.scale is not None}",
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_rows_have_the_numbers_of_the_whole(weight: StoredWeight, dtype: torch.dtype) -> None:
    rows = weight.rows(IDS, dtype)
    assert rows.dtype is dtype
    torch.testing.assert_close(rows, weight.widened(dtype)[IDS], rtol=0, atol=0, equal_nan=True)


def test_a_device_is_brought_the_words_of_a_text_and_not_the_vocabulary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model_management.lent_net.MANY_ROWS", 30)
    monkeypatch.setattr("model_management.weights.SMALL_BYTES", 1)
    opened = open_checkpoint(
        tiny.write_checkpoint(tmp_path / "m.safetensors", tiny.tiny_tensors(torch.float16)), FAMILIES
    )
    (encoder,) = opened.clip.encoders
    tokens = torch.tensor([[38, 3, 4, 39]])

    def encoded(weights: Weights) -> Tensor:
        with torch.inference_mode(), weights.hold(encoder) as net:
            return net(tokens).states.clone()

    device = PretendedAccelerator(1 << 24)
    made = encoded(Weights(torch.device("cpu"), accelerator=device))
    assert torch.equal(made, encoded(Weights(torch.device("cpu"))))
    (words,) = (shape for name, shape in encoder.stored.shapes.items() if name.endswith("token_embedding.weight"))
    assert device.brought_bytes <= 2 * (encoder.stored.numel - words[0] * words[1]) + 4 * 4 * words[1]
