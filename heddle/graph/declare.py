"""`@node`: a function whose annotations are its schema.

The decorator reads the annotations into a `NodeSpec` and writes it onto the function, nothing else; a test calls the
function like any other. What an annotation can carry stands here: `Wire`, `Number`, `Text`, `Choice`, `Files`,
`Flag`, `Hidden`; what stands for other inputs in `declare_dynamic.py`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import ModuleType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from heddle.graph.answers import read_names, when_ready
from heddle.graph.asking import asking, validation_by
from heddle.graph.context import Context
from heddle.graph.declare_dynamic import Brings, Growing, Shared
from heddle.graph.results import ExecutionBlocker, Expanded, Shown
from heddle.graph.socket_tips import SOCKET_TIPS
from heddle.graph.spec import InputSpec, NodeSpec, OutputSpec, Section

F = TypeVar("F", bound=Callable[..., Any])

_MARK = "__heddle_node__"


@dataclass(frozen=True)
class Wire:
    """A value of this type flows along a link and has no widget.

    As an input it may be `lazy` (followed only when the node asks) or `raw` (the node gets the link, not the value);
    as an output it may be a list (`many`) whose elements later nodes are called with one by one.
    """

    type: str
    tip: str = ""
    lazy: bool = False
    raw: bool = False
    many: bool = False


@dataclass(frozen=True)
class Number:
    """A whole or real number that a person types. `control` adds "control after generate" to a seed.

    `default` is for an input that stands before others without a default; else the parameter's own is read.
    """

    default: float | None = None
    low: float | None = None
    high: float | None = None
    step: float | None = None
    round: float | None = None
    tip: str = ""
    control: bool = False
    advanced: bool = False


@dataclass(frozen=True)
class Text:
    """A text that a person types. `dynamic` lets the editor expand {a|b} and comments before it queues."""

    multiline: bool = False
    dynamic: bool = False
    placeholder: str = ""
    tip: str = ""


@dataclass(frozen=True)
class Choice:
    """One of a few words."""

    options: tuple[str, ...]
    tip: str = ""
    advanced: bool = False

    def __init__(self, *options: str, tip: str = "", advanced: bool = False) -> None:
        object.__setattr__(self, "options", tuple(options))
        object.__setattr__(self, "tip", tip)
        object.__setattr__(self, "advanced", advanced)


@dataclass(frozen=True)
class Files:
    """One of the files of a kind ("checkpoints", "input", ...) or of the names in `also`.

    `upload` ("image", "video", "audio") lets the person add a file from the node itself. `which` says what of the
    folders "input" and "output" is listed where it is not pictures: see `heddle.settings.kinds.PLACED`.
    """

    kind: str
    also: tuple[str, ...] = ()
    upload: str = ""
    tip: str = ""
    which: str = ""


@dataclass(frozen=True)
class Flag:
    """Yes or no. `default` is for an input that stands before others without one."""

    tip: str = ""
    on: str = ""
    off: str = ""
    default: bool | None = None
    advanced: bool = False


@dataclass(frozen=True)
class Hidden:
    """Filled in by the engine: PROMPT, EXTRA_PNGINFO, UNIQUE_ID, DYNPROMPT."""

    type: str


@dataclass(frozen=True)
class Named:
    """Of a `**parameter`: the inputs that it stands for, all alike. Their names need not be ones that Python knows.

    A `**parameter` without it takes inputs of any name besides the declared ones, which scripts of editors send.
    """

    names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class More:
    """Further options of the known interface, passed on as they are."""

    options: Mapping[str, Any] = field(default_factory=dict)


_PLAIN: dict[Any, str] = {int: "INT", float: "FLOAT", str: "STRING", bool: "BOOLEAN"}


def node(
    id: str,
    *,
    category: str,
    name: str = "",
    outputs: Iterable[str] = (),
    effects: bool = False,
    was: Iterable[str] = (),
    search: Iterable[str] = (),
    deprecated: bool = False,
    experimental: bool = False,
    takes_lists: bool = False,
    per_node: bool = False,
    ask_lazy: Callable[..., Any] | None = None,
    fingerprint: Callable[..., Any] | None = None,
    check: Callable[..., Any] | None = None,
) -> Callable[[F], F]:
    """Declare a function as the node `id`.

    Args:
        id: as it stands in people's workflows.
        name: as the menu shows it; the id if empty.
        outputs: names of the outputs; their types if empty.
        effects: it writes a file or shows something, so it runs for its own sake (an output node).
        was: older ids that mean this node.
        takes_lists: every input is the list of its values; else lists call the node once per element.
        per_node: two of them never share a result.
        ask_lazy, fingerprint, check: see `NodeSpec`; functions of those inputs that their parameters name. `check`
            returns True, or what is wrong with the inputs.
    """

    def declare(function: F) -> F:
        hints = get_type_hints(function, include_extras=True)
        signature = inspect.signature(function)
        inputs = []
        standing_for_others: dict[str, Growing | Brings] = {}
        open_input: InputSpec | None = None
        for parameter in signature.parameters.values():
            annotation = hints.get(parameter.name)
            if annotation is Context:
                continue
            read = _read_input(id, parameter, annotation)
            for mark in _split(annotation)[1]:
                if isinstance(mark, Growing | Brings):
                    standing_for_others[parameter.name] = mark
            if parameter.kind is not parameter.VAR_KEYWORD:
                inputs.append(read)
            elif (names := _names(annotation)) is None:
                open_input = replace(read, name="*", section="optional")
            else:
                inputs += [replace(read, name=name) for name in names]
        spec = NodeSpec(
            id=id,
            inputs=tuple(inputs),
            outputs=_read_outputs(hints.get("return"), tuple(outputs)),
            category=category,
            display_name=name or id,
            description=inspect.cleandoc(function.__doc__ or ""),
            is_output=effects,
            takes_lists=takes_lists,
            is_async=inspect.iscoroutinefunction(function),
            takes_context=any(hints.get(each) is Context for each in signature.parameters),
            python_module=function.__module__,
            deprecated=deprecated,
            experimental=experimental,
            was=tuple(was),
            search_aliases=tuple(search),
            per_node=per_node,
            open_input=open_input,
            extras=_shared_outputs(hints.get("return")),
            call=_as_tuple(_gathering(function, standing_for_others)),
            ask_lazy=None if ask_lazy is None else _asking(ask_lazy, read_names),
            fingerprint=None if fingerprint is None else _asking(fingerprint, lambda answer: answer),
            validation=None if check is None else validation_by(check),
        )
        setattr(function, _MARK, spec)
        return function

    return declare


def spec_of(function: Callable[..., Any]) -> NodeSpec:
    """The spec that `@node` wrote onto a function."""
    return getattr(function, _MARK)


def declared_in(module: ModuleType) -> list[NodeSpec]:
    """Every node that a module declares itself, in the order of its lines; imported ones are left to their own."""
    found = [
        getattr(value, _MARK)
        for value in vars(module).values()
        if callable(value) and hasattr(value, _MARK) and getattr(value, "__module__", None) == module.__name__
    ]
    return list({spec.id: spec for spec in found}.values())


def _as_tuple(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, with a lone result put into a tuple, as the executor wants it; `async` or not."""

    def read(result: Any) -> Any:
        return result if isinstance(result, (tuple, Shown, Expanded, ExecutionBlocker)) else (result,)

    return lambda **inputs: when_ready(function(**inputs), read)


