"""Norms over groups of channels that take their mean and variance from another input than the one they norm."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


@contextmanager
def norms_as_of(net: nn.Module, run: Callable[[], Any]) -> Iterator[None]:
    """Until the block ends, the net's group norms use the mean and variance that they meet while `run` runs it.

    So pieces of a picture are normed as the whole is, of which `run` shows the net a smaller copy; each for itself they
    would come out brighter or darker than their neighbours. The net itself is changed, so only one may use it.
    """
    norms = [module for module in net.modules() if isinstance(module, nn.GroupNorm)]
    met: dict[nn.GroupNorm, tuple[Tensor, Tensor]] = {}

    def measure(norm: nn.GroupNorm, given: tuple[Tensor]) -> None:
        groups = given[0].unflatten(1, (norm.num_groups, -1)).flatten(2).float()
        variance, mean = torch.var_mean(groups, dim=2, correction=0)
        met[norm] = (mean, (variance + norm.eps).rsqrt())

    measuring = [norm.register_forward_pre_hook(measure) for norm in norms]
    try:
        run()
    finally:
        for handle in measuring:
            handle.remove()
    for norm, (mean, rate) in met.items():
        vars(norm)["forward"] = _with(norm, mean, rate)
    try:
        yield
    finally:
        for norm in met:
            del vars(norm)["forward"]


def _with(norm: nn.GroupNorm, mean: Tensor, rate: Tensor) -> Callable[[Tensor], Tensor]:
    """A norm's `forward` by a fixed mean and rate [B, groups]: one factor and one summand for each channel."""
    each = norm.num_channels // norm.num_groups
    factor = rate.repeat_interleave(each, 1) * norm.weight.float()
    summand = norm.bias.float() - mean.repeat_interleave(each, 1) * factor

    def forward(x: Tensor) -> Tensor:
        beside = (*factor.shape, *[1] * (x.ndim - 2))  # of frames together there is one axis more
        return torch.addcmul(summand.to(x).view(beside), x, factor.to(x).view(beside))

    return forward
