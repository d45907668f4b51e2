"""Self-attention in tiles."""

import math

import pytest
import torch
from torch import Tensor

from heddle.networks.attention_tiles import attend_in_tiles
from heddle.networks.hooks import AttentionPlace
from heddle.numerics.attention import attend


def place(rows: int, columns: int, stage: int = 1) -> AttentionPlace:
    return AttentionPlace("input", stage, 0, "itself", (rows, columns))


def plainly(x: Tensor, keys_of: Tensor, values_of: Tensor) -> Tensor:
    return attend(x, keys_of, values_of, 2)


def tiled(x: Tensor, rows: int, columns: int, tile: int = 4) -> Tensor:
    return attend_in_tiles((rows, columns), 1.0, tile=tile)(place(rows, columns), x, x, x, plainly)


def test_one_tile_of_the_whole_size_is_plain_attention() -> None:
    x = torch.randn(2, 6 * 10, 8)
    assert torch.equal(tiled(x, 6, 10, tile=10), plainly(x, x, x))


def test_each_tile_attends_to_itself() -> None:
    x = torch.randn(2, 8 * 12, 8)
    got = tiled(x, 8, 12).view(2, 8, 12, 8)
    picture = x.view(2, 8, 12, 8)
    for top in (0, 4):
        for left in (0, 4, 8):
            tile = picture[:, top : top + 4, left : left + 4].reshape(2, 16, 8)
            wanted = plainly(tile, tile, tile).view(2, 4, 4, 8)
            torch.testing.assert_close(got[:, top : top + 4, left : left + 4], wanted)


def test_tiles_are_not_smaller_than_asked_for_and_the_picture_is_a_whole_number_of_them() -> None:
    seen: list[tuple[int, ...]] = []

    def run(x: Tensor, keys_of: Tensor, values_of: Tensor) -> Tensor:
        seen.append(tuple(x.shape))
        return x

    for rows, columns, least in ((10, 14, 4), (7, 9, 4), (3, 5, 8)):
        x = torch.randn(1, rows * columns, 4)
        around = attend_in_tiles((rows, columns), 1.0, tile=least)
        assert torch.equal(around(place(rows, columns), x, x, x, run), x)
    assert seen == [(4, 5 * 7, 4), (1, 63, 4), (1, 15, 4)]


@pytest.mark.parametrize(("sizes", "wanted"), [(1, {4}), (2, {4}), (3, {4, 6}), (4, {4, 6, 8}), (9, {4, 6, 8, 12})])
def test_sizes_take_turns_from_place_to_place_and_are_the_same_again(sizes: int, wanted: set[int]) -> None:
    x = torch.randn(1, 24, 4)

    def sides() -> list[int]:
        seen: list[int] = []

        def run(x: Tensor, keys_of: Tensor, values_of: Tensor) -> Tensor:
            seen.append(x.shape[1])
            return x

        for level in range(20):
            for stage in range(4):
                around = attend_in_tiles((1, 24), float(level), tile=4, sizes=sizes)
                around(place(1, 24, stage), x, x, x, run)
        return seen

    first = sides()
    assert set(first) == wanted  # the divisors of 24 from 4 on: 4, 6, 8, 12, 24
    assert first == sides()


def test_halved_pictures_are_cut_only_as_deep_as_asked() -> None:
    x = torch.randn(1, 8 * 8, 8)
    assert torch.equal(tiled_at_half(x, depth=0), plainly(x, x, x))
    assert not torch.allclose(tiled_at_half(x, depth=1), plainly(x, x, x), atol=1e-3)
    assert torch.equal(tiled_at_half(x, depth=1, grows=True), plainly(x, x, x))


def tiled_at_half(x: Tensor, depth: int, grows: bool = False) -> Tensor:
    side = math.isqrt(x.shape[1])
    around = attend_in_tiles((2 * side, 2 * side), 1.0, tile=4, depth=depth, grows=grows)
    return around(place(side, side), x, x, x, plainly)


def test_what_reads_the_text_or_is_no_grid_any_more_is_left_alone() -> None:
    x, text = torch.randn(1, 64, 8), torch.randn(1, 5, 8)
    around = attend_in_tiles((8, 8), 1.0, tile=4)
    reads_text = AttentionPlace("input", 1, 0, "text", (8, 8))
    assert torch.equal(around(reads_text, x, text, text, plainly), plainly(x, text, text))
    more = torch.randn(1, 70, 8)
    assert torch.equal(around(place(8, 8), x, more, more, plainly), plainly(x, more, more))
