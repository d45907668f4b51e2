"""Signs by which a layout is told from others: names and shapes in a file's header."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from model_management.header import Header

Sign: TypeAlias = Callable[[Header], bool]


def holds(signs: Iterable[Sign], header: Header) -> bool:
    return all(sign(header) for sign in signs)


def has(*keys: str) -> Sign:
    """Every one of these tensors is there."""
    return lambda header: all(key in header for key in keys)


def lacks(*keys: str) -> Sign:
    """None of these tensors is there."""
    return lambda header: not any(key in header for key in keys)


def has_prefix(prefix: str) -> Sign:
    """Some tensor's name begins so."""
    return lambda header: header.has_prefix(prefix)


def has_ending(*endings: str) -> Sign:
    """Some tensor's name ends in one of these."""
    return lambda header: any(key.endswith(endings) for key in header.tensors)


def shaped(key: str, *dims: int | None) -> Sign:
    """The tensor is there and has this shape; None stands for any size."""

    def check(header: Header) -> bool:
        if key not in header:
            return False
        shape = header.tensors[key].shape
        return len(shape) == len(dims) and all(wanted in (None, size) for wanted, size in zip(dims, shape, strict=True))

    return check


def columns(key: str, count: int) -> Sign:
    """The tensor is there and its second dimension has this size."""

    def check(header: Header) -> bool:
        return key in header and header.tensors[key].shape[1:2] == (count,)

    return check


def same_columns(key: str, other: str) -> Sign:
    """Both tensors are there and agree in the size of their second dimension: what one gives, the other takes."""

    def check(header: Header) -> bool:
        if key not in header or other not in header:
            return False
        width = header.tensors[key].shape[1:2]
        return len(width) == 1 and width == header.tensors[other].shape[1:2]

    return check


def either(*signs: Sign) -> Sign:
    """At least one of these holds."""
    return lambda header: any(sign(header) for sign in signs)
