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


def below(prefix: str, *signs: Sign) -> Sign:
    """All of these hold for what the file has behind a prefix, by names without it."""
    return lambda header: holds(signs, header.below(prefix))


def shaped(key: str, *dims: int | None) -> Sign:
    """The tensor is there and has this shape; None stands for any size."""
    return lambda header: key in header and _fits(header.tensors[key].shape, dims)


def some_shaped(ending: str, *dims: int | None) -> Sign:
    """Some tensor's name ends so, and each such has this shape; None stands for any size."""

    def check(header: Header) -> bool:
        found = {entry.shape for key, entry in header.tensors.items() if key.endswith(ending)}
        return bool(found) and all(_fits(shape, dims) for shape in found)

    return check


def _fits(shape: tuple[int, ...], dims: tuple[int | None, ...]) -> bool:
    return len(shape) == len(dims) and all(wanted in (None, size) for wanted, size in zip(dims, shape, strict=True))


def joined_columns(ending: str, *others: str) -> Sign:
    """Tensors whose names end so have as many columns as all the others together: they take what those give."""

    def check(header: Header) -> bool:
        if not all(shaped(key, None, None)(header) for key in others):
            return False
        return some_shaped(ending, None, sum(header.tensors[key].shape[1] for key in others))(header)

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
