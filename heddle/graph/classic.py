"""The classic class protocol: read into a `NodeSpec`.

A classic node is a class with INPUT_TYPES, RETURN_TYPES and FUNCTION. Packs write its parts in many ways that other
engines let pass (a text where a tuple belongs, methods without their decorator, dictionaries that have every key), so
the reader is lenient; what it hands on is plain data. `derived.py` goes the other way.
"""

from __future__ import annotations

import inspect
import json
import marshal
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from heddle.graph.answers import read_answer, read_names, when_ready
from heddle.graph.asking import asking, positional, takes_any_name, validation_by
from heddle.graph.errors import GraphError
from heddle.graph.object_info import read_input
from heddle.graph.plain import is_listing, plain, plain_options, plain_text
from heddle.graph.said import say
from heddle.graph.schema.node import ComfyNode
from heddle.graph.schema.reading import declared, spec_of_schema
from heddle.graph.spec import ANY_LINK, SOCKET_ONLY, Calls, InputSpec, NodeSpec, OutputSpec, Section, Validation

#: A key that no pack uses: a dictionary that has it has every key.
_NOBODYS_NAME = "heddle asks whether any name will do"

#: The types that packs' own may claim to be as well.
_SHARED_TYPES = (*sorted(SOCKET_ONLY), "AUDIO", "VIDEO", "INT", "FLOAT", "STRING", "BOOLEAN")

#: Attributes that only clients read, and their keys in the catalogue's record.
_EXTRAS = {
    "API_NODE": "api_node",
    "DEV_ONLY": "dev_only",
    "HAS_INTERMEDIATE_OUTPUT": "has_intermediate_output",
    "ESSENTIALS_CATEGORY": "essentials_category",
}

#: Attributes beside INPUT_TYPES of which a spec is made.
_SAID = frozenset(
    {"RETURN_TYPES", "RETURN_NAMES", "OUTPUT_IS_LIST", "OUTPUT_TOOLTIPS", "OUTPUT_NODE", "INPUT_IS_LIST", "FUNCTION"}
    | {"CATEGORY", "DESCRIPTION", "SEARCH_ALIASES", "DEPRECATED", "EXPERIMENTAL", "NOT_IDEMPOTENT", *_EXTRAS}
)

_encode = json.JSONEncoder(check_circular=False).encode


def spec_of_class(id: str, cls: type, *, display_name: str = "", python_module: str = "") -> NodeSpec:
    """Read a node class of either protocol, as packs put both into NODE_CLASS_MAPPINGS.

    Raises: GraphError, if the class lacks a part of its protocol or cannot list its inputs.
    """
    if isinstance(cls, type) and issubclass(cls, ComfyNode):
        return spec_of_schema(cls, id=id, display_name=display_name, python_module=python_module)
    try:
        return _read(id, cls, display_name, python_module)
    except GraphError:
        raise
    except (Exception, SystemExit) as error:  # whatever a pack's code raises, the house stands without this node
        raise GraphError(
            say(
                "node {id}: its class cannot list its inputs and outputs ({kind}: {why})",
                id=id,
                kind=type(error).__name__,
                why=error,
            ),
            class_type=id,
        ) from error


