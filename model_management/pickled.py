"""A pickle as data: its instructions are followed without executing anything.

Python's own unpickler calls whatever a file names. Here the instructions of a file (they are described in Python's
`pickletools`) only move values about. What a name in it stands for is looked up in tables that the caller gives: a
value, a function of ours in place of the file's, or nothing. Every other name is collected, and the file refused.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple, Protocol, TypeAlias, runtime_checkable

from heddle.graph.said import say

MOST_INSTRUCTIONS = 5_000_000  # the largest checkpoints have some hundred thousand; each may cost 100 bytes of memory
LARGEST_PICKLE_BYTES = 200_000_000


class BadPickle(Exception):
    """Words on what is wrong with it."""


class UnknownNames(BadPickle):
    """It names things that are not known to be harmless."""

    def __init__(self, names: Sequence[str]) -> None:
        shown = ", ".join(name[:100] for name in names[:10])
        super().__init__(shown + (f" and {len(names) - 10} more" if len(names) > 10 else ""))
        self.names = list(names)


class _Inert:
    """Stands for a value that no weights depend on."""

    def __repr__(self) -> str:
        return "INERT"


INERT = _Inert()


class StandIn(NamedTuple):
    """What is done in place of a function or class of a file: `make(pickle, *arguments)`. It may raise BadPickle."""

    make: Callable[..., Any]


@runtime_checkable
class Stateful(Protocol):
    """A value that a pickle gives its content after it was made."""

    def take_state(self, state: Any, /) -> None: ...


FindStored: TypeAlias = Callable[[tuple[Any, ...]], Any]
"""What a reference to something outside of the pickle stands for. Raises BadPickle."""


class Pickle:
    """One pickle while it is read.

    Args:
        known: whole names -> a value, or a `StandIn`.
        harmless: how names begin that become `INERT`, and so does all that is made of them.
    """

    def __init__(self, known: Mapping[str, Any], harmless: tuple[str, ...], find_stored: FindStored) -> None:
        self._known, self._harmless, self._find_stored = known, harmless, find_stored
        self._unknown: dict[str, None] = {}
        self._result: Any = None
        self._stack: list[Any] = []
        self._below: list[list[Any]] = []  # the stack under each mark
        self._memo: dict[int, Any] = {}  # a table, since a file may number its entries as it likes
        self._work_left = MOST_INSTRUCTIONS

    def read(self, file: BinaryIO) -> Any:
        """The value: dicts, lists (of sets, too), tuples, numbers, texts, bytes, values of `known`, INERT.

        The file is left standing behind the pickle.

        Raises: UnknownNames; BadPickle, for anything else that is wrong.
        """
        try:
            self._follow_all(file)
        except BadPickle:
            if not self._unknown:  # whatever else is wrong, these most likely are the reason
                raise
        if self._unknown:
            raise UnknownNames(list(self._unknown))
        return self._result

    def work(self, amount: int) -> None:
        """Account for work, so that a small file cannot ask for much. Raises: BadPickle, when it was too much."""
        self._work_left -= amount
        if self._work_left < 0:
            raise BadPickle(
                say("its pickle asks for more than {most_instructions:,} steps", most_instructions=MOST_INSTRUCTIONS)
            )

    def call(self, function: Any, arguments: Any) -> Any:
        """What the file would have got from a function."""
        if function is INERT:
            return INERT
        if not isinstance(function, StandIn) or not isinstance(arguments, tuple):
            raise BadPickle(say("its pickle calls what cannot be called"))
        return function.make(self, *arguments)

    def fill(self, table: dict[Any, Any], pairs: Iterable[tuple[Any, Any]]) -> None:
        """Put entries into a table, which may hold none of these keys yet."""
        for key, value in pairs:
            self.work(1)
            if not isinstance(key, str | int | float | bytes | None):
                key = object()  # nothing is looked up by it, and hashing what a file nests may take the program down
            elif key in table:
                raise BadPickle(say("its pickle has the key {key!r} twice", key=str(key)[:100]))
            table[key] = value

    def _follow_all(self, file: BinaryIO) -> None:
        start = file.tell()
        try:
            for opcode, argument, place in pickletools.genops(file):
                if (place or 0) - start > LARGEST_PICKLE_BYTES:
                    raise BadPickle(
                        say(
                            "its pickle is longer than {largest_pickle_bytes:,} bytes",
                            largest_pickle_bytes=LARGEST_PICKLE_BYTES,
                        )
                    )
                self.work(1)
                self._follow(opcode.name, argument)
        # What a hostile file asks for breaks in many ways, all of which come down to this.
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError) as problem:
            raise BadPickle(
                say("its pickle makes no sense ({kind}: {why})", kind=type(problem).__name__, why=str(problem)[:100])
            ) from problem

    def _follow(self, name: str, argument: Any) -> None:
        stack = self._stack
        if name in _VALUES:
            stack.append(argument)
        elif name in _NEW:
            stack.append(_NEW[name]())
        elif name in _PUT:
            self._memo[argument] = stack[-1]
        elif name in _GET:
            stack.append(self._memo[argument])
        elif name in _TUPLES:
            start = len(stack) - _TUPLES[name]
            if start < 0:
                raise BadPickle(say("its pickle takes what it never put down"))
            stack[start:] = [tuple(stack[start:])]
        elif name in _INSTRUCTIONS:
            _INSTRUCTIONS[name](self, argument)
        elif name not in _IGNORED:
            raise BadPickle(say("its pickle uses {name}, which torch.save never does", name=name))

    def _named(self, name: str) -> Any:
        for old, new in _OF_PYTHON_2.items():
            if name.startswith(old):
                name = new + name[len(old) :]
        if name in self._known:
            return self._known[name]
        if not name.startswith(self._harmless):
            self._unknown[name] = None
        return INERT

    def _since_mark(self) -> list[Any]:
        items, self._stack = self._stack, self._below.pop()
        return items

    # What the instructions do

    def _mark(self, _: Any) -> None:
        self._below.append(self._stack)
        self._stack = []

    def _stop(self, _: Any) -> None:
        self._result = self._stack.pop()

    def _pop(self, _: Any) -> None:
        if self._stack:
            self._stack.pop()
        else:  # a mark counts as a value
            self._since_mark()

    def _pop_mark(self, _: Any) -> None:
        self._since_mark()

    def _dup(self, _: Any) -> None:
        self._stack.append(self._stack[-1])

    def _memoize(self, _: Any) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _tuple(self, _: Any) -> None:
        items = tuple(self._since_mark())
        self._stack.append(items)

    def _list(self, _: Any) -> None:
        items = self._since_mark()
        self._stack.append(items)

    def _dict(self, _: Any) -> None:
        items = self._since_mark()
        self._stack.append({})
        self._set(items)

    def _append(self, _: Any) -> None:
        item = self._stack.pop()
        self._extend([item])

    def _appends(self, _: Any) -> None:
        items = self._since_mark()
        self._extend(items)

    def _extend(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if isinstance(target, list):
            target.extend(items)
        elif target is not INERT:
            raise BadPickle(say("its pickle adds to something that is no list"))

    def _setitem(self, _: Any) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._set([key, value])

    def _setitems(self, _: Any) -> None:
        items = self._since_mark()
        self._set(items)

    def _set(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if target is INERT:
            return
        if not isinstance(target, dict) or len(items) % 2:
            raise BadPickle(say("its pickle puts something into what is no table"))
        self.fill(target, zip(items[::2], items[1::2], strict=True))

    def _global(self, argument: str) -> None:
        self._stack.append(self._named(argument.replace(" ", ".", 1)))

    def _stack_global(self, _: Any) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise BadPickle(say("its pickle names something by what is no text"))
        self._stack.append(self._named(f"{module}.{name}"))

    def _inst(self, argument: str) -> None:
        arguments = tuple(self._since_mark())
        self._stack.append(self.call(self._named(argument.replace(" ", ".", 1)), arguments))

    def _obj(self, _: Any) -> None:
        function, *arguments = self._since_mark()
        self._stack.append(self.call(function, tuple(arguments)))

    def _reduce(self, _: Any) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        self._stack.append(self.call(function, arguments))

    def _newobj_ex(self, _: Any) -> None:
        self._stack.pop()  # arguments by name, of which no stand-in has any
        self._reduce(_)

    def _build(self, _: Any) -> None:
        state, target = self._stack.pop(), self._stack[-1]
        if isinstance(target, Stateful):
            target.take_state(state)
        # The state of anything else is what a program would remember beside its weights.

    def _binpersid(self, _: Any) -> None:
        identity = self._stack.pop()
        if not isinstance(identity, tuple):
            raise BadPickle(say("its pickle refers to a storage by something that torch.save never writes"))
        self._stack.append(self._find_stored(identity))


_VALUES = frozenset(
    {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"}
    | {"STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"}
    | {"BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"}
)
_NEW: Mapping[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_SET": list,
    "EMPTY_DICT": dict,
    "EMPTY_TUPLE": tuple,
}
# Early protocols say these for Python's own, whichever wrote them.
_OF_PYTHON_2 = {"__builtin__.": "builtins.", "copy_reg.": "copyreg."}
_PUT = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})
_GET = frozenset({"GET", "BINGET", "LONG_BINGET"})
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_IGNORED = frozenset({"PROTO", "FRAME"})
_INSTRUCTIONS: Mapping[str, Callable[[Pickle, Any], None]] = {
    "MARK": Pickle._mark,
    "STOP": Pickle._stop,
    "POP": Pickle._pop,
    "POP_MARK": Pickle._pop_mark,
    "DUP": Pickle._dup,
    "MEMOIZE": Pickle._memoize,
    "TUPLE": Pickle._tuple,
    "LIST": Pickle._list,
    "FROZENSET": Pickle._list,
    "DICT": Pickle._dict,
    "APPEND": Pickle._append,
    "APPENDS": Pickle._appends,
    "ADDITEMS": Pickle._appends,
    "SETITEM": Pickle._setitem,
    "SETITEMS": Pickle._setitems,
    "GLOBAL": Pickle._global,
    "STACK_GLOBAL": Pickle._stack_global,
    "INST": Pickle._inst,
    "OBJ": Pickle._obj,
    "REDUCE": Pickle._reduce,
    "NEWOBJ": Pickle._reduce,
    "NEWOBJ_EX": Pickle._newobj_ex,
    "BUILD": Pickle._build,
    "BINPERSID": Pickle._binpersid,
}
