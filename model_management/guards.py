"""What a node runs under: no gradients, one kernel of attention, and errors that say what memory was asked and free."""

from __future__ import annotations

from typing import Any

import torch

from heddle.numerics.attention import AttentionKernel, attending_by, torch_attention
from model_management.running_out import as_out_of_memory


class node_guard:
    """Run a node without recording gradients, with attention by one kernel where a model asks for no other.

    Raises: OutOfMemory, in place of the various errors by which torch and Python say so.
    """

    __slots__ = ("_attention", "_mode")

    def __init__(self, kernel: AttentionKernel = torch_attention) -> None:
        self._attention = attending_by(kernel)

    def __enter__(self) -> None:
        self._mode = torch.inference_mode()
        self._mode.__enter__()
        self._attention.__enter__()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        self._attention.__exit__(None, None, None)
        self._mode.__exit__(kind, error, trace)
        if error is None:
            return
        problem = as_out_of_memory(error)
        if problem is not None and problem is not error:
            raise problem from error
