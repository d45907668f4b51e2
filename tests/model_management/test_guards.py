"""What a node runs under."""

import torch
from torch import Tensor

from heddle.numerics.attention import attend
from model_management.guards import node_guard


def test_attention_in_a_node_is_computed_by_the_programs_kernel() -> None:
    def kernel(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, /) -> Tensor:
        return torch.zeros_like(q)

    q = torch.randn(1, 4, 6)
    with node_guard(kernel):
        assert torch.is_inference_mode_enabled()
        assert attend(q, q, q, 2).eq(0).all()
    with node_guard():
        assert not attend(q, q, q, 2).eq(0).all()
    assert not torch.is_inference_mode_enabled()
