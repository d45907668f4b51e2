"""A node of the schema class protocol: its schema, its base class, what it returns, and an extension of several.

Class, method and parameter names are those that packs write.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Generic, TypeVar
from weakref import WeakKeyDictionary

from heddle.graph.results import ExecutionBlocker
from heddle.graph.schema.dynamic import DynamicInput, MatchType
from heddle.graph.schema.sockets import Input, Output, entries_of

T = TypeVar("T")


class Hidden(StrEnum):
    """What the engine fills in; the value is the input's type in the record."""

    unique_id = "UNIQUE_ID"
    prompt = "PROMPT"
    extra_pnginfo = "EXTRA_PNGINFO"
    dynprompt = "DYNPROMPT"
    auth_token_comfy_org = "AUTH_TOKEN_COMFY_ORG"
    api_key_comfy_org = "API_KEY_COMFY_ORG"


@dataclass
class HiddenHolder:
    """What `cls.hidden` gives while a node runs; None for what the node did not ask for."""

    unique_id: str | None = None
    prompt: Any = None
    extra_pnginfo: Any = None
    dynprompt: Any = None
    auth_token_comfy_org: str | None = None
    api_key_comfy_org: str | None = None

    def __getattr__(self, name: str) -> Any:
        """None for a kind of hidden input that is not known here."""
        if name.startswith("__"):
            raise AttributeError(name)
        return None


@dataclass
class PriceBadgeDepends:
    """What a price is worked out from."""

    widgets: list[str] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    input_groups: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return vars(self).copy()


@dataclass
class PriceBadge:
    """What a run of a paid node costs, as an expression that the editor evaluates."""

    expr: str
    depends_on: PriceBadgeDepends = field(default_factory=PriceBadgeDepends)
    engine: str = "jsonata"

    def as_dict(self) -> dict[str, Any]:
        return {"engine": self.engine, "depends_on": self.depends_on.as_dict(), "expr": self.expr}


@dataclass
class Schema:
    """What a node is."""

    node_id: str
    display_name: str | None = None
    category: str = "sd"
    inputs: list[Input] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    hidden: list[Hidden | str] = field(default_factory=list)
    description: str = ""
    search_aliases: list[str] = field(default_factory=list)
    is_input_list: bool = False
    is_output_node: bool = False
    is_deprecated: bool = False
    is_experimental: bool = False
    is_dev_only: bool = False
    is_api_node: bool = False
    price_badge: PriceBadge | None = None
    not_idempotent: bool = False
    enable_expand: bool = False
    accept_all_inputs: bool = False
    essentials_category: str | None = None
    has_intermediate_output: bool = False

    def validate(self) -> None:
        """Raises: ValueError, for two inputs or outputs of one id, or an input that no editor could draw."""
        inputs = [each for one in self.inputs or () for each in self._always_there(one)]
        for what, ids in (
            ("inputs", [each.id for each in inputs]),
            ("outputs", [each.id for each in self.outputs or () if each.id is not None]),
        ):
            if double := sorted({id for id in ids if ids.count(id) > 1}):
                raise ValueError(f"node {self.node_id}: two {what} are called {', '.join(double)}; rename one")
        for each in inputs:
            each.validate()

    @staticmethod
    def _always_there(one: Input) -> list[Input]:
        """What an input brings is named below it, and of a dynamic combo's options only one is there at a time."""
        return [one] if isinstance(one, DynamicInput) else one.get_all()

    def finalize(self) -> None:
        """Fill in what was left open."""
        self.inputs = list(self.inputs or ())
        self.outputs = list(self.outputs or ())
        self.hidden = list(self.hidden or ())
        for position, output in enumerate(self.outputs):
            if output.id is None:
                output.id = f"_{position}_{output.get_io_type()}_"

    def hidden_inputs(self) -> dict[str, str]:
        """Hidden inputs by name, with their types."""
        return {
            each.name if isinstance(each, Hidden) else str(each).lower(): str(getattr(each, "value", each))
            for each in self.hidden
        }

    def match_types(self) -> list[str | None] | None:
        """For each output the template whose type it has; None if no output has one."""
        found = [each.template.template_id if isinstance(each, MatchType.Output) else None for each in self.outputs]
        return found if any(found) else None