def _read(id: str, cls: type, display_name: str, python_module: str) -> NodeSpec:
    sections = _input_types(cls)
    inputs = tuple(_read_inputs(sections))
    outputs = tuple(_read_outputs(cls))
    described = _Described.read(cls)
    function = plain_text(getattr(cls, "FUNCTION", ""))
    if not callable(getattr(cls, function, None)):
        raise GraphError(
            say("node {id}: FUNCTION names {function!r}, but the class has no such method", id=id, function=function),
            class_type=id,
            found=function,
        )
    asks_lazy = callable(getattr(cls, "check_lazy_status", None))

    def bind() -> Calls:
        node = _Instance(id, cls, function, len(outputs))
        return Calls(node.run, node.ask_lazy if asks_lazy else None)

    shared = _Instance(id, cls, function, len(outputs))
    return NodeSpec(
        id=id,
        inputs=inputs,
        outputs=outputs,
        category=described.category,
        display_name=display_name or id,
        description=described.description,
        is_output=bool(getattr(cls, "OUTPUT_NODE", False)),
        takes_lists=bool(getattr(cls, "INPUT_IS_LIST", False)),
        python_module=python_module or cls.__module__,
        deprecated=bool(getattr(cls, "DEPRECATED", False)),
        experimental=bool(getattr(cls, "EXPERIMENTAL", False)),
        search_aliases=described.search_aliases,
        per_node=bool(getattr(cls, "NOT_IDEMPOTENT", False)),
        is_async=inspect.iscoroutinefunction(getattr(cls, function)),
        takes_links=takes_any_name(getattr(cls, function)),
        open_input=_read_open_input(sections) or _read_open_input(_input_types_when_checked(cls)),
        open_output=_read_open_output(cls),
        validation=_read_validation(cls, inputs),
        extras=described.extras,
        call=shared.run,
        ask_lazy=shared.ask_lazy if asks_lazy else None,
        fingerprint=_read_fingerprint(cls, inputs),
        bind=bind,
        classic=cls,
        declared=_declared(cls, sections),
    )


def read_again(spec: NodeSpec) -> NodeSpec:
    """The spec as its class describes it now: packs list files in INPUT_TYPES. The same object if nothing changed.

    Raises: GraphError, as `spec_of_class` does.
    """
    if spec.classic is None or _says_the_same(spec):
        return spec
    fresh = spec_of_class(spec.id, spec.classic, display_name=spec.display_name, python_module=spec.python_module)
    return spec if fresh == spec else fresh


def _says_the_same(spec: NodeSpec) -> bool:
    """Whether a class says of itself, word for word, what it said before: that is found out sooner than read again."""
    cls = spec.classic
    if cls is None or spec.declared is None:
        return False
    try:
        if issubclass(cls, ComfyNode):
            return declared(cls.FINALIZE_SCHEMA()) == spec.declared
        return _declared(cls, _input_types(cls)) == spec.declared
    except Exception:  # a pack's own code; who reads the class says what is wrong with it
        return False


def _declared(cls: type, sections: Mapping[str, Any]) -> int | None:
    """A mark of all that a class says of itself; None if something in it is no plain data."""
    try:
        said = [sections, *([each for each in vars(base).items() if each[0] in _SAID] for base in cls.__mro__[:-1])]
    except AttributeError:  # some packs put an object in the place of a class
        return None
    try:
        return hash(marshal.dumps(said, 2))  # several times as fast as JSON, and knows no subclass of a plain type
    except ValueError:
        pass
    try:
        return hash(_encode(said))
    except (TypeError, ValueError, RecursionError):
        return None


class _Instance:
    """One object of a classic class, made at its first call: packs keep state on `self`."""

    def __init__(self, id: str, cls: type, function: str, outputs: int) -> None:
        self._id = id
        self._cls = cls
        self._function = function
        self._outputs = outputs
        self._made: Any = None
        self._ask_lazy: Callable[..., Any] | None = None

    def run(self, /, **inputs: Any) -> Any:
        answer = getattr(self._object(), self._function)(**inputs)
        return when_ready(answer, lambda got: read_answer(got, self._outputs))

    def ask_lazy(self, /, **inputs: Any) -> Any:
        if self._ask_lazy is None:
            self._ask_lazy = asking(self._object().check_lazy_status)
        return when_ready(self._ask_lazy(**inputs), read_names)

    def _object(self) -> Any:
        if self._made is None:
            try:
                self._made = self._cls()
            except Exception as error:  # a pack's own code
                raise GraphError(
                    say(
                        "node {id}: an object of its class cannot be made ({kind}: {why})",
                        id=self._id,
                        kind=type(error).__name__,
                        why=error,
                    ),
                    class_type=self._id,
                ) from error
        return self._made


