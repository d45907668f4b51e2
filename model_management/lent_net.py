"""A net some of whose weights lie elsewhere: what stands in for them, and who lends them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn

from heddle.networks.ops import LentTensor, can_be_lent, lendable
from model_management.host_lending import HostLoan
from model_management.stored_net import StoredNet, put_tensor
from model_management.stored_weight import StoredWeight

T = TypeVar("T")

#: More than there are places in a text or a picture, all of which are read at once.
MANY_ROWS = 1024


def build_lent(
    stored: StoredNet,
    weights: Mapping[str, StoredWeight],
    lend: Callable[[str], LentTensor | None],
    device: torch.device,
    dtype: torch.dtype,
    bring: Callable[[Sequence[Tensor]], tuple[Tensor, ...]] = tuple,
) -> nn.Module:
    """A net of which layers are lent their weights; what belongs to no layer is in place.

    Args:
        weights: all of them, by their names.
        lend: who lends one of a layer's, by its name; None = it is in place, too.
        bring: copies tensors to the device.
    """
    with torch.inference_mode(False), torch.no_grad():
        net = stored.build()
        in_layers = {path: (layer, name) for path, layer, name in lendable(net)}
        for path, weight in weights.items():
            lender = lend(path) if path in in_layers else None
            if lender is None:
                put_tensor(net, path, weight.widened(dtype, bring(weight.tensors)))
                continue
            layer, name = in_layers[path]
            put_tensor(net, path, stand_in(weight.shape, device, dtype))
            layer.lent = {**(layer.lent or {}), name: lender}
        for path, buffer in net.named_buffers():
            put_tensor(net, path, buffer.to(device))
    return net.eval()


def looked_up(stored: StoredNet) -> list[str]:
    """The weights of a net of which few rows are read at a time: vectors of words."""
    return [
        path
        for path, layer, _name in lendable(stored.build())
        if isinstance(layer, nn.Embedding) and layer.num_embeddings >= MANY_ROWS
    ]


def stand_in(shape: tuple[int, ...], device: torch.device, dtype: torch.dtype) -> Tensor:
    """Has a weight's shape, dtype and device, and no memory. Who computes with it by mistake gets no numbers."""
    return torch.full((), torch.nan, dtype=dtype, device=device).expand(shape)


def replace_weight(net: nn.Module, path: str, weight: StoredWeight | None, lender: LentTensor) -> None:
    """Give a net that shares its weights one of its own: this one, or who lends it, if there is none."""
    module_path, _, name = path.rpartition(".")
    layer = net.get_submodule(module_path)
    if weight is None and not can_be_lent(layer):
        with torch.inference_mode(False):
            weight = StoredWeight.plain(lender.lend())
    if weight is not None:
        layer._parameters[name] = nn.Parameter(weight.raw, requires_grad=False)
    if not can_be_lent(layer):
        return
    before: Mapping[str, LentTensor] = vars(layer).get("lent") or {}
    lent = {each: theirs for each, theirs in before.items() if each != name}
    if weight is None:
        lent[name] = lender
    if lent:
        vars(layer)["lent"] = lent
    else:
        vars(layer).pop("lent", None)  # compiled code looks at which attributes there are


def have_in_place(net: nn.Module) -> bool:
    """Have the weights that are lent in the main memory stay in their net, for code that reads parameters alone.

    Returns: whether all are there; those of a net that streams come and go.
    """
    for _path, layer, name in list(lendable(net)):
        if layer.lent and name in layer.lent:
            if not isinstance(lender := layer.lent[name], HostLoan):
                return False
            replace_weight(layer, name, StoredWeight.plain(lender.lend()), lender)
    return True


class Run(Protocol):
    def __call__(self, call: Callable[[], T], size: int | None = None, /) -> T:
        """What a call that runs a net gives. size: how many numbers it is run with, as far as that is known."""
        ...


def run_by(net: nn.Module, run: Run) -> None:
    """Have all that runs a net go through `run`, which sees to it that there is room."""
    for name in _RUNNING:
        if hasattr(type(net), name):
            vars(net)[name] = partial(_run, run, getattr(net, name))
    vars(net)[_RUN] = run


def run_directly(net: nn.Module) -> None:
    """Undo that."""
    for name in (*_RUNNING, _RUN):
        vars(net).pop(name, None)


def run_net(net: nn.Module, call: Callable[[], T]) -> T:
    """What a call gives that runs a held net by another way than by its own methods."""
    run: Run | None = vars(net).get(_RUN)
    return call() if run is None else run(call)


#: The methods of nets by which they are run.
_RUNNING = ("forward", "encode", "decode", "embed", "read_hint")
_RUN = "run"


def _run(run: Run, method: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    first = next((each for each in args if isinstance(each, Tensor)), None)
    return run(lambda: method(*args, **kwargs), None if first is None else first.numel())
