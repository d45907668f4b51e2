"""What weights do to encoded text."""

import pytest
import torch

from heddle.numerics.emphasis import EMPHASES

STATES = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(1)) + 0.3
WEIGHTS = torch.ones(2, 5)
WEIGHTS[0, 2], WEIGHTS[1, 3] = 1.5, 0.5


@pytest.mark.parametrize("name", EMPHASES)
def test_weights_of_one_change_nothing(name: str) -> None:
    assert torch.allclose(EMPHASES[name](STATES, torch.ones(2, 5)), STATES)


def test_each_mode_does_what_it_says() -> None:
    for name in ("None", "Ignore"):
        assert torch.equal(EMPHASES[name](STATES, WEIGHTS), STATES)
    scaled = EMPHASES["No norm"](STATES, WEIGHTS)
    assert torch.equal(scaled[0, 2], STATES[0, 2] * 1.5)
    original = EMPHASES["Original"](STATES, WEIGHTS)
    assert float(original.mean()) == pytest.approx(float(STATES.mean()), rel=1e-5)
    assert torch.allclose(original / scaled, (STATES.mean() / scaled.mean()).expand_as(scaled))


def test_a_mean_that_vanished_gives_no_infinities() -> None:
    assert torch.equal(EMPHASES["Original"](STATES, torch.zeros(2, 5)), torch.zeros_like(STATES))
