"""Numbers of a few bits that share their scales in blocks, as GGUF files have them, made whole.

Each kind is a table of what lies where in a block, and a function from many blocks, [N, bytes] uint8, to their numbers,
[N, count] float32. Source: the block structs of ggml (https://github.com/ggml-org/ggml, ggml-common.h).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

_SHORT = 32  # numbers in a block of the older kinds
_LONG = 256  # numbers in a block of the K kinds, which have shares with scales of their own
_NUMBERS_AT_ONCE = 1 << 17  # what is made on the way, several times as much, is to stay near the processor


@dataclass(frozen=True)
class BlockKind:
    """count: how many numbers a block holds. size: in how many bytes."""

    count: int
    size: int
    widen: Callable[[Tensor], Tensor]


def widen_blocks(kind: str, raw: Tensor) -> Tensor:
    """The numbers of blocks that lie one after the other.

    Args:
        kind: one of `BLOCK_KINDS`.
        raw: uint8, [N * size].
    Returns: float32, [N * count].
    """
    what = BLOCK_KINDS[kind]
    blocks = raw.reshape(-1, what.size)
    numbers = torch.empty(len(blocks), what.count, device=raw.device)
    at_once = max(1, _NUMBERS_AT_ONCE // what.count)
    for into, part in zip(numbers.split(at_once), blocks.split(at_once), strict=True):
        into.copy_(what.widen(part))
    return numbers.reshape(-1)


def _halves(raw: Tensor) -> Tensor:
    """Bytes read as float16, in float32. [N, 2 * n] -> [N, n]."""
    return raw.contiguous().view(torch.float16).float()


def _nibbles(raw: Tensor) -> Tensor:
    """The lower four bits of all bytes, then the upper four. [..., n] -> [..., 2 * n]."""
    return torch.cat([raw & 15, raw >> 4], dim=-1)


def _bits(raw: Tensor) -> Tensor:
    """The bits of all bytes, the lowest first. [N, n] -> [N, 8 * n]."""
    return ((raw[..., None] >> torch.arange(8, dtype=torch.uint8, device=raw.device)) & 1).flatten(-2)


def _planes(raw: Tensor, bits: int) -> Tensor:
    """Fields of a few bits: the lowest of all bytes, then the next ones. [..., n] -> [..., (8 / bits) * n]."""
    return torch.cat([(raw >> shift) & ((1 << bits) - 1) for shift in range(0, 8, bits)], dim=-1)


def _q4_0(raw: Tensor) -> Tensor:
    return _halves(raw[:, :2]) * (_nibbles(raw[:, 2:]).float() - 8)


def _q4_1(raw: Tensor) -> Tensor:
    return _halves(raw[:, :2]) * _nibbles(raw[:, 4:]).float() + _halves(raw[:, 2:4])


def _q5_0(raw: Tensor) -> Tensor:
    return _halves(raw[:, :2]) * ((_nibbles(raw[:, 6:]) | (_bits(raw[:, 2:6]) << 4)).float() - 16)


def _q5_1(raw: Tensor) -> Tensor:
    numbers = _nibbles(raw[:, 8:]) | (_bits(raw[:, 4:8]) << 4)
    return _halves(raw[:, :2]) * numbers.float() + _halves(raw[:, 2:4])


def _q8_0(raw: Tensor) -> Tensor:
    return _halves(raw[:, :2]) * raw[:, 2:].contiguous().view(torch.int8).float()


def _q2_k(raw: Tensor) -> Tensor:
    shares, numbers, ends = raw[:, :16], raw[:, 16:80], _halves(raw[:, 80:84])
    # Two halves of 128; in each, four planes of 32 bytes.
    numbers = _planes(numbers.reshape(-1, 2, 32), 2).reshape(-1, 16, 16).float()
    scale, low = ends[:, :1] * (shares & 15).float(), ends[:, 1:] * (shares >> 4).float()
    return (scale[..., None] * numbers - low[..., None]).flatten(1)


def _q3_k(raw: Tensor) -> Tensor:
    high, numbers, packed, scale = raw[:, :32], raw[:, 32:96], raw[:, 96:108], _halves(raw[:, 108:110])
    # 16 scales of six bits: four from one half byte, two from the last four bytes.
    shares = _nibbles(packed[:, :8]) | (_planes(packed[:, 8:], 2) << 4)
    numbers = _planes(numbers.reshape(-1, 2, 32), 2).flatten(1).float()
    numbers = numbers - 4 * (1 - _planes(high, 1).float())  # a high bit that is not set takes 4 away
    scales = scale * (shares.float() - 32)
    return (scales[..., None] * numbers.reshape(-1, 16, 16)).flatten(1)


def _scales_and_lows(packed: Tensor) -> tuple[Tensor, Tensor]:
    """Eight scales and eight lows of six bits each, out of twelve bytes. [N, 12] -> [N, 8] twice, float32.

    The first four of either stand in six bits of a byte; the others in a half byte, with the two bits that those left.
    """
    first, second, rest = packed.split(4, dim=-1)
    scales = torch.cat([first & 63, (rest & 15) | ((first >> 6) << 4)], dim=-1)
    lows = torch.cat([second & 63, (rest >> 4) | ((second >> 6) << 4)], dim=-1)
    return scales.float(), lows.float()


def _scaled_shares(raw: Tensor, numbers: Tensor) -> Tensor:
    """scale * number - low for each of eight shares of 32. numbers: [N, 8, 32]."""
    ends = _halves(raw[:, :4])
    scales, lows = _scales_and_lows(raw[:, 4:16])
    scale, low = ends[:, :1] * scales, ends[:, 1:] * lows
    return (scale[..., None] * numbers.float() - low[..., None]).flatten(1)


def _q4_k(raw: Tensor) -> Tensor:
    return _scaled_shares(raw, _nibbles(raw[:, 16:].reshape(-1, 4, 32)).reshape(-1, 8, 32))


def _q5_k(raw: Tensor) -> Tensor:
    numbers = _nibbles(raw[:, 48:].reshape(-1, 4, 32)).reshape(-1, 8, 32)
    high = _planes(raw[:, 16:48], 1).reshape(-1, 8, 32)
    return _scaled_shares(raw, numbers | (high << 4))


def _q6_k(raw: Tensor) -> Tensor:
    low, high = raw[:, :128].reshape(-1, 2, 64), raw[:, 128:192].reshape(-1, 2, 32)
    shares, scale = raw[:, 192:208].contiguous().view(torch.int8).float(), _halves(raw[:, 208:])
    numbers = (_nibbles(low) | (_planes(high, 2) << 4)).reshape(-1, 16, 16).float() - 32
    return ((scale * shares)[..., None] * numbers).flatten(1)


#: What the sixteen numbers of the IQ4 kinds stand for.
_UNEVEN = (-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)


def _uneven(numbers: Tensor) -> Tensor:
    return torch.tensor(_UNEVEN, dtype=torch.float32, device=numbers.device)[numbers.long()]


def _iq4_nl(raw: Tensor) -> Tensor:
    return _halves(raw[:, :2]) * _uneven(_nibbles(raw[:, 2:]))


def _iq4_xs(raw: Tensor) -> Tensor:
    high = torch.stack([(raw[:, 2:4] >> shift) & 3 for shift in (0, 2, 4, 6)], dim=-1).flatten(1)
    low = torch.stack([raw[:, 4:8] & 15, raw[:, 4:8] >> 4], dim=-1).flatten(1)
    scales = _halves(raw[:, :2]) * ((low | (high << 4)).float() - 32)
    numbers = _uneven(_nibbles(raw[:, 8:].reshape(-1, 8, 16)))
    return (scales[..., None] * numbers).flatten(1)


BLOCK_KINDS: Mapping[str, BlockKind] = MappingProxyType(
    {
        "Q4_0": BlockKind(_SHORT, 18, _q4_0),
        "Q4_1": BlockKind(_SHORT, 20, _q4_1),
        "Q5_0": BlockKind(_SHORT, 22, _q5_0),
        "Q5_1": BlockKind(_SHORT, 24, _q5_1),
        "Q8_0": BlockKind(_SHORT, 34, _q8_0),
        "Q2_K": BlockKind(_LONG, 84, _q2_k),
        "Q3_K": BlockKind(_LONG, 110, _q3_k),
        "Q4_K": BlockKind(_LONG, 144, _q4_k),
        "Q5_K": BlockKind(_LONG, 176, _q5_k),
        "Q6_K": BlockKind(_LONG, 210, _q6_k),
        "IQ4_NL": BlockKind(_SHORT, 18, _iq4_nl),
        "IQ4_XS": BlockKind(_LONG, 136, _iq4_xs),
    }
)
