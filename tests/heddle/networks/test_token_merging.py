"""Tokens that are joined and given back."""

import pytest
import torch
from torch import Tensor

from heddle.networks.hooks import AttentionPlace
from heddle.networks.token_merging import match_tokens, merge_queries
from heddle.numerics.attention import attend

PLACE = AttentionPlace("input", 1, 0, "itself", (6, 8))


def plainly(x: Tensor, keys_of: Tensor, values_of: Tensor) -> Tensor:
    return attend(x, keys_of, values_of, 2)


def test_with_nothing_joined_merging_and_giving_back_changes_nothing() -> None:
    x = torch.randn(2, 48, 8)
    merging = match_tokens(x, (6, 8), 0, seed=1)
    merged = merging.merge(x)
    assert merged.shape == x.shape
    assert torch.equal(merging.unmerge(merged), x)


@pytest.mark.parametrize(
    ("grid", "count", "left"), [((6, 8), 10, 38), ((6, 8), 99, 12), ((5, 7), 99, 6), ((5, 7), 3, 32)]
)
def test_tokens_that_joined_get_their_mean_back(grid: tuple[int, int], count: int, left: int) -> None:
    x = torch.randn(3, grid[0] * grid[1], 8)
    merging = match_tokens(x, grid, count, seed=1)
    merged = merging.merge(x)
    assert merged.shape == (3, left, 8)
    back = merging.unmerge(merged)
    for row in range(3):
        groups: dict[int, list[int]] = {int(place): [int(place)] for place in merging.kept}
        for token, into in zip(merging.joining[row].tolist(), merging.into[row].tolist(), strict=True):
            groups[int(merging.kept[into])].append(token)
        for members in groups.values():
            torch.testing.assert_close(back[row, members], x[row, members].mean(0).expand(len(members), -1))
        for token in merging.free[row].tolist():
            assert torch.equal(back[row, token], x[row, token])
        together = [token for members in groups.values() for token in members] + merging.free[row].tolist()
        assert sorted(together) == list(range(x.shape[1]))


def test_one_token_of_each_cell_is_kept_and_which_goes_by_the_seed() -> None:
    x = torch.randn(1, 48, 8)
    kept = match_tokens(x, (6, 8), 5, seed=1).kept
    cells = [(int(place) // 8 // 2, int(place) % 8 // 2) for place in kept]
    assert cells == [(row, column) for row in range(3) for column in range(4)]
    assert torch.equal(kept, match_tokens(x, (6, 8), 5, seed=1).kept)
    assert not torch.equal(kept, match_tokens(x, (6, 8), 5, seed=2).kept)


def test_the_most_alike_join_what_they_are_most_like() -> None:
    x = torch.nn.functional.normalize(torch.randn(1, 48, 8), dim=-1)
    kept = match_tokens(x, (6, 8), 0, seed=3).kept.tolist()
    others = [place for place in range(48) if place not in kept]
    twin, model = others[7], kept[4]
    x[0, twin] = 2.5 * x[0, model]  # the same direction, another length
    merging = match_tokens(x, (6, 8), 1, seed=3)
    assert merging.joining.tolist() == [[twin]] and merging.into.tolist() == [[4]]


def test_queries_alone_are_merged_around_self_attention_at_full_size() -> None:
    x = torch.randn(2, 48, 8)
    seen: list[tuple[int, int]] = []

    def run(x: Tensor, keys_of: Tensor, values_of: Tensor) -> Tensor:
        seen.append((x.shape[1], keys_of.shape[1]))
        return plainly(x, keys_of, values_of)

    got = merge_queries((6, 8), 0.5, seed=1)(PLACE, x, x, x, run)
    assert seen == [(24, 48)]
    merging = match_tokens(x, (6, 8), 24, seed=1)
    torch.testing.assert_close(got, merging.unmerge(plainly(merging.merge(x), x, x)))


def test_elsewhere_and_with_nothing_to_merge_attention_is_plain() -> None:
    x, text = torch.randn(1, 48, 8), torch.randn(1, 3, 8)
    assert torch.equal(merge_queries((6, 8), 0.0, seed=1)(PLACE, x, x, x, plainly), plainly(x, x, x))
    assert torch.equal(merge_queries((12, 16), 0.5, seed=1)(PLACE, x, x, x, plainly), plainly(x, x, x))
    reads_text = AttentionPlace("input", 1, 0, "text", (6, 8))
    assert torch.equal(merge_queries((6, 8), 0.5, seed=1)(reads_text, x, text, text, plainly), plainly(x, text, text))
