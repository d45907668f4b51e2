"""The little language of inputs: `(1+sigma) * randn(seed 43, [2,4,5,6])`, `zeros [1,4,8,8]`, `tensor latent8`.

What follows a complete expression is a remark, except that a remark "(tensor NAME)" names the tensor itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

_TOKEN = re.compile(r"\s*(?:(\d+\.?\d*(?:e[+-]?\d+)?|\.\d+)|([A-Za-z_][\w.]*)|(\*\*|.))", re.DOTALL)


class BadNotation(ValueError):
    """An input that cannot be read."""


def read_tensor(
    text: Any,
    *,
    tensors: Mapping[str, Tensor] | None = None,
    variables: Mapping[str, float] | None = None,
    shape: Sequence[int] | None = None,
) -> Tensor:
    """The tensor that an input stands for.

    Args:
        text: the notation, or numbers in lists.
        tensors: what `tensor NAME` may name.
        variables: what other names stand for.
        shape: of random numbers and zeros that do not say theirs.
    """
    if not isinstance(text, str):
        return torch.tensor(text, dtype=torch.float32)
    tensors = tensors or {}
    named = re.search(r"\(tensor ([\w.]+)\)", text)
    if named and named[1] in tensors:
        return tensors[named[1]]
    result = _Reader(text, tensors, variables or {}, shape).expression()
    return result if isinstance(result, Tensor) else torch.tensor(result)


def read_slice(text: str) -> tuple[slice, ...]:
    """`[:, 32:96, 0:64]` as what a tensor is indexed with."""
    axes = []
    for axis in text.strip().strip("[]").split(","):
        bounds = [int(bound) if bound.strip() else None for bound in axis.split(":")]
        if len(bounds) < 2:
            raise BadNotation(f"{text!r} is no slice of whole axes")
        axes.append(slice(*bounds))
    return tuple(axes)


class _Reader:
    """Sums of products of numbers, names and tensors, read from the left until something does not belong."""

    def __init__(
        self, text: str, tensors: Mapping[str, Tensor], variables: Mapping[str, float], shape: Sequence[int] | None
    ) -> None:
        self.text = text
        self.tensors = tensors
        self.variables = variables
        self.shape = shape
        self.tokens = [match.group(1) or match.group(2) or match.group(3) for match in _TOKEN.finditer(text)]
        self.at = 0

    def expression(self) -> Any:
        total = self._product()
        while self._next() in ("+", "-"):
            sign = self._take()
            term = self._product()
            total = total + term if sign == "+" else total - term
        return total

    def _product(self) -> Any:
        product = self._factor()
        while self._next() in ("*", "/"):
            sign = self._take()
            factor = self._factor()
            product = product * factor if sign == "*" else product / factor
        return product

    def _factor(self) -> Any:
        token = self._take()
        if token == "-":
            return -self._factor()
        if token == "(":
            inner = self.expression()
            self._expect(")")
            return inner
        if token in ("randn", "rand"):
            return self._random(torch.randn if token == "randn" else torch.rand)
        if token in ("zeros", "ones"):
            return (torch.zeros if token == "zeros" else torch.ones)(self._shape())
        if token == "tensor":
            name = self._take()
            if name not in self.tensors:
                raise BadNotation(f"{self.text!r} names the tensor {name!r}, which the set does not have")
            return self.tensors[name]
        if token in self.variables:
            return self.variables[token]
        try:
            return int(token) if token.isdigit() else float(token)
        except ValueError:
            raise BadNotation(f"{self.text!r}: {token!r} is not understood") from None

    def _random(self, draw: Any) -> Tensor:
        in_parentheses = self._skip("(")
        self._expect("seed")
        seed = self.expression()
        self._skip(",")
        shape = self._shape()
        if in_parentheses:
            self._expect(")")
        return draw(shape, generator=torch.Generator("cpu").manual_seed(int(seed)))

    def _shape(self) -> list[int]:
        self._skip("shape")
        if not self._skip("["):
            if self.shape is None:
                raise BadNotation(f"{self.text!r} does not say a shape")
            return list(self.shape)
        sizes = []
        while not self._skip("]"):
            sizes.append(int(self._take()))
            self._skip(",")
        return sizes

    def _next(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def _take(self) -> str:
        token = self._next()
        self.at += 1
        return token

    def _skip(self, token: str) -> bool:
        if self._next() == token:
            self.at += 1
            return True
        return False

    def _expect(self, token: str) -> None:
        if not self._skip(token):
            raise BadNotation(f"{self.text!r}: {token!r} was expected, not {self._next()!r}")
