import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from heddle.numerics import strips
from heddle.numerics.shared_norms import norms_as_of
from heddle.numerics.strips import activated, can_strip, convolve, like


def draw(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.fixture
def norm() -> nn.GroupNorm:
    torch.manual_seed(0)
    norm = nn.GroupNorm(4, 8)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    return norm


@pytest.mark.parametrize("strip_bytes", [1, 1 << 20])
@pytest.mark.parametrize("height", [1, 2, 3, 8, 9])
def test_strips_meet_without_a_seam(
    norm: nn.GroupNorm, height: int, strip_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strips, "STRIP_BYTES", strip_bytes)
    conv = nn.Conv2d(8, 6, 3, padding=1)
    x = 5 + 3 * draw(2, 8, height, 5)
    with torch.no_grad():
        wanted = conv(silu(norm(x)))
        made = like(x, 6)
        for rows, seen in activated(x, norm):
            made[:, :, rows] = convolve(seen, conv)
            x[:, :, rows] = torch.nan  # what was given out may be written to
    torch.testing.assert_close(made, wanted, rtol=1e-5, atol=1e-5)


def test_a_strip_has_a_cell_more_on_each_side(norm: nn.GroupNorm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strips, "STRIP_BYTES", 1)
    x = draw(1, 8, 9, 4)
    with torch.no_grad():
        seen = [(rows.start, rows.stop, tuple(strip.shape[2:])) for rows, strip in activated(x, norm)]
    assert seen == [(0, 4, (6, 6)), (4, 8, (6, 6)), (8, 9, (3, 6))]


def test_norms_that_are_not_what_they_seem_are_left_alone(norm: nn.GroupNorm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strips, "STRIP_BYTES", 1)
    x = draw(1, 8, 4, 4)
    assert not can_strip(x, norm)  # gradients are wanted
    with torch.no_grad():
        assert can_strip(x, norm)
        assert not can_strip(x[:, :, :0], norm)  # nothing to be saved
        assert not can_strip(x.bfloat16(), norm)
        assert not can_strip(x, norm, nn.Identity())
        with norms_as_of(norm, lambda: norm(x)):
            assert not can_strip(x, norm)
        assert can_strip(x, norm)
