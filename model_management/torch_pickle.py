"""What torch.save puts into a pickle: which names of it mean what, and the tensors and arrays that come of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple

from heddle.graph.said import say
from model_management.pickled import INERT, BadPickle, FindStored, Pickle, StandIn
from model_management.stored_tensors import BITS

MOST_DIMENSIONS = 64
LARGEST_NUMBER = 2**63 - 1
LONGEST_KEY = 100


class Dtype(NamedTuple):
    """A tensor's type, by its name in safetensors headers."""

    name: str

    @property
    def bytes_each(self) -> int:
        return BITS[self.name] // 8


class StorageRef(NamedTuple):
    """A row of `size` numbers that lies elsewhere in the file, under a key, from the number `first` of it on."""

    key: str
    dtype: Dtype
    size: int
    first: int = 0


class StoredTensor(NamedTuple):
    """A tensor over a storage. offset and strides count numbers of its dtype."""

    storage: StorageRef
    dtype: Dtype
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class Letters(NamedTuple):
    """Bytes written as the letters of the same numbers. They are decoded where they are used, not wherever named."""

    text: str


@dataclass
class ArrayDtype:
    """A numpy array's type; None where it is none that tensors have."""

    dtype: Dtype | None

    def take_state(self, state: Any) -> None:
        if state[1] == ">":  # nobody saves weights so
            self.dtype = None


@dataclass
class HeldArray:
    """A numpy array, whose bytes stand in the pickle itself; without a dtype where no tensor could be made of it."""

    shape: tuple[int, ...] = ()
    dtype: Dtype | None = None
    is_column_first: bool = False
    data: bytes | bytearray | Letters = b""

    def take_state(self, state: Any) -> None:
        _, shape, dtype, is_column_first, data = state
        if isinstance(data, str):
            data = Letters(data)
        if isinstance(dtype, ArrayDtype) and isinstance(data, bytes | bytearray | Letters):
            self.shape, self.dtype = _sizes(shape), dtype.dtype
            self.is_column_first, self.data = bool(is_column_first), data

    @property
    def size_bytes(self) -> int:
        return len(self.data.text if isinstance(self.data, Letters) else self.data)

    def in_bytes(self) -> bytes:
        """Raises: BadPickle, if a letter of it is no byte."""
        if isinstance(self.data, Letters):
            try:
                self.data = self.data.text.encode("latin-1")
            except UnicodeEncodeError as problem:
                raise BadPickle(say("an array's bytes hold a letter that is no byte")) from problem
        return bytes(self.data)


def read_torch_pickle(file: BinaryIO, find_stored: FindStored) -> Any:
    """One pickle, read from where the file stands.

    Returns: dicts, lists, tuples, numbers, texts, bytes, `StoredTensor`, `HeldArray`, INERT.
    Raises: UnknownNames, BadPickle.
    """
    return Pickle(KNOWN, HARMLESS, find_stored).read(file)


def storage_of(key: Any, dtype: Any, size: Any, first: Any = 0) -> StorageRef:
    """Raises: BadPickle, if these describe none."""
    if not isinstance(dtype, Dtype):
        raise BadPickle(say("a storage's type is not known"))
    if any(type(number) is not int or not 0 <= number <= LARGEST_NUMBER for number in (size, first)):
        raise BadPickle(say("a storage's size is no whole number from 0 on"))
    if not isinstance(key, str | int) or len(str(key)) > LONGEST_KEY:
        raise BadPickle(say("a storage's key is no short text"))
    return StorageRef(str(key), dtype, size, first)


def _sizes(sizes: Any) -> tuple[int, ...]:
    if not isinstance(sizes, tuple | list) or len(sizes) > MOST_DIMENSIONS:
        raise BadPickle(say("a tensor's shape or strides are no list of numbers"))
    if any(type(size) is not int or not 0 <= size <= LARGEST_NUMBER for size in sizes):
        raise BadPickle(say("a tensor's shape or strides hold something else than whole numbers from 0 on"))
    return tuple(sizes)


def _table(pickle: Pickle, pairs: Any = None) -> dict[Any, Any]:
    if isinstance(pairs, dict):
        return pairs  # made in place of the one that it would be copied from
    table: dict[Any, Any] = {}
    if pairs is not None:
        pickle.fill(table, pairs)
    return table


def _sequence(pickle: Pickle, items: Any = None) -> Any:
    return items if isinstance(items, list | tuple) else []


def _same(pickle: Pickle, value: Any = (), *others: Any) -> Any:
    return value


def _tensor(pickle: Pickle, storage: Any, offset: Any, shape: Any, strides: Any, *others: Any) -> StoredTensor:
    if not isinstance(storage, StorageRef) or type(offset) is not int or not 0 <= offset <= LARGEST_NUMBER:
        raise BadPickle(say("a tensor is made of what is no storage, or begins outside of it"))
    return StoredTensor(storage, storage.dtype, offset, _sizes(shape), _sizes(strides))


