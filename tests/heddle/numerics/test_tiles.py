from itertools import pairwise

import pytest
import torch
from torch import nn

from heddle.numerics.shared_norms import norms_as_of
from heddle.numerics.tiles import all_tiles, blend_pieces, blend_tiles, even_tile, tile_starts


@pytest.mark.parametrize(("size", "tile", "overlap"), [(64, 16, 4), (65, 16, 4), (16, 16, 4), (17, 16, 0), (100, 7, 3)])
def test_tiles_cover_the_whole_and_share_what_they_should(size: int, tile: int, overlap: int):
    starts = tile_starts(size, tile, overlap)
    assert starts[0] == 0 and starts[-1] == size - tile
    assert all(before + tile - after >= overlap for before, after in pairwise(starts))
    assert len(starts) == 1 + max(0, -(-(size - tile) // (tile - overlap)))


@pytest.mark.parametrize(("height", "width"), [(5, 40), (64, 33), (16, 16), (1, 1)])
@pytest.mark.parametrize("overlap", [0, 4, 400])
@pytest.mark.parametrize("scale", [1, 3])
def test_what_each_place_gives_alone_comes_out_as_from_the_whole(height: int, width: int, overlap: int, scale: int):
    plane = torch.randn(2, 3, height, width)

    def enlarge(x: torch.Tensor) -> torch.Tensor:
        return x.repeat_interleave(scale, 2).repeat_interleave(scale, 3)

    whole = blend_tiles(height, width, 16, overlap, lambda rows, columns: enlarge(plane[:, :, rows, columns]), scale)
    torch.testing.assert_close(whole, enlarge(plane), rtol=1e-5, atol=1e-6)


def test_tiles_that_disagree_meet_in_a_slope_and_not_in_a_step():
    number = iter(range(100))
    line = blend_tiles(8, 40, 16, 4, lambda rows, columns: torch.full((1, 1, 8, 16), float(next(number))))[0, 0, 0]
    assert len(all_tiles(8, 40, 16, 4)) == 3
    assert (line[0], line[-1]) == (0, 2)
    steps = line.diff()
    assert steps.min() >= 0 and steps.max() <= 0.25 + 1e-6


def test_a_net_that_looks_less_far_than_what_is_spare_gives_the_same_in_tiles():
    torch.manual_seed(0)
    plane, net = torch.randn(1, 3, 50, 70), nn.Conv2d(3, 3, 5, padding=2)
    with torch.no_grad():
        made = blend_tiles(50, 70, (32, 24), 8, lambda rows, columns: net(plane[:, :, rows, columns]), spare=0.25)
        torch.testing.assert_close(made, net(plane))
        plain = blend_tiles(50, 70, (32, 24), 8, lambda rows, columns: net(plane[:, :, rows, columns]))
    assert float((plain - net(plane)).abs().max()) > 0.01


@pytest.mark.parametrize("size", [33, 64, 65, 200])
def test_tiles_begin_at_multiples_and_still_cover_everything(size: int):
    tiles = [rows for rows, _ in all_tiles(size, 1, 32, 8, 8)]
    assert all(each.start % 8 == 0 for each in tiles) and tiles[-1].start + tiles[-1].size == size
    assert all(each.before >= 8 for each in tiles[1:])
    made = blend_tiles(size, 1, 32, 8, lambda rows, columns: torch.ones(1, 1, rows.stop - rows.start, 1), step=8)
    torch.testing.assert_close(made, torch.ones_like(made))


@pytest.mark.parametrize(("size", "wanted"), [(500, 500), (512, 512), (513, 280), (600, 320), (2000, 432)])
def test_even_tiles_are_no_more_and_no_larger_than_they_have_to_be(size: int, wanted: int):
    tile = even_tile(size, 512, 32, 8)
    assert tile == wanted
    assert len(tile_starts(size, tile, 32)) == len(tile_starts(size, min(512, size), 32))


def test_norms_are_those_of_another_input_until_the_block_ends():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.GroupNorm(4, 8), nn.Conv2d(8, 8, 1), nn.GroupNorm(2, 8))
    whole, piece = torch.randn(1, 3, 12, 12) * 3 + 1, torch.randn(1, 3, 5, 5)
    with torch.no_grad():
        own = net(piece)
        with norms_as_of(net, lambda: net(whole)):
            torch.testing.assert_close(net(whole), nn.Sequential(*net)(whole))
            shared = net(piece)
            torch.testing.assert_close(net(whole[..., :6, :])[..., :5, :], net(whole)[..., :5, :], rtol=1e-4, atol=1e-5)
        assert (shared - own).abs().max() > 0.1
        torch.testing.assert_close(net(piece), own)


def test_norms_are_their_own_again_after_an_error():
    net = nn.Sequential(nn.GroupNorm(2, 4))
    x = torch.randn(1, 4, 3, 3)
    wanted = net(x)
    with pytest.raises(ZeroDivisionError), norms_as_of(net, lambda: net(x * 2)):
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError), norms_as_of(net, lambda: 1 / 0):
        pass
    torch.testing.assert_close(net(x), wanted)


@pytest.mark.parametrize(("length", "most", "overlap"), [(19, 8, 2), (19, 8, 100), (5, 8, 2), (3, 1, 2), (7, 3, 0)])
def test_a_sequence_in_pieces_comes_out_as_from_the_whole(length: int, most: int, overlap: int):
    sequence, seen = torch.randn(length, 2, 3), []

    def make(places: slice) -> torch.Tensor:
        seen.append((places.start, places.stop))
        return sequence[places] * 2

    torch.testing.assert_close(blend_pieces(length, most, overlap, make), sequence * 2)
    assert all(stop - start <= most for start, stop in seen)
    assert all(min(overlap, (stop - start) // 4) <= stop - after for (start, stop), (after, _) in pairwise(seen))


def test_pieces_fade_into_each_other_over_what_they_share():
    made = iter((0.0, 1.0))
    whole = blend_pieces(12, 8, 2, lambda places: torch.full((places.stop - places.start,), next(made)))
    assert (whole.diff() >= 0).all() and whole[0] == 0 and whole[-1] == 1
    assert 0 < whole[5] < whole[6] < 1