@dataclass(frozen=True)
class _Described:
    """What a class says for people, as plain texts."""

    category: str
    description: str
    search_aliases: tuple[str, ...]
    extras: dict[str, Any]

    @classmethod
    def read(cls, node: type) -> _Described:
        aliases = getattr(node, "SEARCH_ALIASES", None) or ()
        return cls(
            category=_text(getattr(node, "CATEGORY", "sd")),
            description=_text(getattr(node, "DESCRIPTION", "")),
            search_aliases=tuple(_texts(aliases)),
            extras={key: plain(value) for name, key in _EXTRAS.items() if (value := getattr(node, name, None))},
        )


# Inputs


def _input_types(cls: type) -> Mapping[str, Any]:
    """INPUT_TYPES, whether a class method, a static one, a plain function, a property or the dictionary itself."""
    found: Any = getattr(cls, "INPUT_TYPES")  # noqa: B009 - the protocol's own name, which no type has
    if isinstance(found, property):
        assert found.fget is not None, "a property without a getter"
        found = found.fget(cls)
    if inspect.isfunction(found) and positional(found):
        found = found(cls)
    elif callable(found):
        found = found()
    if not isinstance(found, Mapping):
        raise TypeError(f"INPUT_TYPES gives a {type(found).__name__}; a dictionary of sections is wanted")
    return found


def _input_types_when_checked(cls: type) -> Mapping[str, Any]:
    """INPUT_TYPES of a class that tells by the names of its callers whether a graph is being checked; else nothing.

    Such classes list few inputs to the editor, whose script adds more, and have every name for whoever checks one.
    """
    found: Any = getattr(cls, "INPUT_TYPES", None)
    code = getattr(getattr(found, "__func__", found), "__code__", None)
    if code is None or "get_input_info" not in code.co_consts or not inspect.ismethod(found):
        return {}

    def get_input_info(outer: bool) -> Any:  # the name that is looked for in both of the callers
        return get_input_info(False) if outer else found()

    sections = get_input_info(True)
    return sections if isinstance(sections, Mapping) else {}


def _read_inputs(sections: Mapping[str, Any]) -> Iterable[InputSpec]:
    names: tuple[Section, ...] = ("required", "optional", "hidden")
    for section in names:
        entries = sections.get(section)
        if isinstance(entries, Mapping):
            for name in entries:
                yield _read_input(plain_text(name), entries[name], section)


def _read_input(name: str, entry: Any, section: Section) -> InputSpec:
    """One input: a type, or a tuple or list of a type and options, of which either may be odd."""
    parts = list(entry) if isinstance(entry, (list, tuple)) else [entry]
    kind = parts[0] if parts else "*"
    options = next((each for each in parts[1:] if isinstance(each, Mapping)), {})
    wanted = [plain(each) for each in kind] if is_listing(kind) else _type_name(kind)
    more = {ANY_LINK: True} if is_listing(kind) and _differs_from_nothing(kind) else {}
    return read_input(name, (wanted, plain_options(options) | more), section)


def _type_name(kind: Any) -> str:
    """The name of a type as plain text; `*` for a text that claims to differ from nothing, and for None.

    A text that claims not to differ from some other types is a union with those: packs let whole numbers into inputs
    for any, or latents into those for images.
    """
    if isinstance(kind, str):
        name = plain_text(kind)
        if type(kind) is str:
            return name
        others = [each for each in (_NOBODYS_NAME, *_SHARED_TYPES) if not (kind != each)]  # noqa: SIM202 - they change `!=` alone
        own = [each.strip() for each in name.split(",")]
        return "*" if _NOBODYS_NAME in others else ",".join((name, *(each for each in others if each not in own)))
    if kind is None:
        return "*"
    return plain_text(getattr(kind, "value", None) or getattr(kind, "__name__", None) or kind)


def _differs_from_nothing(kind: Any) -> bool:
    """True for a text or a list of a class of its own that claims to be what it is compared with."""
    if type(kind) in (str, list, tuple) or not isinstance(kind, (str, list, tuple)):
        return False
    return not (kind != _NOBODYS_NAME)  # noqa: SIM202 - any-types change `!=` alone


