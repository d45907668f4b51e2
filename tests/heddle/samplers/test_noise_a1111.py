"""A1111's noise, and the catalogue of sources."""

import math

import pytest
import torch
from torch import Tensor

from heddle.graph.errors import HeddleError, ShapeError
from heddle.samplers.noise import initial_noise, seeded, step_noise
from heddle.samplers.noise_a1111 import CpuStream, ImageNoise, Variation, slerp
from heddle.samplers.noise_sources import DEFAULT, NOISE_SOURCES, run_noise
from heddle.samplers.philox import Philox
from heddle.samplers.sampler import NoiseKind

SHAPE = (4, 6, 8)
SIGMAS = torch.tensor([4.0, 2.0, 1.0])
KINDS: tuple[NoiseKind, ...] = ("white", "brownian")


def randn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=seeded(seed))


def test_each_image_has_a_stream_of_its_own() -> None:
    noise = ImageNoise(CpuStream, SHAPE, [5, 9])
    generator = seeded(9)
    assert torch.equal(noise.first()[1], torch.randn(SHAPE, generator=generator))
    assert torch.equal(noise.next()[1], torch.randn(SHAPE, generator=generator))
    assert torch.equal(noise.next()[1], torch.randn(SHAPE, generator=generator))


def test_a_variation_of_strength_1_is_the_other_noise_and_of_0_none() -> None:
    whole = ImageNoise(CpuStream, SHAPE, [5, 6], variation=Variation([7], 1.0)).first()
    assert torch.allclose(whole[0], randn(7, *SHAPE), atol=1e-6)
    assert torch.allclose(whole[1], randn(0, *SHAPE), atol=1e-6)  # beyond the list
    none = ImageNoise(CpuStream, SHAPE, [5], variation=Variation([7], 0.0)).first()
    assert torch.equal(none[0], randn(5, *SHAPE))


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_slerp_turns_at_an_even_rate_along_the_second_dimension(share: float) -> None:
    low, high = torch.tensor([[[2.0], [0.0]]]), torch.tensor([[[0.0], [2.0]]])
    angle = share * math.pi / 2
    wanted = torch.tensor([[[2 * math.cos(angle)], [2 * math.sin(angle)]]])
    assert torch.allclose(slerp(low, high, share), wanted, atol=1e-6)


def test_slerp_of_what_points_the_same_way_is_a_straight_line() -> None:
    noise = randn(1, *SHAPE)
    assert torch.allclose(slerp(noise, 2 * noise, 0.25), 1.25 * noise, atol=1e-6)
    half = noise.clone()
    half[..., 4:] = -randn(2, 4, 6, 4)  # the same way only in some places
    assert bool(slerp(noise, half, 0.5).isfinite().all())


@pytest.mark.parametrize(("height", "width"), [(12, 16), (6, 16), (4, 4), (7, 9), (5, 3)])
def test_a_picture_of_another_size_lies_in_the_middle(height: int, width: int) -> None:
    made = randn(3, 4, 8, 8)
    got = ImageNoise(CpuStream, (4, height, width), [3], made_at_px=(64, 64)).first()[0]
    inside = 0
    for y in range(height):
        for x in range(width):
            at_y, at_x = y - (height - 8) // 2, x - (width - 8) // 2
            if 0 <= at_y < 8 and 0 <= at_x < 8 and torch.equal(got[:, y, x], made[:, at_y, at_x]):
                inside += 1
    odd_cut = [2 * (side < 8 and side % 2) for side in (height, width)]  # of an odd margin one more is left out
    assert inside >= (min(height, 8) - odd_cut[0]) * (min(width, 8) - odd_cut[1]) > 0


def test_the_noise_of_steps_may_have_other_seeds() -> None:
    noise = ImageNoise(CpuStream, SHAPE, [5], step_seed_delta=31337)
    assert torch.equal(noise.first()[0], randn(5, *SHAPE))
    assert torch.equal(noise.next()[0], randn(5 + 31337, *SHAPE))


def test_a_batch_without_an_image_is_refused() -> None:
    with pytest.raises(ShapeError):
        ImageNoise(Philox, SHAPE, [])


def test_the_default_source_is_this_ecosystems() -> None:
    like = torch.zeros(2, *SHAPE)
    noise = run_noise(DEFAULT, 8, like, batch_index=[3, 1])
    assert torch.equal(noise.first, initial_noise(8, like.shape, [3, 1]))
    for kind in KINDS:
        drawn, wanted = (one.source(kind, like, SIGMAS)(*SIGMAS[:2]) for one in (noise.steps, step_noise(8)))
        assert torch.equal(drawn, wanted)


@pytest.mark.parametrize("source", NOISE_SOURCES)
@pytest.mark.parametrize("batch_index", [None, [4, 0, 2]])
def test_an_image_of_a_batch_is_as_it_would_be_alone(source: str, batch_index: list[int] | None) -> None:
    like = torch.zeros(3, *SHAPE)
    batch = run_noise(source, 20, like, batch_index=batch_index, each_alone=True)
    sources = {kind: batch.steps.source(kind, like, SIGMAS) for kind in KINDS}
    drawn = {kind: [sources[kind](*SIGMAS[i : i + 2]) for i in range(2)] for kind in KINDS}
    for place, number in enumerate(batch_index or range(3)):
        alone = run_noise(source, 20 + number, like[:1])
        assert torch.equal(batch.first[place], alone.first[0])
        assert torch.equal(batch.steps.over_kept(like)[place], alone.steps.over_kept(like[:1])[0])
        for kind in KINDS:
            own = alone.steps.source(kind, like[:1], SIGMAS)
            for i in range(2):
                assert torch.equal(drawn[kind][i][place], own(*SIGMAS[i : i + 2])[0])


def test_step_noise_has_the_latents_dtype() -> None:
    for source in NOISE_SOURCES:
        like = torch.zeros(1, *SHAPE, dtype=torch.float64)
        noise = run_noise(source, 1, like)
        assert noise.first.dtype is torch.float32
        for kind in KINDS:
            assert noise.steps.source(kind, like, SIGMAS)(*SIGMAS[:2]).dtype is torch.float64


def test_what_is_no_source_or_no_index_is_named() -> None:
    with pytest.raises(HeddleError, match=r"'dice'.*a1111 gpu"):
        run_noise("dice", 1, torch.zeros(1, *SHAPE))
    with pytest.raises(ShapeError, match=r"2 pictures.*names 1"):
        run_noise("a1111 cpu", 1, torch.zeros(2, *SHAPE), batch_index=[0])


@pytest.mark.parametrize("source", NOISE_SOURCES)
def test_steps_draw_white_noise_of_another_size_too(source: str) -> None:
    like, larger = torch.zeros(2, *SHAPE), torch.zeros(2, 4, 16, 12)
    noise = run_noise(source, 1, like, each_alone=True).steps
    assert noise.source("white", like, SIGMAS)(SIGMAS[0], SIGMAS[1], larger).shape == larger.shape
    with pytest.raises(ShapeError, match="one size"):
        noise.source("brownian", like, SIGMAS)(SIGMAS[0], SIGMAS[1], larger)