class NodeOutput:
    """What `execute` returns: the outputs in their order, and beside them what to show or to run instead."""

    def __init__(
        self,
        *args: Any,
        ui: Any = None,
        expand: Mapping[str, Any] | None = None,
        block_execution: str | None = None,
        **more: Any,
    ) -> None:
        self.args = args
        self.ui = ui
        self.expand = expand
        self.block_execution = block_execution

    @property
    def result(self) -> tuple[Any, ...] | None:
        return self.args if self.args else None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> NodeOutput:
        """Read what classic nodes return: `result`, `ui`, `expand`."""
        result = data.get("result")
        if isinstance(result, ExecutionBlocker):
            return cls(ui=data.get("ui"), expand=data.get("expand"), block_execution=result.message or "")
        values = result if isinstance(result, (list, tuple)) else () if result is None else (result,)
        return cls(*values, ui=data.get("ui"), expand=data.get("expand"))

    def __getitem__(self, index: int) -> Any:
        return self.args[index]

    def as_answer(self, outputs: int) -> tuple[Any, Any, Any]:
        """For `heddle.graph.answers`: result, ui, graph."""
        ui = self.ui.as_dict() if hasattr(self.ui, "as_dict") else self.ui
        if self.block_execution is not None:
            return ExecutionBlocker(self.block_execution or None), ui, None
        return self.args, ui, self.expand


_hidden: ContextVar[HiddenHolder | None] = ContextVar("heddle_hidden", default=None)

#: What the last call of each class sees that is not over, for threads that a node starts: they do not know where they
#: came from.
_hidden_last: WeakKeyDictionary[type, HiddenHolder] = WeakKeyDictionary()

_NOTHING_HIDDEN = HiddenHolder()


@contextmanager
def hidden_values(cls: type, values: Mapping[str, Any]) -> Iterator[None]:
    """What `cls.hidden` gives inside the block. Two calls at once each see their own."""
    holder = HiddenHolder()
    for name, value in values.items():
        setattr(holder, name, value)
    _hidden_last[cls] = holder
    token = _hidden.set(holder)
    try:
        yield
    finally:
        _hidden.reset(token)
        if _hidden_last.get(cls) is holder:  # the graph in it would stay in memory
            del _hidden_last[cls]


class _HiddenOfTheCall:
    """Reads `cls.hidden` of the call that runs right now, on a class as well as on an object."""

    def __get__(self, instance: Any, owner: type) -> HiddenHolder:
        return _hidden.get() or _hidden_last.get(owner, _NOTHING_HIDDEN)


class class_property(Generic[T]):
    """A property that is read on the class itself."""

    def __init__(self, read: Callable[[Any], T]) -> None:
        self._read = read

    def __get__(self, instance: Any, owner: type) -> T:
        return self._read(owner)