def _typed_tensor(
    pickle: Pickle,
    storage: Any,
    offset: Any,
    shape: Any,
    strides: Any,
    needs: Any,
    hooks: Any,
    dtype: Any,
    *others: Any,
) -> StoredTensor:
    if not isinstance(dtype, Dtype):
        raise BadPickle(say("a tensor's type is not known"))
    return _tensor(pickle, storage, offset, shape, strides)._replace(dtype=dtype)


def _of_type(pickle: Pickle, function: Any, kind: Any, arguments: Any, *others: Any) -> Any:
    """A tensor with attributes, or of a class of its own: what `function` makes, before these are put on."""
    return pickle.call(function, arguments)


def _letters(pickle: Pickle, text: Any = "", *others: Any) -> Any:
    return Letters(text) if isinstance(text, str) else INERT


def _array(pickle: Pickle, *others: Any) -> HeldArray:
    return HeldArray()  # what it holds comes as its state


def _array_over(pickle: Pickle, data: Any, dtype: Any, shape: Any, order: Any, *others: Any) -> HeldArray:
    array = HeldArray()
    array.take_state((None, shape, dtype, order == "F", data))
    return array


def _array_dtype(pickle: Pickle, code: Any, *others: Any) -> ArrayDtype:
    return ArrayDtype(_ARRAY_DTYPES.get(code) if isinstance(code, str) else None)


def _nothing(pickle: Pickle, *others: Any) -> Any:
    return INERT


_ARRAY_DTYPES = {
    "f2": Dtype("F16"),
    "f4": Dtype("F32"),
    "f8": Dtype("F64"),
    "b1": Dtype("BOOL"),
    "c8": Dtype("C64"),
    **{f"{kind}{size}": Dtype(f"{kind.upper()}{8 * size}") for kind in "iu" for size in (1, 2, 4, 8)},
}
_STORAGES = {
    "DoubleStorage": "F64",
    "FloatStorage": "F32",
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "LongStorage": "I64",
    "IntStorage": "I32",
    "ShortStorage": "I16",
    "CharStorage": "I8",
    "ByteStorage": "U8",
    "BoolStorage": "BOOL",
    "ComplexFloatStorage": "C64",
    "storage.UntypedStorage": "U8",
}
_DTYPES = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "complex64": "C64",
    "bool": "BOOL",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint64": "U64",
    "uint32": "U32",
    "uint16": "U16",
    "uint8": "U8",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "float8_e8m0fnu": "F8_E8M0",
    "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "float8_e5m2fnuz": "F8_E5M2FNUZ",
}
_NUMPY = {
    "multiarray._reconstruct": StandIn(_array),
    "multiarray.scalar": StandIn(_nothing),
    "numeric._frombuffer": StandIn(_array_over),
}

KNOWN: Mapping[str, Any] = {
    "collections.OrderedDict": StandIn(_table),
    "builtins.dict": StandIn(_table),
    **{f"builtins.{name}": StandIn(_sequence) for name in ("list", "set", "frozenset")},
    "_codecs.encode": StandIn(_letters),
    "torch.Size": StandIn(_same),
    "torch._utils._rebuild_tensor": StandIn(_tensor),
    "torch._utils._rebuild_tensor_v2": StandIn(_tensor),
    "torch._utils._rebuild_tensor_v3": StandIn(_typed_tensor),
    "torch._utils._rebuild_parameter": StandIn(_same),
    "torch._utils._rebuild_parameter_with_state": StandIn(_same),
    "torch._tensor._rebuild_from_type": StandIn(_of_type),
    "torch._tensor._rebuild_from_type_v2": StandIn(_of_type),
    "numpy.dtype": StandIn(_array_dtype),
    **{f"numpy.{core}.{name}": value for core in ("core", "_core") for name, value in _NUMPY.items()},
    **{f"torch.{name}": Dtype(dtype) for name, dtype in (_STORAGES | _DTYPES).items()},
}
"""Names of a file that mean something to whoever wants its tensors."""

HARMLESS = (
    *("pytorch_lightning.", "lightning.", "lightning_fabric.", "omegaconf.", "argparse.Namespace"),
    *("numpy.ndarray", "numpy.dtypes.", "torch.nn.parameter.Parameter", "torch.Tensor", "torch.device"),
    *(
        "torch.optim.lr_scheduler.",
        "collections.defaultdict",
        "collections.Counter",
        "typing.",
        "datetime.",
        "pathlib.",
    ),
    *("builtins.int", "builtins.float", "builtins.complex", "builtins.str", "builtins.bool", "builtins.slice"),
    *("builtins.tuple", "builtins.bytearray", "builtins.object", "builtins.long", "copyreg._reconstructor"),
)
"""How the names begin of what trainings leave in their files beside the weights. They stand for nothing here."""
