"""Kernels that one may choose all compute what torch's computes."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from heddle.graph.errors import GraphError
from heddle.numerics import attention_kernels
from heddle.numerics.attention import AttentionKernel, attend, attending_by, torch_attention
from heddle.numerics.attention_kernels import KERNELS, attend_by_parts, attend_by_queries, kernel_named
from heddle.settings.options import ATTENTION, ATTENTION_FLAGS

OWN = [attend_by_parts, attend_by_queries]


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(attention_kernels, "PART_BYTES", 4 * 2 * 3 * 5 * 4)
    monkeypatch.setattr(attention_kernels, "KEYS_AT_ONCE", 5)


@pytest.mark.parametrize("kernel", OWN)
@pytest.mark.parametrize(("t", "s"), [(1, 1), (7, 13), (16, 5), (23, 31)])
def test_parts_of_any_length_give_the_whole(kernel: AttentionKernel, t: int, s: int) -> None:
    q, k, v = draw(2, 3, t, 7), draw(2, 3, s, 7, seed=1), draw(2, 3, s, 7, seed=2)
    torch.testing.assert_close(kernel(q, k, v, None), scaled_dot_product_attention(q, k, v), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kernel", OWN)
@pytest.mark.parametrize("shape", [(11, 13), (1, 13), (2, 3, 11, 13), (2, 1, 1, 13), (1, 3, 11, 1)])
def test_masks_are_cut_along_whatever_axes_they_have(kernel: AttentionKernel, shape: tuple[int, ...]) -> None:
    q, k, v = draw(2, 3, 11, 8), draw(2, 3, 13, 8, seed=1), draw(2, 3, 13, 8, seed=2)
    added = draw(*shape, seed=3)
    allowed = added > -0.5
    allowed[..., -1] = True  # each query has somewhere to look, at last
    for mask in (added, allowed):
        wanted = scaled_dot_product_attention(q, k, v, attn_mask=mask)
        torch.testing.assert_close(kernel(q, k, v, mask), wanted, rtol=1e-5, atol=1e-5)


def test_large_logits_and_halves_stay_finite() -> None:
    q, k, v = 60 * draw(1, 2, 9, 8), 60 * draw(1, 2, 12, 8, seed=1), draw(1, 2, 12, 8, seed=2)
    torch.testing.assert_close(attend_by_parts(q, k, v, None), scaled_dot_product_attention(q, k, v))
    half = [each.half() for each in (q / 60, k / 60, v)]
    got = attend_by_parts(half[0], half[1], half[2], None)
    assert got.dtype == torch.float16
    torch.testing.assert_close(got.float(), scaled_dot_product_attention(q / 60, k / 60, v), rtol=1e-2, atol=1e-2)


def test_no_more_logits_are_in_memory_than_a_part_has(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    exp = Tensor.exp

    def watched(x: Tensor) -> Tensor:
        seen.append(x.numel() * x.element_size())
        return exp(x)

    monkeypatch.setattr(Tensor, "exp", watched)
    attend_by_parts(draw(2, 3, 40, 8), draw(2, 3, 50, 8), draw(2, 3, 50, 8), None)
    assert max(seen) <= attention_kernels.PART_BYTES


def test_a_kernel_is_chosen_for_a_block_and_for_this_thread() -> None:
    asked: list[tuple[int, ...]] = []

    def kernel(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, /) -> Tensor:
        asked.append(tuple(q.shape))
        return torch.zeros_like(q)

    q = draw(1, 4, 6)
    with attending_by(kernel):
        assert attend(q, q, q, 2).eq(0).all()
        with attending_by(torch_attention):
            assert not attend(q, q, q, 2).eq(0).all()
        assert attend(q, q, q, 2).eq(0).all()
    assert not attend(q, q, q, 2).eq(0).all()
    assert asked == [(1, 2, 4, 3)] * 2


def test_each_option_of_the_command_line_chooses_one_of_the_kernels() -> None:
    chosen = {flag.kernel for flag in ATTENTION_FLAGS.values()}
    assert chosen == set(KERNELS)
    assert kernel_named(ATTENTION) is torch_attention


PACKAGES = {"xformers attention": "xformers", "sage attention": "sageattention", "flash attention": "flash-attn"}


@pytest.mark.parametrize(("name", "package"), PACKAGES.items())
def test_a_package_that_is_not_there_is_named(name: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("xformers", "xformers.ops", "sageattention", "flash_attn"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(GraphError, match=rf"{name} needs the package {package}.*pip install {package}"):
        kernel_named(name)
    assert name in KERNELS


def stand_in(heads_beside: bool, calls: list[str]) -> ModuleType:
    """A package whose functions compute what the real ones do, in the layout that those want."""

    def compute(q: Tensor, k: Tensor, v: Tensor, attn_bias: Tensor | None = None, **options: object) -> Tensor:
        calls.append("called")
        assert attn_bias is None or (
            attn_bias.stride(-2) % attention_kernels.ALIGNED == 0 and attn_bias.dtype == q.dtype
        )
        if not heads_beside:
            return scaled_dot_product_attention(q, k, v)
        q, k, v = (each.transpose(1, 2) for each in (q, k, v))
        return scaled_dot_product_attention(q, k, v, attn_mask=attn_bias).transpose(1, 2)

    module = ModuleType("stand_in")
    for name in ("memory_efficient_attention", "sageattn", "flash_attn_func"):
        setattr(module, name, compute)
    return module


@pytest.mark.parametrize(
    ("name", "module", "beside"),
    [
        ("xformers attention", "xformers.ops", True),
        ("sage attention", "sageattention", False),
        ("flash attention", "flash_attn", True),
    ],
)
def test_packages_are_given_their_layout_and_only_what_they_can(
    name: str, module: str, beside: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    monkeypatch.setitem(sys.modules, module.partition(".")[0], ModuleType("package"))
    monkeypatch.setitem(sys.modules, module, stand_in(beside, calls))
    kernel = kernel_named(name)
    q, k, v = draw(2, 3, 7, 8), draw(2, 3, 13, 8, seed=1), draw(2, 3, 13, 8, seed=2)
    wanted = scaled_dot_product_attention(q, k, v)
    assert torch.equal(kernel(q, k, v, None), wanted)
    assert calls == []  # not on a CPU
    monkeypatch.setattr(attention_kernels, "_is_on_a_gpu", lambda x: True)
    half = [each.bfloat16() for each in (q, k, v)]
    torch.testing.assert_close(kernel(half[0], half[1], half[2], None).float(), wanted, rtol=0.05, atol=0.05)
    assert calls == ["called"]
    allowed = draw(2, 1, 7, 13, seed=4) > -0.5
    masked = scaled_dot_product_attention(q, k, v, attn_mask=allowed)
    torch.testing.assert_close(kernel(q, k, v, allowed), masked)
    assert len(calls) == (2 if name == "xformers attention" else 1)
    wide = [draw(1, 1, 4, 300) for _ in range(3)]
    kernel(wide[0].half(), wide[1].half(), wide[2].half(), None)
    assert len(calls) == (3 if name == "xformers attention" else 1)
