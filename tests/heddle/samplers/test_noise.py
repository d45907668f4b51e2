"""Noise from seeds."""

import warnings

import pytest
import torch

from heddle.graph.errors import ShapeError
from heddle.samplers.noise import brownian_noise, initial_noise, step_noise, white_noise

SHAPE = (3, 4, 8, 8)


def test_a_seed_is_what_torch_gives_for_it() -> None:
    torch_state = torch.random.get_rng_state()
    torch.manual_seed(42)
    expected = torch.randn(SHAPE)
    torch.random.set_rng_state(torch_state)
    assert torch.equal(initial_noise(42, SHAPE), expected)


def test_drawing_leaves_the_global_generator_alone() -> None:
    before = torch.random.get_rng_state()
    initial_noise(1, SHAPE)
    white_noise(1, torch.zeros(2))(torch.tensor(1.0), torch.tensor(0.5))
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("seed", [0, 2**63, 2**64 - 1])
def test_seeds_of_64_bits_work_and_larger_ones_wrap(seed: int) -> None:
    assert torch.equal(initial_noise(seed, SHAPE), initial_noise(seed + 2**64, SHAPE))
    assert not torch.equal(initial_noise(seed, SHAPE), initial_noise(seed + 1, SHAPE))


def test_a_picture_of_a_batch_keeps_its_noise_when_it_is_taken_out() -> None:
    batch = initial_noise(5, (3, 4, 8, 8), [2, 0, 5])
    assert torch.equal(batch[0:1], initial_noise(5, (1, 4, 8, 8), [2]))
    assert torch.equal(batch[2:3], initial_noise(5, (1, 4, 8, 8), [5]))
    assert torch.equal(initial_noise(5, (2, 4, 8, 8), [3, 3])[0], initial_noise(5, (1, 4, 8, 8), [3])[0])


def test_a_batch_index_of_another_length_than_the_batch_is_refused() -> None:
    with pytest.raises(ShapeError, match="has 3 pictures, but its batch_index names 2"):
        initial_noise(5, (3, 4, 8, 8), [0, 1])


def test_the_noise_between_steps_does_not_repeat_the_noise_of_the_start() -> None:
    levels = torch.tensor([1.0, 0.5])
    source = step_noise(42).source("white", torch.zeros(SHAPE), levels)
    first, second = source(*levels), source(*levels)
    assert torch.equal(first, initial_noise(43, SHAPE))
    assert not torch.equal(first, second)
    wrapped = step_noise(2**64 - 1).source("white", torch.zeros(SHAPE), levels)
    assert torch.equal(wrapped(*levels), initial_noise(0, SHAPE))


class TestBrownian:
    SIGMAS = torch.tensor([14.6, 6.0, 2.0, 0.5, 0.1, 0.0])
    BIG = torch.zeros(1, 4, 64, 64)

    def grown(self, high: float, low: float, seed: int = 3) -> torch.Tensor:
        """What a fresh path of this seed grows by."""
        source = brownian_noise(seed, self.BIG, self.SIGMAS)
        return source(torch.tensor(high), torch.tensor(low)) * (high - low) ** 0.5

    def test_a_draw_has_unit_variance_over_any_part(self) -> None:
        source = brownian_noise(3, self.BIG, self.SIGMAS)
        for high, low in ((14.6, 6.0), (6.0, 0.5), (0.5, 0.1), (3.0, 2.9)):
            drawn = source(torch.tensor(high), torch.tensor(low))
            assert float(drawn.std()) == pytest.approx(1, abs=0.03)
            assert abs(float(drawn.mean())) < 0.03

    def test_parts_add_up_to_the_whole_in_whatever_order_they_are_asked_for(self) -> None:
        whole = self.grown(14.6, 2.0)
        assert torch.allclose(self.grown(14.6, 6.0) + self.grown(6.0, 2.0), whole, atol=1e-4)
        source = brownian_noise(3, self.BIG, self.SIGMAS)
        source(torch.tensor(1.0), torch.tensor(0.7))
        assert torch.allclose(source(torch.tensor(14.6), torch.tensor(2.0)) * 12.6**0.5, whole, atol=1e-4)

    def test_parts_that_do_not_meet_are_independent(self) -> None:
        a, b = self.grown(14.6, 6.0).flatten(), self.grown(6.0, 2.0).flatten()
        assert abs(float(torch.corrcoef(torch.stack([a, b]))[0, 1])) < 0.03

    def test_a_way_up_is_the_way_down_backwards(self) -> None:
        source = brownian_noise(3, self.BIG, self.SIGMAS)
        down, up = source(*self.SIGMAS[1:3]), source(*self.SIGMAS[1:3].flip(0))
        assert torch.allclose(down, -up)

    def test_a_seed_is_a_path(self) -> None:
        assert torch.equal(self.grown(6.0, 2.0, seed=-1), self.grown(6.0, 2.0, seed=2**64 - 1))
        assert not torch.equal(self.grown(6.0, 2.0, seed=4), self.grown(6.0, 2.0))

    def test_levels_without_a_way_between_them_and_levels_outside_draw_without_complaint(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            one = brownian_noise(3, self.BIG, torch.tensor([2.0, 0.0]))
            assert not bool(one(torch.tensor(2.0), torch.tensor(2.0)).any())
            odd = torch.tensor([14.614643096923828, 0.13636364042758942])
            source = brownian_noise(3, self.BIG, odd)
            assert bool(source(*odd).isfinite().all())
            assert bool(source(torch.tensor(20.0), torch.tensor(0.01)).isfinite().all())