def _output_type(kind: Any) -> str:
    if is_listing(kind):
        return "*" if _differs_from_nothing(kind) else "COMBO"
    return _type_name(kind)


def _read_open_input(sections: Mapping[str, Any]) -> InputSpec | None:
    """What inputs of any name are, where a section claims to have every key."""
    for section in ("optional", "required", "hidden"):
        entries: Any = sections.get(section)
        # Not only dictionaries: some packs give an object that merely answers.
        can_tell = not is_listing(entries) and hasattr(entries, "__contains__") and hasattr(entries, "__getitem__")
        if can_tell and not isinstance(entries, (str, bytes)) and _NOBODYS_NAME in entries:
            entry: Any = ("*",)
            # A name that is taken without being shown has no type; nor has one that is there without an entry.
            with suppress(Exception):
                entry = entries[_NOBODYS_NAME] if section != "hidden" else entry
            return _read_input("*", entry, "optional")
    return None


# Outputs


def _read_outputs(cls: type) -> Iterable[OutputSpec]:
    types, names = _listed(getattr(cls, "RETURN_TYPES", ())), _listed(getattr(cls, "RETURN_NAMES", ()))
    tips = _listed(getattr(cls, "OUTPUT_TOOLTIPS", ()))
    are_lists = getattr(cls, "OUTPUT_IS_LIST", None)
    are_lists = [are_lists] * len(types) if isinstance(are_lists, bool) else list(are_lists or ())
    for position, kind in enumerate(types):
        type_name = _output_type(kind)
        name, tip = _at(names, position), _at(tips, position)
        yield OutputSpec(
            name=_text(name) if name else type_name,
            type=type_name,
            is_list=bool(_at(are_lists, position)),
            tip=_text(tip) if tip else "",
        )


def _read_open_output(cls: type) -> OutputSpec | None:
    """What outputs beyond the listed ones are, where RETURN_TYPES answers for every place: scripts add the sockets."""
    types: Any = getattr(cls, "RETURN_TYPES", ())
    if type(types) in (tuple, list) or not isinstance(types, (tuple, list)):
        return None
    try:
        kind = types[len(types)]
    except Exception:  # a class of a pack's own that answers for no more than it lists
        return None
    return OutputSpec("more", _output_type(kind))


def _listed(value: Any) -> list[Any]:
    """Several values, or a lone one whose comma was forgotten."""
    if value is None:
        return []
    return list(value) if is_listing(value) else [value]


def _at(values: list[Any], position: int) -> Any:
    return values[position] if position < len(values) else None


def _text(value: Any) -> str:
    """A text, also one that stands in a tuple of its own because of a comma too many."""
    if value is None:
        return ""
    return " ".join(_texts(value)) if is_listing(value) else plain_text(value)


def _texts(value: Any) -> list[str]:
    return [plain_text(each) for each in _listed(value)]


# The class's own questions


def _read_validation(cls: type, inputs: Iterable[InputSpec]) -> Validation | None:
    ask = _class_function(cls, "VALIDATE_INPUTS", inputs)
    return None if ask is None else validation_by(ask)


def _read_fingerprint(cls: type, inputs: Iterable[InputSpec]) -> Callable[..., Any] | None:
    ask = _class_function(cls, "IS_CHANGED", inputs)
    if ask is None and isinstance(constant := getattr(cls, "IS_CHANGED", None), (int, float, str)):
        return lambda **inputs: constant  # `IS_CHANGED = float("nan")`
    return None if ask is None else asking(ask)


def _class_function(cls: type, name: str, inputs: Iterable[InputSpec]) -> Callable[..., Any] | None:
    """A function that packs write as a class method, a static one, or plain, with or without a first `cls`."""
    function = getattr(cls, name, None)
    if not callable(function):
        return None
    if inspect.isfunction(function):
        first = next(iter(positional(function)), None)
        if first is not None and first not in {each.name for each in inputs} and first != "input_types":
            return function.__get__(cls)
    return function
