"""How many bytes a value on a wire takes."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from typing import Any

import numpy as np
import torch

from heddle.numerics.videos import VideoInput

#: What a value without tensors is counted as: small, but not nothing, so that a cache of such values has an end.
SMALL_BYTES = 256

#: A class that says so by an attribute of this name counts as small, whatever it holds.
COUNTS_AS_SMALL = "counts_as_small"


def bytes_of(value: Any) -> int:
    """The bytes of a value's tensors and arrays, each storage counted once, in lists, dictionaries and dataclasses too.

    Weights count as small: they belong to the ledger, not to whoever points at them. So do objects of which nothing is
    known, since a pack's handle may hold a model.
    """
    seen: set[int] = set()
    total = 0
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, torch.Tensor):
            storage = each.untyped_storage()
            if storage.data_ptr() not in seen:
                seen.add(storage.data_ptr())
                total += storage.nbytes()
        elif isinstance(each, (list, tuple, Mapping)):
            if id(each) not in seen:  # one may hold itself
                seen.add(id(each))
                waiting += each.values() if isinstance(each, Mapping) else each
        elif isinstance(each, np.ndarray):
            total += each.nbytes
        elif isinstance(each, (str, bytes, bytearray)):
            total += len(each)
        else:
            total += SMALL_BYTES
            if (held := _held_by(each)) and id(each) not in seen:
                seen.add(id(each))
                waiting += held
    return total


def _held_by(value: Any) -> Sequence[Any]:
    """What an object holds that may be large; nothing, if it is of no kind that is looked into."""
    if isinstance(value, io.BytesIO):
        return () if value.closed else (value.getvalue(),)  # it shares its bytes until they are written to
    if not (isinstance(value, VideoInput) or is_dataclass(value)) or isinstance(value, type):
        return ()
    if getattr(value, COUNTS_AS_SMALL, False):
        return ()
    own = getattr(value, "__dict__", None)  # with what it worked out once and keeps
    slots: Sequence[str] = tuple(getattr(value, "__dataclass_fields__", ()))
    held = own.values() if own is not None else [getattr(value, name, None) for name in slots]
    return [each for each in held if each is not None and not isinstance(each, (int, float))]