def _gathering(function: Callable[..., Any], marks: Mapping[str, Growing | Brings]) -> Callable[..., Any]:
    """The function, called with the inputs as they arrive, of which some stand for one parameter."""
    if not marks:
        return function

    def call(**inputs: Any) -> Any:
        for name, mark in marks.items():
            below = {each[len(name) + 1 :]: each for each in inputs if each.startswith(f"{name}.")}
            given = {child: inputs.pop(each) for child, each in below.items()}
            inputs[name] = mark.gather(name, inputs.get(name), given, _read_one)
        return function(**inputs)

    return call


def _asking(function: Callable[..., Any], read: Callable[[Any], Any]) -> Callable[..., Any]:
    ask = asking(function)
    return lambda **inputs: when_ready(ask(**inputs), read)


def _read_input(node_id: str, parameter: inspect.Parameter, annotation: Any) -> InputSpec:
    section: Section = "optional" if parameter.kind is parameter.KEYWORD_ONLY else "required"
    read = _read_annotation(f"node {node_id}, parameter {parameter.name}", parameter.name, annotation, section)
    if parameter.default is not parameter.empty and parameter.default is not None and read.section != "hidden":
        return replace(read, options={"default": parameter.default} | dict(read.options))
    return read


def _read_one(name: str, annotation: Any) -> InputSpec:
    """An input that another one brings."""
    is_optional = get_origin(annotation) in (Union, UnionType) and type(None) in get_args(annotation)
    return _read_annotation(f"input {name}", name, annotation, "optional" if is_optional else "required")


