"""Nets run by code that torch compiled for them.

Weights are inputs of that code and not part of it, so all nets of one structure share it, whatever changes their
weights. It is made for the first sizes that come, then once more for any sizes; a batch of one, and sides that are no
multiple of a transformer's patch, have code of their own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import einops
import torch
from torch import Tensor, nn

from heddle.graph.errors import GraphError
from heddle.graph.said import say

#: How often code may be made for one structure. Torch's own limit is reached by pictures of all parities.
MOST_TIMES = 32

#: The name of a compiler that torch knows, or one as torch takes it.
Backend: TypeAlias = str | Callable[..., Any]


@dataclass(frozen=True)
class CompilePatch:
    """The net is compiled; the last one counts."""

    backend: Backend


class CompiledCalls:
    """Runs nets of one structure, which it compiles at the first call."""

    def __init__(self, backend: Backend) -> None:
        torch.compiler.allow_in_graph(einops.rearrange)  # looked through, it costs more than all else together
        options: dict[str, Any] = {"backend": backend, "recompile_limit": MOST_TIMES, "isolate_recompiles": True}
        self._for_first = torch.compile(_run, dynamic=False, **options)
        self._for_any = torch.compile(_run, dynamic=True, **options)
        self._name = backend if isinstance(backend, str) else type(backend).__name__
        self._first: tuple[torch.Size, ...] | None = None
        self._compiling = threading.Lock()

    def __call__(self, net: nn.Module, *args: Tensor, **kwargs: Any) -> Tensor:
        """What the net gives.

        Raises: GraphError, if it cannot be compiled here.
        """
        from torch._dynamo.exc import TorchDynamoException  # heavy, and there once something is compiled

        sizes = tuple(each.shape for each in (*args, *kwargs.values()) if isinstance(each, Tensor))
        with self._compiling:
            if self._first is None:
                self._first = sizes
            run = self._for_first if sizes == self._first else self._for_any
            try:
                return run(net, args, kwargs)
            except TorchDynamoException as problem:
                raise GraphError(
                    say(
                        "the network cannot be compiled by {backend} here ({why}); it needs a C++ "
                        "compiler, and Triton on a graphics card; leave TorchCompileModel out, or "
                        "install them",
                        backend=self._name,
                        why=_in_short(problem),
                    )
                ) from problem


def _run(net: nn.Module, args: tuple[Tensor, ...], kwargs: dict[str, Any]) -> Tensor:
    return type(net).forward(net, *args, **kwargs)  # whoever sees to a net's memory stands around it


def _in_short(problem: BaseException) -> str:
    """Who raised what; the rest is about how to search for the reason."""
    return " ".join(str(problem).split("\n")[:2])


@cache
def compiled_calls(kind: type[nn.Module], config: object, backend: Backend) -> CompiledCalls:
    """The one for all nets of this class and these sizes."""
    return CompiledCalls(backend)
