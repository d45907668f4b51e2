"""Batches, lists and tiles of images."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from heddle.graph.declare import spec_of
from heddle.graph.errors import GraphError, ShapeError
from nodes.image.batch import (
    batch_images,
    batch_two,
    deduplicate,
    from_batch,
    make_grid,
    merge_lists,
    rebatch_images,
    repeat,
)
from nodes.image.tiles import merge, split
from tests.nodes.fake_context import FakeContext


def flat(*values: float, height: int = 4, width: int = 6, channels: int = 3) -> Tensor:
    """One image of each value."""
    return torch.tensor(values)[:, None, None, None].expand(-1, height, width, channels).clone()


def values(images: Tensor) -> Any:
    return [pytest.approx(float(image[0, 0, 0])) for image in images]


def test_a_batch_takes_any_number_of_images_in_their_order() -> None:
    call = spec_of(batch_images).call
    assert call is not None
    (made,) = call(**{f"images.image{number}": flat(number / 20) for number in (10, 2, 0)})
    assert values(made) == [0, 0.1, 0.5]


def test_a_batch_has_the_first_ones_size_and_the_most_channels() -> None:
    made = batch_two(flat(0.2, 0.4), flat(0.6, height=9, width=9, channels=4))
    assert made.shape == (3, 4, 6, 4)
    assert made[0, 0, 0].tolist() == pytest.approx([0.2, 0.2, 0.2, 1])
    assert made[2, 0, 0].tolist() == pytest.approx([0.6, 0.6, 0.6, 0.6])
    assert batch_two(flat(0.2, channels=1), flat(0.4)).shape == (2, 4, 6, 3)


def test_a_batch_of_nothing_is_refused() -> None:
    with pytest.raises(GraphError, match="link at least one"):
        batch_images({})


def test_other_sizes_are_cut_and_not_stretched() -> None:
    wide = torch.zeros(1, 4, 40, 3)
    wide[:, :, 18:22] = 1
    assert bool((batch_two(flat(0.5, height=4, width=4), wide)[1] == 1).all())


@pytest.mark.parametrize(
    ("index", "length", "wanted"),
    [(1, 2, [0.1, 0.2]), (3, 9, [0.3]), (99, 1, [0.3]), (-1, 1, [0.3]), (-3, 2, [0.1, 0.2]), (-99, 1, [0.0])],
)
def test_images_are_taken_from_either_end(index: int, length: int, wanted: list[float]) -> None:
    assert values(from_batch(flat(0.0, 0.1, 0.2, 0.3), index, length)) == pytest.approx(wanted)


def test_nothing_is_taken_from_an_empty_batch() -> None:
    assert from_batch(torch.zeros(0, 4, 4, 3), 0, 1).shape == (0, 4, 4, 3)


def test_a_batch_is_repeated_whole() -> None:
    assert values(repeat(flat(0.1, 0.2), 2)) == pytest.approx([0.1, 0.2, 0.1, 0.2])


def test_new_batches_begin_where_the_size_changes() -> None:
    lists = [flat(0.1, 0.2, 0.3), flat(0.4), flat(0.5, height=8), flat(0.6, height=8)]
    made = rebatch_images(lists, [3])
    assert [values(each) for each in made] == [pytest.approx(each) for each in ([0.1, 0.2, 0.3], [0.4], [0.5, 0.6])]
    assert [len(each) for each in rebatch_images(lists, [1])] == [1] * 6
    assert rebatch_images([], [4]) == []


def test_doubles_go_also_if_they_are_smaller_or_brighter() -> None:
    torch.manual_seed(1)
    first, other = (torch.rand(1, 8, 8, 3).repeat_interleave(8, 1).repeat_interleave(8, 2) for _ in range(2))
    smaller = torch.nn.functional.avg_pool2d(first.movedim(-1, 1), 2).movedim(1, -1)
    ctx = FakeContext()
    kept = deduplicate([torch.cat([first, other]), smaller, first * 0.9, other], [0.95], ctx)
    assert len(kept) == 2 and torch.equal(kept[0], first) and torch.equal(kept[1], other)
    assert "3 of 5" in ctx.notes[0]
    assert len(deduplicate([first, other], [0.0], FakeContext())) == 1


def test_a_grid_has_a_cell_for_each_image_and_room_between() -> None:
    made = make_grid([flat(1.0, 1.0, 1.0, height=64, width=64)], [2], [32], [40], [4])
    assert made.shape == (1, 84, 68, 3)
    assert float(made[..., 0].sum()) == 3 * 32 * 32
    assert made[0, 4, 0].tolist() == [1, 1, 1] and made[0, 0, 0].tolist() == [0, 0, 0]
    small = make_grid([flat(1.0, height=8, width=8, channels=1), flat(1.0, channels=4)], [4], [32], [32], [0])
    assert small.shape == (1, 32, 128, 3)
    assert float(small[..., 0].sum()) == 8 * 8 + 4 * 6
    with pytest.raises(GraphError, match="no images"):
        make_grid([], [4], [32], [32], [0])


def test_lists_are_passed_on_as_they_are() -> None:
    lists = [flat(0.1, 0.2), flat(0.3)]
    assert [torch.equal(*pair) for pair in zip(merge_lists(lists), lists, strict=True)] == [True, True]


@pytest.mark.parametrize(
    ("width", "height", "tile_width", "tile_height", "overlap"),
    [
        (200, 130, 64, 64, 16),
        (200, 130, 64, 80, 0),
        (64, 64, 64, 64, 32),
        (70, 300, 128, 64, 63),
        (65, 64, 64, 64, 999),
    ],
)
def test_tiles_put_together_are_the_image_again(
    width: int, height: int, tile_width: int, tile_height: int, overlap: int
) -> None:
    image = torch.rand(2, height, width, 3)
    tiles = split(image, tile_width, tile_height, overlap)
    assert {tuple(each.shape[1:3]) for each in tiles} == {(min(tile_height, height), min(tile_width, width))}
    torch.testing.assert_close(merge(tiles, [width], [height], [overlap]), image)


def test_tiles_that_differ_fade_into_each_other_without_a_step() -> None:
    tiles = split(torch.zeros(1, 64, 160, 3), 64, 64, 16)
    bright = [tile + number for number, tile in enumerate(tiles)]
    row = merge(bright, [160], [64], [16])[0, 0, :, 0]
    assert float(row[0]) == 0 and float(row[-1]) == len(tiles) - 1
    assert float(row.diff().min()) >= 0 and float(row.diff().max()) <= 1 / 16 + 1e-6


def test_enlarged_tiles_make_the_enlarged_image() -> None:
    image = torch.rand(1, 100, 150, 3)
    tiles = [each.repeat_interleave(2, 1).repeat_interleave(2, 2) for each in split(image, 64, 64, 16)]
    whole = image.repeat_interleave(2, 1).repeat_interleave(2, 2)
    torch.testing.assert_close(merge(tiles, [300], [200], [32]), whole)


def test_tiles_that_do_not_make_the_image_are_refused() -> None:
    tiles: list[Any] = split(torch.rand(1, 100, 150, 3), 64, 64, 16)
    with pytest.raises(ShapeError, match=r"6 tiles of 64 x 64.* made of 24"):
        merge(tiles, [300], [200], [16])
    with pytest.raises(ShapeError, match="all are to have one"):
        merge([*tiles[:-1], tiles[-1][:, :5]], [150], [100], [16])
    with pytest.raises(ShapeError, match="no tiles"):
        merge([], [150], [100], [16])
