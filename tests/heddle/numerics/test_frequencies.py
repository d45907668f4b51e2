"""Slow and fast changes weighed: against sums of waves."""

import math

import torch

from heddle.numerics.frequencies import scale_frequencies


def test_factors_of_one_change_nothing() -> None:
    x = torch.randn(2, 3, 7, 10)
    torch.testing.assert_close(scale_frequencies(x, 1, 1.0), x)


def test_a_wave_is_scaled_by_what_its_frequency_says() -> None:
    columns = torch.arange(16) / 16 * 2 * math.pi
    slow, fast = (2 * columns).cos().expand(8, 16), (5 * columns).sin().expand(8, 16)
    torch.testing.assert_close(scale_frequencies(slow + fast, 3, 0.5, 4.0), 0.5 * slow + 4 * fast)


def test_with_a_cutoff_of_one_the_mean_counts_and_the_next_wave_half() -> None:
    x = torch.randn(1, 1, 6, 9)
    height, width = x.shape[-2:]
    rows, columns = torch.arange(height), torch.arange(width)
    spectrum = torch.zeros(height, width, dtype=torch.complex64)
    for u in range(height):
        for v in range(width):
            wave = torch.exp(-2j * math.pi * (u * rows[:, None] / height + v * columns / width))
            factor = 0.3 if u in (0, height - 1) and v in (0, width - 1) else 1.0
            spectrum[u, v] = factor * (x[0, 0] * wave).sum()
    wanted = torch.zeros(height, width, dtype=torch.complex64)
    for u in range(height):
        for v in range(width):
            wanted += spectrum[u, v] * torch.exp(2j * math.pi * (u * rows[:, None] / height + v * columns / width))
    torch.testing.assert_close(scale_frequencies(x, 1, 0.3)[0, 0], wanted.real / (height * width), rtol=1e-4, atol=1e-5)


def test_one_cell_is_all_mean_and_halves_come_back_as_they_were() -> None:
    torch.testing.assert_close(scale_frequencies(torch.full((1, 1, 1, 1), 3.0), 1, 0.5), torch.full((1, 1, 1, 1), 1.5))
    assert scale_frequencies(torch.randn(1, 2, 4, 4).half(), 1, 0.5).dtype == torch.float16
