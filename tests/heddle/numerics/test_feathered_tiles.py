import pytest
import torch

from heddle.numerics.feathered_tiles import count_tiles, scale_in_tiles


def tiled(line: torch.Tensor, tile: int, overlap: int, seen: list[torch.Tensor] | None = None) -> torch.Tensor:
    """A line in tiles, each of which becomes its own number."""
    numbers = iter(range(1, 100))

    def number(part: torch.Tensor) -> torch.Tensor:
        if seen is not None:
            seen.append(part)
        return torch.full_like(part, float(next(numbers)))

    same = [lambda length: length]
    return scale_in_tiles(line, number, [tile], [overlap], same, same, 1, torch.device("cpu"), lambda: None)


def test_tiles_fade_into_each_other_in_equal_steps():
    got = tiled(torch.zeros(1, 1, 14), 8, 2)[0, 0]
    assert got[:6].tolist() == [1.0] * 6 and got[8:].tolist() == [2.0] * 6
    # 1 counts 1 and 1/2 there, 2 counts 1/2 and 1
    torch.testing.assert_close(got[6:8], torch.tensor([(1 + 2 / 2) / 1.5, (1 / 2 + 2) / 1.5]))


def test_the_last_tile_is_shorter_and_one_shorter_than_the_feather_has_none():
    seen: list[torch.Tensor] = []
    tiled(torch.arange(23.0).reshape(1, 1, 23), 8, 2, seen)
    assert [(int(part[0, 0, 0]), part.shape[-1]) for part in seen] == [(0, 8), (6, 8), (12, 8), (18, 5)]
    assert len(seen) == count_tiles(23, 1, 8, 8, 2)
    got = tiled(torch.zeros(1, 1, 9), 8, 2)  # the second tile, of three, counts fully at its ends only where feathered
    assert bool(got.isfinite().all())


def test_what_fits_into_one_tile_is_given_whole_and_each_item_alone():
    seen: list[torch.Tensor] = []
    tiled(torch.zeros(3, 1, 8), 8, 2, seen)
    assert [part.shape for part in seen] == [(1, 1, 8)] * 3


def test_tiles_no_longer_than_their_overlap_are_refused():
    with pytest.raises(ValueError, match="longer"):
        tiled(torch.zeros(1, 1, 20), 4, 4)


@pytest.mark.parametrize(("width", "height", "count"), [(16, 16, 1), (17, 16, 2), (40, 52, 3 * 4), (28, 28, 4)])
def test_how_many_tiles_a_plane_has(width: int, height: int, count: int):
    assert count_tiles(width, height, 16, 16, 4) == count
