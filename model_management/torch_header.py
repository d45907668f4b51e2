"""The header of a torch.save file: names of its tensors, wherever in its tables they stand, and their places."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, islice
from typing import Any, TypeAlias, TypeGuard

from heddle.graph.said import say
from model_management.pickled import BadPickle
from model_management.stored_tensors import Header, Stamp, TensorEntry, refuse
from model_management.torch_file import TorchFile, read_torch_file
from model_management.torch_pickle import LARGEST_NUMBER, HeldArray, StoredTensor

#: Under which key a training's table keeps the network's own, the likeliest first.
WRAPPERS = ("state_dict", "model_state_dict", "model", "module", "params", "params_ema", "net", "weights")
_PARALLEL = "module."  # what training on several devices puts before every name

_DEEPEST = 8  # tables in tables that names are made of
_LONGEST_NAME = 500
_MOST_NAMES = 1_000_000
_MOST_BESIDE = 100  # tables beside the network's
_VALUES_A_NAME = 10  # how many values that are none are passed over in the time of one

_HOLDERS = (dict, list, tuple)  # by their exact type: a tensor's description is a tuple, too
_Holder: TypeAlias = Mapping[Any, Any] | Sequence[Any]


def read_torch_header(stamp: Stamp) -> Header:
    """Names, shapes and places of a torch.save file's tensors; none of its weights.

    The network's table may lie in others (`WRAPPERS`): its names count from there. Tables of tensors beside it, such as
    averages, keep their own key before their names.

    Raises: WeightsError, for a file that is damaged, that names code, or that holds no table of tensors.
    """
    file = read_torch_file(stamp)
    tensors: dict[str, TensorEntry] = {}
    held_bytes = 0
    for name, value in _named(file):
        if len(tensors) >= _MOST_NAMES:
            refuse(stamp, say("damaged: it has more than {most_names:,} tensors", most_names=_MOST_NAMES))
        if name in tensors:
            refuse(stamp, say("damaged: two of its tensors are called {name}", name=name), name)
        held_bytes += value.size_bytes if isinstance(value, HeldArray) else 0
        if held_bytes > stamp.size_bytes:  # names may share a text, but what is made of it has its own bytes
            refuse(stamp, say("damaged: its arrays take more room than the file"))
        tensors[name] = tensor_entry(file, name, value)
    if not tensors:
        refuse(stamp, say("a file of torch.save without a table of tensors"), next_step=say("choose another"))
    return Header(stamp, tensors, _metadata(file.content), "torch")


def tensor_entry(file: TorchFile, name: str, value: StoredTensor | HeldArray) -> TensorEntry:
    """Where a tensor lies. Raises: WeightsError, if it does not lie within its storage."""
    if isinstance(value, HeldArray):
        return _held_entry(file, name, value)
    storage, size = value.storage, value.dtype.bytes_each
    if len(value.shape) != len(value.strides):
        refuse(
            file.stamp,
            say(
                "damaged: {name} has {sizes} sizes, but {strides} strides",
                name=name,
                sizes=len(value.shape),
                strides=len(value.strides),
            ),
            name,
        )
    count = math.prod(value.shape)
    begin = file.places[storage.key].begin + storage.first * storage.dtype.bytes_each + value.offset * size
    if count == 0:
        return TensorEntry(value.dtype.name, value.shape, begin, begin)
    last = sum((dim - 1) * stride for dim, stride in zip(value.shape, value.strides, strict=True))
    room = storage.size * storage.dtype.bytes_each
    # A tensor may repeat its numbers, but one with more of them than its storage is made to fill the memory.
    if (value.offset + last + 1) * size > room or count * size > room:
        refuse(
            file.stamp,
            say(
                "damaged: {name} ({type} {shape} with strides {strides} from number {first:,} on) reaches "
                "beyond its storage of {size:,} numbers",
                name=name,
                type=value.dtype.name,
                shape=list(value.shape),
                strides=list(value.strides),
                first=value.offset,
                size=storage.size,
            ),
            name,
        )
    strides = None if value.strides == _plain_strides(value.shape) else value.strides
    return TensorEntry(value.dtype.name, value.shape, begin, begin + (last + 1) * size, strides)


def _held_entry(file: TorchFile, name: str, array: HeldArray) -> TensorEntry:
    assert array.dtype is not None
    wanted = math.prod(array.shape) * array.dtype.bytes_each
    if array.size_bytes != wanted:
        refuse(
            file.stamp,
            say(
                "damaged: {name} takes {found:,} bytes where {wanted:,} are wanted",
                name=name,
                found=array.size_bytes,
                wanted=wanted,
            ),
            name,
        )
    try:
        data = array.in_bytes()
    except BadPickle as problem:
        refuse(file.stamp, say("damaged: {name}: {why}", name=name, why=problem), name)
    strides = _plain_strides(array.shape[::-1])[::-1] if array.is_column_first else None
    return TensorEntry(array.dtype.name, array.shape, 0, len(data), strides, data)


def _plain_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Those of numbers that lie one after the other."""
    return (*accumulate(shape[:0:-1], lambda stride, dim: stride * dim, initial=1),)[: len(shape)][::-1]


