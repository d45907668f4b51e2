"""Masks of an attention that text and picture share."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from heddle.graph.errors import ShapeError
from heddle.numerics.attention import attend
from heddle.numerics.joint_mask import as_bias, fit_to_call, resize_picture, with_tokens


def random(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(2))


def test_new_tokens_are_looked_at_with_a_bias_and_look_without_one() -> None:
    mask = random(1, 4, 4)  # three words, the picture as one cell
    wide = with_tokens(mask, 3, 2, -0.5)
    wanted = torch.zeros(6, 6)
    for row, old_row in ((0, 0), (1, 1), (2, 2), (5, 3)):
        for column, old_column in ((0, 0), (1, 1), (2, 2), (5, 3)):
            wanted[row, column] = mask[0, old_row, old_column]
        wanted[row, 3] = wanted[row, 4] = -0.5
    assert torch.equal(wide[0], wanted)


def test_a_bias_counts_a_token_as_often_as_it_says() -> None:
    text, token, picture = random(1, 3, 8), random(1, 1, 8) + 1, random(1, 4, 8) - 1
    once, thrice = torch.cat([text, token, picture], 1), torch.cat([text, token, token, token, picture], 1)
    mask = fit_to_call(with_tokens(torch.zeros(1, 4, 4), 3, 1, math.log(3)), 4, 4)
    found, wanted = attend(once, once, once, 2, mask), attend(once, thrice, thrice, 2)
    torch.testing.assert_close(found[:, [0, 1, 2, 4, 5, 6, 7]], wanted[:, [0, 1, 2, 4, 5, 6, 7]])
    torch.testing.assert_close(found[:, 3], attend(once, once, once, 2)[:, 3])


def test_one_cell_is_said_of_the_whole_picture_and_of_others_beside_it() -> None:
    mask = random(2, 3, 3)
    fitted = fit_to_call(mask, 2, 4, 3)
    assert fitted.shape == (2, 1, 9, 9)
    assert torch.equal(fitted[:, 0, :2, :2], mask[:, :2, :2])
    assert torch.equal(fitted[:, 0, 2:, 1], mask[:, 2, 1, None].expand(2, 7))
    assert torch.equal(fitted[:, 0, 0, 2:], mask[:, 0, 2, None].expand(2, 7))
    assert fitted[:, 0, 2:, 2:].eq(mask[:, 2, 2, None, None]).all()


def test_a_mask_with_all_the_cells_is_taken_as_it_is() -> None:
    mask = random(1, 6, 6)
    assert torch.equal(fit_to_call(mask, 2, 4)[:, 0], mask)
    beside = fit_to_call(mask, 2, 4, 3)[:, 0]
    assert torch.equal(beside[:, :6, :6], mask)
    assert beside[:, 6:].eq(0).all() and beside[..., 6:].eq(0).all()


@pytest.mark.parametrize(("text", "picture"), [(3, 4), (1, 4), (2, 5)])
def test_a_mask_for_another_text_or_picture_is_refused(text: int, picture: int) -> None:
    with pytest.raises(ShapeError, match=f"mask for 6 tokens, but its text has {text} and the picture {picture};"):
        fit_to_call(torch.zeros(1, 6, 6), text, picture)


def test_bools_say_where_one_may_look() -> None:
    bias = as_bias(torch.tensor([[True, False], [True, True]]))
    assert torch.equal(bias, torch.tensor([[[0, -torch.inf], [0, 0]]]))
    assert as_bias(random(2, 3, 3).half()).dtype is torch.float32


def test_the_picture_in_a_mask_is_resized_in_rows_and_columns() -> None:
    text, rows, columns = 2, torch.arange(2.0), torch.arange(3.0)
    cells = (10 * rows[:, None] + columns).flatten()  # linear over the picture, so that resizing it is known
    mask = torch.zeros(1, 8, 8)
    mask[0, :text, :text] = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    mask[0, :text, text:] = cells
    mask[0, text:, :text] = cells[:, None] + 100
    mask[0, text:, text:] = cells[:, None] + cells
    wide = resize_picture(mask, (2, 3), (4, 6))
    # bilinear, between centres, held at the borders
    fine = 10 * torch.tensor([0, 0.25, 0.75, 1.0])[:, None] + torch.tensor([0, 0.25, 0.75, 1.25, 1.75, 2.0])
    fine = fine.flatten()
    assert torch.equal(wide[:, :text, :text], mask[:, :text, :text])
    torch.testing.assert_close(wide[0, :text, text:], fine.expand(2, -1))
    torch.testing.assert_close(wide[0, text:, :text], fine[:, None].expand(-1, 2) + 100)
    torch.testing.assert_close(wide[0, text:, text:], fine[:, None] + fine)
