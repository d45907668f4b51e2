"""Noise from seeds."""

import pytest
import torch

from heddle.graph.errors import ShapeError
from heddle.samplers.noise import initial_noise, step_noise, white_noise

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
    levels = torch.tensor(1.0), torch.tensor(0.5)
    source = step_noise(42, torch.zeros(SHAPE))
    first, second = source(*levels), source(*levels)
    assert torch.equal(first, initial_noise(43, SHAPE))
    assert not torch.equal(first, second)
    assert torch.equal(step_noise(2**64 - 1, torch.zeros(SHAPE))(*levels), initial_noise(0, SHAPE))
