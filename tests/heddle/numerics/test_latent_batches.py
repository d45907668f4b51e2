"""Batches of latents with masks and numbers of draws."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from heddle.numerics.latent_batches import join, numbers_of, rebatch, repeat, take


def latent(*marks: float, side: int = 2, **more: Any) -> dict[str, Any]:
    """One latent for each mark, all of whose cells are that."""
    return {"samples": torch.tensor(marks, dtype=torch.float32)[:, None, None, None].expand(-1, 4, side, side), **more}


def marks(made: dict[str, Any]) -> list[float]:
    return made["samples"][:, 0, 0, 0].tolist()


def masks(*marks: float) -> torch.Tensor:
    return torch.tensor(marks)[:, None, None].expand(-1, 16, 16)


@pytest.mark.parametrize(
    ("index", "length", "wanted"),
    [(0, 1, [0]), (1, 2, [1, 2]), (2, 9, [2, 3]), (9, 2, [3]), (-1, 1, [3]), (-3, 2, [1, 2]), (-99, 1, [0])],
)
def test_some_of_a_batch_come_with_their_numbers_and_masks(index: int, length: int, wanted: list[int]) -> None:
    made = take(latent(0, 1, 2, 3, noise_mask=masks(0, 1)), index, length)
    assert marks(made) == wanted and made["batch_index"] == wanted
    assert made["noise_mask"][:, 0, 0, 0].tolist() == [number % 2 for number in wanted]
    numbered = take(latent(0, 1, 2, 3, batch_index=[7, 8, 3, 1], noise_mask=masks(0.5), kept=1), index, length)
    assert numbered["batch_index"] == [[7, 8, 3, 1][each] for each in wanted]
    assert numbered["noise_mask"].shape == (1, 1, 16, 16) and numbered["kept"] == 1


def test_copies_of_a_batch_get_numbers_of_their_own_and_their_masks() -> None:
    made = repeat(latent(0, 1, batch_index=[4, 9], noise_mask=masks(0, 1)), 3)
    assert marks(made) == [0, 1, 0, 1, 0, 1] and made["batch_index"] == [4, 9, 10, 15, 16, 21]
    assert made["noise_mask"][:, 0, 0, 0].tolist() == [0, 1, 0, 1, 0, 1]
    plain = repeat(latent(0, 1, noise_mask=masks(0.5)), 2)
    assert "batch_index" not in plain and len(plain["noise_mask"]) == 1
    assert repeat({"samples": torch.zeros(1, 4, 3, 2, 2)}, 2)["samples"].shape == (2, 4, 3, 2, 2)


def test_latents_of_several_sizes_become_a_batch_of_the_first_s() -> None:
    made = join([latent(0, 1, kept=1), latent(2, side=4), latent(3, batch_index=[5])])
    assert marks(made) == [0, 1, 2, 3] and made["samples"].shape == (4, 4, 2, 2)
    assert made["batch_index"] == [0, 1, 0, 5] and made["kept"] == 1


def test_numbers_are_those_of_the_batch_where_nothing_is_said() -> None:
    assert numbers_of(latent(0, 1, 2)) == [0, 1, 2] and numbers_of(latent(0, batch_index=[3])) == [3]


def test_batches_of_one_size_are_made_of_what_comes_with_a_rest_for_each_size() -> None:
    made = list(rebatch([latent(0, 1, 2), latent(3, 4), latent(5, side=3), latent(6, 7, side=3)], 2))
    assert [marks(each) for each in made] == [[0, 1], [2, 3], [4], [5, 6], [7]]
    assert [each["batch_index"] for each in made] == [[0, 1], [2, 3], [4], [5, 6], [7]]
    assert not any("noise_mask" in each for each in made)


def test_masks_and_numbers_go_where_their_latents_go() -> None:
    given = [latent(0, 1, batch_index=[8, 6]), latent(2, 3, noise_mask=torch.tensor([[[0.0]], [[1.0]]]))]
    made = list(rebatch(given, 3))
    assert [marks(each) for each in made] == [[0, 1, 2], [3]]
    assert [each["batch_index"] for each in made] == [[8, 6, 2], [3]]
    assert made[0]["noise_mask"].shape == (3, 1, 16, 16)
    assert made[0]["noise_mask"][:, 0, 0, 0].tolist() == [1, 1, 0] and "noise_mask" not in made[1]


def test_a_batch_that_fits_comes_as_it_is_and_nothing_gives_nothing() -> None:
    assert [marks(each) for each in rebatch([latent(0, 1), latent(2)], 4096)] == [[0, 1, 2]]
    assert list(rebatch([], 2)) == []


def test_nothing_that_came_in_is_changed() -> None:
    given = latent(0, 1, batch_index=[4, 9], noise_mask=masks(0, 1))
    for made in (take(given, 0, 1), repeat(given, 2), join([given, given]), *rebatch([given], 1)):
        assert made is not given
    assert marks(given) == [0, 1] and given["batch_index"] == [4, 9] and given["noise_mask"].shape == (2, 16, 16)
