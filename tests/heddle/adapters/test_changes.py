"""Changes of weights against the formulas they stand for."""

import pytest
import torch
from torch import Tensor

from heddle.adapters.changes import Change, Difference, Replacement, Widened
from heddle.adapters.file_keys import sort_keys
from heddle.adapters.low_rank import Factor, Generalised, Hadamard, Kronecker, LowRank
from heddle.adapters.merging import Added, Mixed, Subtracted
from heddle.adapters.orthogonal import Rotation
from heddle.adapters.reading import read_changes
from heddle.adapters.targets import Target, change_target
from heddle.graph.errors import ShapeError, WeightsError


def randn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator("cpu").manual_seed(seed))


W = randn(0, 8, 6)
CONV = randn(1, 8, 6, 3, 3)
ALPHA = torch.tensor(3.0)


def close(got: Tensor, want: Tensor) -> None:
    torch.testing.assert_close(got, want, atol=1e-5, rtol=1e-5)


def test_a_narrow_pair_adds_its_product_scaled_by_alpha_over_rank() -> None:
    up, down = randn(2, 8, 2), randn(3, 2, 6)
    close(LowRank(up, down, ALPHA).apply(W, 0.5), W + 0.5 * 3 / 2 * up @ down)
    close(LowRank(up, down).apply(W, -1.0), W - up @ down)


def test_a_pair_of_convolutions_is_one_convolution_after_the_other() -> None:
    up, down, mid, x = randn(4, 8, 2, 1, 1), randn(5, 2, 6, 1, 1), randn(6, 2, 2, 3, 3), randn(7, 1, 6, 5, 5)
    conv = torch.nn.functional.conv2d
    changed = LowRank(up, down, mid=mid).apply(CONV, 1.0)
    close(conv(x, changed), conv(x, CONV) + conv(conv(conv(x, down), mid), up))


def test_a_hadamard_difference_multiplies_two_products() -> None:
    a1, b1, a2, b2 = randn(8, 8, 2), randn(9, 2, 54), randn(10, 8, 2), randn(11, 2, 54)
    close(Hadamard(a1, b1, a2, b2, alpha=ALPHA).apply(CONV, 1.0), CONV + ((a1 @ b1) * (a2 @ b2)).view_as(CONV) * 1.5)


def test_a_kronecker_difference_has_the_first_factor_outside() -> None:
    first, second = randn(12, 4, 2), randn(13, 2, 3)
    difference = Kronecker(Factor(first), Factor(second), ALPHA).apply(W, 1.0) - W
    close(difference[2:4, 3:6], first[1, 1] * second)  # alpha says nothing where there is no rank


def test_generalised_changes_are_read_in_both_ways_of_writing() -> None:
    a1, a2, b1, b2 = randn(14, 6, 2), randn(15, 2, 6), randn(16, 8, 2), randn(17, 2, 6)
    want = W + W @ a1 @ a2 + b1 @ b2
    close(Generalised(a1, a2, b1, b2).apply(W, 1.0), want)
    close(Generalised(a2, a1, b2, b1).apply(W, 1.0), want)


@pytest.mark.parametrize("blocks", [randn(18, 2, 4, 4), randn(19, 2, 2, 4, 4), randn(20, 4, 2, 2)])
@pytest.mark.parametrize("weight", [W, CONV])
def test_a_rotation_keeps_lengths_and_angles(blocks: Tensor, weight: Tensor) -> None:
    turned = Rotation(blocks).apply(weight, 1.0).flatten(1)
    assert not torch.allclose(turned, weight.flatten(1), atol=0.1)
    close(turned.T @ turned, weight.flatten(1).T @ weight.flatten(1))


def test_a_bound_of_a_rotation_holds_it_near_nothing_and_zero_is_no_bound() -> None:
    blocks = randn(21, 2, 4, 4)
    free = Rotation(blocks).apply(W, 1.0)
    close(Rotation(blocks, bound=torch.tensor(0.0)).apply(W, 1.0), free)
    near = Rotation(blocks, bound=torch.tensor(1e-3)).apply(W, 1.0)
    assert (near - W).abs().max() < 1e-2 < (free - W).abs().max()


def test_a_magnitude_gives_each_input_its_length() -> None:
    lengths = randn(22, 1, 6).abs() + 1
    changed = LowRank(randn(23, 8, 2), randn(24, 2, 6), magnitude=lengths).apply(W, 1.0)
    close(changed.norm(dim=0), lengths[0])


ALL = [
    LowRank(randn(25, 8, 2), randn(26, 2, 6), ALPHA, magnitude=randn(27, 8, 1)),
    Hadamard(randn(28, 8, 2), randn(29, 2, 6), randn(30, 8, 2), randn(31, 2, 6)),
    Kronecker(Factor(a=randn(32, 4, 1), b=randn(33, 1, 2)), Factor(randn(34, 2, 3)), ALPHA),
    Generalised(randn(35, 6, 2), randn(36, 2, 6), randn(37, 8, 2), randn(38, 2, 6)),
    Rotation(randn(39, 2, 4, 4), rescale=randn(40, 8, 1)),
    Difference(randn(41, 8, 6)),
    Added(randn(42, 8, 6)),
]


