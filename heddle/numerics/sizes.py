"""How many bytes a value on a wire takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

#: What a value without tensors is counted as: small, but not nothing, so that a cache of such values has an end.
SMALL_BYTES = 256


def bytes_of(value: Any) -> int:
    """The bytes of a value's tensors and arrays, each storage counted once, in lists and dictionaries too.

    A handle of a model counts as small: its weights belong to the ledger, not to whoever points at them.
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
        elif isinstance(each, (str, bytes)):
            total += len(each)
        else:
            total += SMALL_BYTES
    return total