def is_tensor(value: Any) -> TypeGuard[StoredTensor | HeldArray]:
    return isinstance(value, StoredTensor) or (isinstance(value, HeldArray) and value.dtype is not None)


def _named(file: TorchFile) -> Iterator[tuple[str, StoredTensor | HeldArray]]:
    table = file.content
    if not isinstance(table, dict):
        yield from _flat(file.stamp, table if type(table) in _HOLDERS else (), "")
        return
    beside: dict[str, Mapping[Any, Any]] = {}
    for _ in range(_DEEPEST):
        wrapper = next((key for key in WRAPPERS if _wraps(table, key)), None)
        if wrapper is None:
            break
        others = ((key, other) for key, other in table.items() if isinstance(key, str) and key != wrapper)
        beside.update((key, other) for key, other in islice(others, _MOST_BESIDE) if _is_table_of_tensors(other))
        table = table[wrapper]
    named = list(_flat(file.stamp, table, ""))
    is_parallel = all(name.startswith(_PARALLEL) for name, _ in named)
    yield from ((name[len(_PARALLEL) * is_parallel :], value) for name, value in named)
    for key, other in beside.items():
        yield from _flat(file.stamp, other, f"{key}.")


def _wraps(table: Mapping[Any, Any], key: str) -> bool:
    """Whether the network's table lies under this key. A table with tensors of its own mostly is one itself."""
    inner = table.get(key)
    if not isinstance(inner, dict) or (key != "state_dict" and any(map(is_tensor, table.values()))):
        return False
    return any(map(is_tensor, inner.values())) or any(isinstance(inner.get(deeper), dict) for deeper in WRAPPERS)


def _is_table_of_tensors(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(map(is_tensor, value.values()))


def _flat(stamp: Stamp, content: _Holder, prefix: str) -> Iterator[tuple[str, StoredTensor | HeldArray]]:
    """Tensors of a table or list and of those in it, in order, with the keys and numbers on the way to them."""
    waiting = [(prefix, content)]
    work_left = _MOST_NAMES
    while waiting:
        before, inner = waiting.pop()
        deeper: list[tuple[str, _Holder]] = []
        named = [
            (key, value)
            for key, value in (inner.items() if isinstance(inner, dict) else enumerate(inner))
            if is_tensor(value) or type(value) in _HOLDERS
        ]
        work_left -= len(named) + len(inner) // _VALUES_A_NAME
        if work_left < 0:
            refuse(
                stamp,
                say(
                    "damaged: its tables have more than {most_names:,} entries, or hold themselves",
                    most_names=_MOST_NAMES,
                ),
            )
        for key, value in named:
            if not isinstance(key, str) and not (isinstance(key, int) and abs(key) <= LARGEST_NUMBER):
                continue
            name = f"{before}{key}"
            if len(name) > _LONGEST_NAME:
                refuse(
                    stamp,
                    say(
                        "damaged: a name in it has more than {longest_name} letters ({name}...)",
                        longest_name=_LONGEST_NAME,
                        name=name[:60],
                    ),
                )
            if is_tensor(value):
                yield name, value
            elif isinstance(value, _HOLDERS):
                deeper.append((f"{name}.", value))
        waiting += reversed(deeper)


def _metadata(content: Any) -> dict[str, str]:
    """What a training's table says in words and numbers, such as how many steps it took."""
    if not isinstance(content, dict):
        return {}
    return {
        key: str(value)
        for key, value in content.items()
        if isinstance(key, str)
        and (
            isinstance(value, float)
            or (isinstance(value, str) and len(value) <= _LONGEST_NAME)
            or (isinstance(value, int) and abs(value) <= LARGEST_NUMBER)
        )
    }