class ComfyNode:
    """The base of nodes of the schema class protocol. It also answers as a classic class, for packs that look."""

    hidden: ClassVar[HiddenHolder] = _HiddenOfTheCall()  # pyright: ignore[reportAssignmentType]  # read as one
    #: What classic code calls; it takes the flat inputs.
    FUNCTION = "EXECUTE_NORMALIZED"

    @classmethod
    def define_schema(cls) -> Schema:
        """What the node is. Every node overrides it."""
        raise NotImplementedError(f"{cls.__name__} has no define_schema; give it one that returns an io.Schema")

    @classmethod
    def execute(cls, *args: Any, **kwargs: Any) -> Any:
        """What the node does, `async` or not. Every node overrides it."""
        raise NotImplementedError(f"{cls.__name__} has no execute; give it one that returns an io.NodeOutput")

    @classmethod
    def validate_inputs(cls, *args: Any, **kwargs: Any) -> bool | str:
        """True, or what is wrong with the inputs. Overridden where a node checks them itself."""
        raise NotImplementedError

    @classmethod
    def fingerprint_inputs(cls, *args: Any, **kwargs: Any) -> Any:
        """Part of the result's key beside the inputs. Overridden where a result depends on more than these."""
        raise NotImplementedError

    @classmethod
    def check_lazy_status(cls, *args: Any, **kwargs: Any) -> list[str]:
        """The names of lazy inputs that are needed. Overridden where not all that are missing are."""
        return [name for name, value in kwargs.items() if value is None]

    @classmethod
    def GET_SCHEMA(cls) -> Schema:
        """The finished schema, defined once for each class.

        Raises: ValueError, see `Schema.validate`.
        """
        if "_schema" not in cls.__dict__:
            cls.FINALIZE_SCHEMA()
        return cls.__dict__["_schema"]

    @classmethod
    def FINALIZE_SCHEMA(cls) -> Schema:
        """Define the schema anew: lists of files in it are read again."""
        schema = cls.define_schema()
        schema.finalize()
        schema.validate()
        cls._schema = schema
        return schema

    # What classic code reads

    @classmethod
    def INPUT_TYPES(cls, *_: Any) -> dict[str, dict[str, Any]]:
        schema = cls.GET_SCHEMA()
        sections = {"required": {}} | {
            section: {name: tuple(entry) for name, entry in entries.items()}
            for section, entries in entries_of(schema.inputs).items()
        }
        if schema.hidden:
            sections["hidden"] = {name: (kind,) for name, kind in schema.hidden_inputs().items()}
        return sections

    @classmethod
    def EXECUTE_NORMALIZED(cls, *args: Any, **kwargs: Any) -> Any:
        return cls.execute(*args, **kwargs)

    RETURN_TYPES = class_property(lambda cls: [each.get_io_type() for each in cls.GET_SCHEMA().outputs])
    RETURN_NAMES = class_property(
        lambda cls: [each.display_name or each.get_io_type() for each in cls.GET_SCHEMA().outputs]
    )
    OUTPUT_IS_LIST = class_property(lambda cls: [each.is_output_list for each in cls.GET_SCHEMA().outputs])
    OUTPUT_TOOLTIPS = class_property(lambda cls: [each.tooltip for each in cls.GET_SCHEMA().outputs])
    CATEGORY = class_property(lambda cls: cls.GET_SCHEMA().category)
    DESCRIPTION = class_property(lambda cls: cls.GET_SCHEMA().description)
    SEARCH_ALIASES = class_property(lambda cls: cls.GET_SCHEMA().search_aliases)
    ESSENTIALS_CATEGORY = class_property(lambda cls: cls.GET_SCHEMA().essentials_category)
    OUTPUT_NODE = class_property(lambda cls: cls.GET_SCHEMA().is_output_node)
    INPUT_IS_LIST = class_property(lambda cls: cls.GET_SCHEMA().is_input_list)
    DEPRECATED = class_property(lambda cls: cls.GET_SCHEMA().is_deprecated)
    EXPERIMENTAL = class_property(lambda cls: cls.GET_SCHEMA().is_experimental)
    DEV_ONLY = class_property(lambda cls: cls.GET_SCHEMA().is_dev_only)
    API_NODE = class_property(lambda cls: cls.GET_SCHEMA().is_api_node)
    NOT_IDEMPOTENT = class_property(lambda cls: cls.GET_SCHEMA().not_idempotent)
    ACCEPT_ALL_INPUTS = class_property(lambda cls: cls.GET_SCHEMA().accept_all_inputs)
    HAS_INTERMEDIATE_OUTPUT = class_property(lambda cls: cls.GET_SCHEMA().has_intermediate_output)


class ComfyExtension:
    """Several nodes of one pack; its `comfy_entrypoint` returns an object of this."""

    async def on_load(self) -> None:
        """Whatever is to be made ready before the nodes are listed."""

    async def get_node_list(self) -> list[type[ComfyNode]]:
        """The pack's nodes. Every extension overrides it."""
        raise NotImplementedError(f"{type(self).__name__} has no get_node_list; give it one that returns node classes")


def overrides(cls: type[ComfyNode], name: str) -> bool:
    """True if a node's class has its own method of this name."""
    own, base = inspect.getattr_static(cls, name), inspect.getattr_static(ComfyNode, name)
    return own is not base