@pytest.mark.parametrize("change", ALL, ids=lambda change: type(change).__name__)
def test_strength_nought_changes_nothing_and_the_given_weight_never(change: Change) -> None:
    weight = W.clone()
    close(change.apply(weight, 0.0), W)
    changed = change.apply(weight, 1.0)
    assert torch.equal(weight, W) and not torch.allclose(changed, W, atol=1e-3)


@pytest.mark.parametrize("change", [*ALL, Replacement(randn(43, 8, 6)), Mixed(W, 0.5), Subtracted(W)])
def test_a_weight_of_another_shape_is_refused(change: Change) -> None:
    with pytest.raises((ShapeError, RuntimeError)):
        change.apply(randn(44, 6, 8), 1.0)


def test_a_replacement_replaces_at_any_strength() -> None:
    close(Replacement(W + 1).apply(W, 0.3), W + 1)


def test_a_widened_weight_has_zeros_before_the_change() -> None:
    wide = randn(45, 8, 9)
    changed = Widened((8, 9), Difference(wide)).apply(W, 1.0)
    close(changed[:, :6], W + wide[:, :6])
    close(changed[:, 6:], wide[:, 6:])
    with pytest.raises(ShapeError, match="cannot be widened"):
        Widened((8, 5), Difference(wide)).apply(W, 1.0)


def test_a_change_of_some_rows_leaves_the_others() -> None:
    changed = change_target(Target("x.weight", (2, 5)), Difference(torch.ones(3, 6)), W, 1.0)
    assert torch.equal(changed[:2], W[:2]) and torch.equal(changed[5:], W[5:])
    close(changed[2:5], W[2:5] + 1)
    with pytest.raises(ShapeError, match="rows 6 to 9"):
        change_target(Target("x.weight", (6, 9)), Difference(torch.ones(3, 6)), W, 1.0)


def test_swapped_halves_are_changed_as_the_files_net_has_them() -> None:
    difference = randn(46, 8, 6)
    changed = change_target(Target("x.weight", is_swapped=True), Difference(difference), W, 1.0)
    close(changed, W + torch.cat([difference[4:], difference[:4]]))


def test_a_merge_mixes_adds_and_subtracts() -> None:
    other = randn(47, 8, 6)
    close(Mixed(other, 0.25).apply(W, 1.0), 0.25 * W + 0.75 * other)
    close(Subtracted(other).apply(W, 2.0), 2 * (W - other))


@pytest.mark.parametrize(
    ("up", "down"),
    [
        ("x.lora_up.weight", "x.lora_down.weight"),
        ("x_lora.up.weight", "x_lora.down.weight"),
        ("x.lora.up.weight", "x.lora.down.weight"),
        ("x.lora_linear_layer.up.weight", "x.lora_linear_layer.down.weight"),
        ("x.lora_B.weight", "x.lora_A.weight"),
        ("x.lora_B", "x.lora_A"),
        ("x.lora_B.default.weight", "x.lora_A.default.weight"),
    ],
)
def test_every_way_of_writing_a_pair_is_read(up: str, down: str) -> None:
    keys = sort_keys([up, down, "x.alpha"])
    assert keys.layers == {"x": {"up": up, "down": down, "alpha": "x.alpha"}} and not keys.strange


def test_keys_of_no_known_ending_are_told_apart() -> None:
    keys = sort_keys(["x.diff", "x.lora_A.bias", "bundle_emb.word.string_to_param.*", "x.to_q.weight"])
    assert list(keys.layers) == ["x"]
    assert keys.strange == ["x.lora_A.bias", "bundle_emb.word.string_to_param.*", "x.to_q.weight"]


def test_norms_that_are_whole_and_biases_beside_a_pair_are_read() -> None:
    keys = sort_keys(["x.key_norm.scale", "x.lora_B.bias", "y.scale"])
    assert keys.layers == {"x.key_norm.scale": {"set_weight": "x.key_norm.scale"}, "x": {"diff_b": "x.lora_B.bias"}}
    assert keys.strange == ["y.scale"]


def test_one_layer_in_two_ways_of_writing_is_refused() -> None:
    with pytest.raises(WeightsError, match=r"x\.lora_up\.weight and x\.lora_B\.weight"):
        sort_keys(["x.lora_up.weight", "x.lora_B.weight"])


def test_half_a_pair_and_mixed_kinds_are_refused() -> None:
    with pytest.raises(WeightsError, match="LoRA is incomplete: up is there, down is missing"):
        read_changes({"up": W})
    with pytest.raises(WeightsError, match="LoRA and difference"):
        read_changes({"up": W, "down": W, "diff": W})
    with pytest.raises(WeightsError, match="hada_t2 is missing"):
        read_changes({f"hada_{word}": W for word in ("w1_a", "w1_b", "w2_a", "w2_b", "t1")})


def test_a_layer_may_have_a_bias_beside_its_weight() -> None:
    changes = read_changes({"up": randn(48, 8, 1), "down": randn(49, 1, 6), "diff_b": torch.ones(8)})
    assert changes.weight is not None and changes.bias is not None
    close(changes.bias.apply(torch.zeros(8), 0.5), torch.full((8,), 0.5))
    assert read_changes({"b_norm": torch.ones(8)}).weight is None
