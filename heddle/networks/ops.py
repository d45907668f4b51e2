"""The layer classes that nets are built with, so that a net says what it computes and not where its weights lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn

from heddle.numerics import layers

EMBEDDING_STD = 0.02  # of fresh token and position vectors: Radford et al. 2021, arXiv:2103.00020, public code


@dataclass(frozen=True)
class Ops:
    """One class for each kind of layer that holds weights. Each takes what torch's class of that name takes."""

    Linear: type[nn.Linear]
    Conv2d: type[nn.Conv2d]
    GroupNorm: type[nn.GroupNorm]
    LayerNorm: type[nn.LayerNorm]
    Embedding: type[nn.Embedding]
    RMSNorm: type[nn.RMSNorm]
    Conv3d: type[nn.Conv3d]


class LentTensor(Protocol):
    """A weight that is brought to where it is used, each time it is."""

    @property
    def name(self) -> Tensor:
        """A tensor that is the same object as long as the weight is the same."""
        ...

    def lend(self) -> Tensor:
        """The weight, in place. It may leave again once nobody has it any more."""
        ...

    def rows(self, ids: Tensor) -> Tensor:
        """These rows of it, in place. ids: [...] -> [..., columns]."""
        ...


class _Unfilled(nn.Module):
    """Leaves new parameters as they come: a file will fill them, drawing random numbers first would be wasted.

    lent: parameters that lie elsewhere, by name, for those of the same name here, which only say shape, dtype and
        device. None in a net that has all its weights.
    """

    lent: Mapping[str, LentTensor] | None = None

    def reset_parameters(self) -> None:
        return

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        for name, lender in (self.lent or {}).items():
            destination[prefix + name] = lender.lend()

    def __getattr__(self, name: str) -> Any:
        lent = self.lent
        if lent is not None and name in lent:
            return lent[name].lend()
        return super().__getattr__(name)


def stands_for(layer: nn.Module, name: str = "weight") -> Tensor:
    """A tensor that is the same object as long as a layer's weight is: not itself, where that lies elsewhere."""
    lent: Mapping[str, LentTensor] | None = getattr(layer, "lent", None)
    return lent[name].name if lent and name in lent else getattr(layer, name)


def can_be_lent(layer: nn.Module) -> bool:
    """The layer's weights may lie elsewhere."""
    return isinstance(layer, _Unfilled)


def lendable(net: nn.Module) -> Iterator[tuple[str, _Unfilled, str]]:
    """The parameters that may lie elsewhere: name in the net, the layer, name in the layer."""
    for path, layer in net.named_modules():
        if isinstance(layer, _Unfilled):
            for name, parameter in layer._parameters.items():
                if parameter is not None:
                    yield f"{path}.{name}" if path else name, layer, name


class _UnfilledLinear(_Unfilled, nn.Linear):
    def forward(self, input: Tensor) -> Tensor:
        return layers.linear(input, self.weight, self.bias)


class _UnfilledConv2d(_Unfilled, nn.Conv2d):
    def forward(self, input: Tensor) -> Tensor:
        if self.groups > 1 or self.dilation != (1, 1) or self.padding_mode != "zeros" or isinstance(self.padding, str):
            return super().forward(input)
        stride, padding = (self.stride[0], self.stride[1]), (self.padding[0], self.padding[1])
        return layers.conv2d(input, self.weight, self.bias, stride, padding)


class _UnfilledConv3d(_Unfilled, nn.Conv3d):
    def forward(self, input: Tensor) -> Tensor:
        is_pixel = self.kernel_size[1:] == (1, 1) and self.padding[1:] == (0, 0) and self.padding_mode == "zeros"
        if is_pixel and self.groups == 1 and self.stride == self.dilation == (1, 1, 1):
            return layers.conv_along_time(input, self.weight, self.bias, int(self.padding[0]))
        return super().forward(input)


class _UnfilledGroupNorm(_Unfilled, nn.GroupNorm):
    pass


class _UnfilledLayerNorm(_Unfilled, nn.LayerNorm):
    pass


class _UnfilledEmbedding(_Unfilled, nn.Embedding):
    def forward(self, input: Tensor) -> Tensor:
        lent = self.lent
        if lent is not None and "weight" in lent:
            return lent["weight"].rows(input)
        return super().forward(input)


class _UnfilledRMSNorm(_Unfilled, nn.RMSNorm):
    pass


class _SmallEmbedding(nn.Embedding):
    """Starts small: torch's own start, N(0, 1), would drown what the first layers add."""

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight, std=EMBEDDING_STD)


PLAIN = Ops(
    _UnfilledLinear, _UnfilledConv2d, _UnfilledGroupNorm, _UnfilledLayerNorm, _UnfilledEmbedding, _UnfilledRMSNorm,
    _UnfilledConv3d,
)  # fmt: skip
"""For nets whose weights come from a file. The parameters hold whatever was in memory until then."""

TRAINABLE = Ops(nn.Linear, nn.Conv2d, nn.GroupNorm, nn.LayerNorm, _SmallEmbedding, nn.RMSNorm, nn.Conv3d)
"""For nets that start from nothing."""


class AddingBlock(nn.Module):
    """A block that adds to what passes through it, by way of one last layer."""

    def last_layer(self) -> nn.Module:
        """The layer whose output is the block's contribution."""
        raise NotImplementedError


def quiet_start(net: nn.Module) -> None:
    """Set the last layer of every adding block to zero, so that a fresh deep net begins as a shallow one.

    Source: Goyal et al. 2017, arXiv:1706.02677, section 5.1; for diffusion: Dhariwal & Nichol 2021, arXiv:2105.05233.
    """
    for block in net.modules():
        if isinstance(block, AddingBlock):
            for parameter in block.last_layer().parameters():
                nn.init.zeros_(parameter)
