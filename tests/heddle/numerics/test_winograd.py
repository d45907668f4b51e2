from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d, interpolate

from heddle.numerics import winograd
from heddle.numerics.winograd import conv3x3, conv3x3_of_doubled


def see_equal(made: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(made, wanted, rtol=1e-5, atol=1e-5)


def draw(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.fixture(params=[1, 1 << 20], ids=["large tiles", "small tiles"])
def tiles(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(winograd, "LARGE_TILE_CELLS", request.param)


@pytest.mark.usefixtures("tiles")
@pytest.mark.parametrize("size", [(8, 12), (8, 6), (5, 7), (1, 1), (2, 3)])
@pytest.mark.parametrize("border", [0, 1])
def test_tiles_give_what_the_sum_gives(size: tuple[int, int], border: int) -> None:
    height, width = (side + 2 - 2 * border for side in size)
    x, weight, bias = draw(2, 3, height, width), draw(4, 3, 3, 3), draw(4)
    wanted = conv2d(x, weight, bias, padding=border)
    see_equal(conv3x3(x, weight, bias, border), wanted)


def test_a_bias_may_lack() -> None:
    x, weight = draw(1, 3, 4, 4), draw(2, 3, 3, 3)
    see_equal(conv3x3(x, weight, None), conv2d(x, weight, padding=1))


@pytest.mark.parametrize("size", [(4, 6), (5, 3), (1, 1)])
def test_a_doubled_picture_is_convolved_without_being_made(size: tuple[int, int]) -> None:
    x, weight, bias = draw(2, 3, *size), draw(4, 3, 3, 3), draw(4)
    wanted = conv2d(interpolate(x, scale_factor=2.0, mode="nearest"), weight, bias, padding=1)
    see_equal(conv3x3_of_doubled(x, weight, bias), wanted)


@pytest.mark.usefixtures("tiles")
def test_strips_meet_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    x, weight, bias = draw(2, 3, 13, 9), draw(4, 3, 3, 3), draw(4)
    whole, doubled = conv3x3(x, weight, bias), conv3x3_of_doubled(x, weight, bias)
    monkeypatch.setattr(winograd, "STRIP_BYTES", 1)  # one row of tiles at a time
    see_equal(conv3x3(x, weight, bias), whole)
    see_equal(conv3x3_of_doubled(x, weight, bias), doubled)


@pytest.mark.parametrize(
    ("convolve", "side", "outputs", "products"),
    [(conv3x3, 8, 2, 16), (conv3x3, 32, 4, 36), (conv3x3_of_doubled, 4, 2, 9)],
)
def test_a_tile_takes_few_products(
    convolve: Callable[..., Tensor], side: int, outputs: int, products: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = []
    multiply = torch.bmm

    def count(x: Tensor, weight: Tensor, **into: Tensor) -> Tensor:
        shapes.append((len(x), x.shape[1]))
        return multiply(x, weight, **into)

    monkeypatch.setattr(torch, "bmm", count)
    made = convolve(draw(1, 3, side, side), draw(5, 3, 3, 3), None)
    tiles = made[0, 0].numel() // outputs**2
    assert (products, tiles) in shapes  # a plain sum takes 9 for each output


@pytest.mark.parametrize(("side", "most"), [(8, 2e-6), (32, 8e-6)])
def test_the_error_is_near_that_of_the_plain_sum(side: int, most: float) -> None:
    x, weight = draw(1, 64, side, side), draw(64, 64, 3, 3)
    wanted = conv2d(x.double(), weight.double(), padding=1)
    assert (conv3x3(x, weight, None) - wanted).abs().max() <= most * wanted.abs().max()