def _read_annotation(place: str, name: str, annotation: Any, section: Section) -> InputSpec:
    base, marks = _split(annotation)
    options: dict[str, Any] = {}
    if get_origin(base) is list:  # of a node that takes lists
        (base,) = get_args(base)
    type_name = _PLAIN.get(base, "")
    if get_origin(base) is Literal:
        type_name, options["options"] = "COMBO", list(get_args(base))
    for mark in marks:
        match mark:
            case Wire():
                type_name = mark.type
                options |= {key: True for key, is_set in (("lazy", mark.lazy), ("rawLink", mark.raw)) if is_set}
            case Hidden():
                type_name, section = mark.type, "hidden"
            case Number():
                extra = {"default": mark.default, "min": mark.low, "max": mark.high}
                extra |= {"step": mark.step, "round": mark.round}
                options |= {key: value for key, value in extra.items() if value is not None}
                if mark.control:
                    options["control_after_generate"] = True
            case Text():
                if mark.multiline:
                    options["multiline"] = True
                if mark.dynamic:
                    options["dynamicPrompts"] = True
                if mark.placeholder:
                    options["placeholder"] = mark.placeholder
            case Choice():
                type_name, options["options"] = "COMBO", list(mark.options)
            case Files():
                type_name = "COMBO"
                options["options"] = {"files": mark.kind} | ({"also": list(mark.also)} if mark.also else {})
                if mark.which:
                    options["options"]["which"] = mark.which
                if mark.upload:
                    options[f"{mark.upload}_upload"] = True
            case Flag():
                if mark.default is not None:
                    options["default"] = mark.default
                if mark.on:
                    options["label_on"] = mark.on
                if mark.off:
                    options["label_off"] = mark.off
            case Growing() | Brings() | Shared():
                type_name = mark.type
                options |= mark.options(_read_one)
            case More():
                options |= mark.options
        if tip := getattr(mark, "tip", ""):
            options["tooltip"] = tip
        if getattr(mark, "advanced", False):
            options["advanced"] = True
    if "tooltip" not in options and section != "hidden" and name in SOCKET_TIPS:
        options["tooltip"] = SOCKET_TIPS[name]
    if not type_name:
        raise TypeError(
            f"{place}: {annotation!r} names no type of a socket or widget; "
            f"annotate it with one of heddle.wires or with Number, Text, Choice, Files, Flag or Hidden"
        )
    return InputSpec(name, type_name, section, options)


def _names(annotation: Any) -> tuple[str, ...] | None:
    return next((mark.names for mark in _split(annotation)[1] if isinstance(mark, Named)), None)


def _split(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """The plain type and the marks of an annotation; `X | None` counts as X."""
    marks: tuple[Any, ...] = ()
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation, *more = get_args(annotation)
            marks += tuple(more)
        elif origin in (Union, UnionType):
            rest = [each for each in get_args(annotation) if each is not type(None)]
            if len(rest) != 1:
                return annotation, marks
            annotation = rest[0]
        else:
            return annotation, marks


def _shared_outputs(annotation: Any) -> dict[str, Any]:
    """For the catalogue: of each output the type that it shares with inputs, by its template; nothing if none does."""
    marks = (_split(part)[1] for part in _parts_of(annotation))
    shared = [next((mark.template for mark in each if isinstance(mark, Shared)), None) for each in marks]
    return {"output_matchtypes": shared} if any(shared) else {}


def _parts_of(annotation: Any) -> tuple[Any, ...]:
    """The annotations of the outputs."""
    if annotation is None or annotation is type(None):
        return ()
    if _split(annotation)[0] in (Shown, Expanded):  # `Annotated[Shown, Wire(...), ...]`: its values, wire by wire
        return tuple(Annotated[Any, mark] for mark in _split(annotation)[1])
    return get_args(annotation) if get_origin(annotation) is tuple else (annotation,)


def _read_outputs(annotation: Any, names: tuple[str, ...]) -> tuple[OutputSpec, ...]:
    outputs = []
    for position, part in enumerate(_parts_of(annotation)):
        base, marks = _split(part)
        wire = next((mark for mark in marks if isinstance(mark, Wire | Shared)), None)
        type_name = wire.type if wire else _PLAIN.get(base, "*")
        name = names[position] if position < len(names) else type_name
        outputs.append(OutputSpec(name, type_name, bool(wire and wire.many), wire.tip if wire else ""))
    return tuple(outputs)
