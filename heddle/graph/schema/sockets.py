"""The ground of the schema class protocol's types: a socket on either side of a node, and what a type is.

Class and parameter names are those that packs write. `as_dict` gives an input's options as the catalogue's record has
them; None means "not said" and is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any, ClassVar, TypeVar

from heddle.graph.plain import plain_text

T = TypeVar("T", bound=type)


class Input:
    """A socket on the left of a node."""

    Parent: ClassVar[Any] = None
    io_type: str = "*"

    def __init__(
        self,
        id: str,
        display_name: str | None = None,
        optional: bool = False,
        tooltip: str | None = None,
        lazy: bool | None = None,
        extra_dict: Mapping[str, Any] | None = None,
        raw_link: bool | None = None,
        advanced: bool | None = None,
        **more: Any,
    ) -> None:
        self.id = id
        self.display_name = display_name
        self.optional = optional
        self.tooltip = tooltip
        self.lazy = lazy
        self.extra_dict = {**(extra_dict or {}), **more}
        self.raw_link = raw_link
        self.advanced = advanced

    def get_io_type(self) -> str:
        return plain_text(self.io_type)

    def get_all(self) -> list[Input]:
        """This input and those that it brings along."""
        return [self]

    def validate(self) -> None:
        """Raises: ValueError, for a declaration that no editor could draw."""

    def as_dict(self) -> dict[str, Any]:
        """The options of the record."""
        own = {
            "display_name": self.display_name,
            "tooltip": self.tooltip,
            "lazy": self.lazy,
            "rawLink": self.raw_link,
            "advanced": self.advanced,
        }
        return said(own) | self.extra_dict


class WidgetInput(Input):
    """An input whose value a person sets."""

    def __init__(
        self,
        id: str,
        display_name: str | None = None,
        optional: bool = False,
        tooltip: str | None = None,
        lazy: bool | None = None,
        default: Any = None,
        socketless: bool | None = None,
        widget_type: str | None = None,
        force_input: bool | None = None,
        extra_dict: Mapping[str, Any] | None = None,
        raw_link: bool | None = None,
        advanced: bool | None = None,
        **more: Any,
    ) -> None:
        super().__init__(id, display_name, optional, tooltip, lazy, extra_dict, raw_link, advanced, **more)
        self.default = default
        self.socketless = socketless
        self.widget_type = widget_type
        self.force_input = force_input

    def as_dict(self) -> dict[str, Any]:
        own = {
            "default": self.default,
            "socketless": self.socketless,
            "widgetType": self.widget_type,
            "forceInput": self.force_input,
        }
        return super().as_dict() | said(own)

    def get_widget_type(self) -> str:
        return self.widget_type or self.get_io_type()


class Output:
    """A socket on the right of a node."""

    Parent: ClassVar[Any] = None
    io_type: str = "*"

    def __init__(
        self,
        id: str | None = None,
        display_name: str | None = None,
        tooltip: str | None = None,
        is_output_list: bool = False,
        **more: Any,
    ) -> None:
        self.id = id
        self.display_name = display_name
        self.tooltip = tooltip
        self.is_output_list = is_output_list
        self.more = more

    def get_io_type(self) -> str:
        return plain_text(self.io_type)


# Inside a type's class, `Input` and `Output` are its own.
PlainInput, PlainOutput = Input, Output


class ComfyType:
    """A type without sockets of its own."""

    Type: ClassVar[Any] = Any
    io_type: ClassVar[str] = "*"


class ComfyTypeI(ComfyType):
    """A type that an input may have."""

    Input: ClassVar[Any] = PlainInput


class ComfyTypeIO(ComfyTypeI):
    """A type that inputs and outputs may have."""

    Output: ClassVar[Any] = PlainOutput


def comfytype(io_type: str, **_: Any) -> Callable[[T], T]:
    """Give a class its type's name; its `Input` and `Output` become classes of its own that carry it."""

    def name(cls: T) -> T:
        parent: Any = cls
        parent.io_type = io_type
        for part in ("Input", "Output"):
            base = getattr(cls, part, None)
            if isinstance(base, type):
                members = {"io_type": io_type, "Parent": cls, "__module__": cls.__module__}
                setattr(cls, part, type(part, (base,), members))
        return cls

    return name


def Custom(io_type: str) -> type[ComfyTypeIO]:
    """A type of a pack's own."""
    made = type(plain_text(io_type), (ComfyTypeIO,), {"__doc__": f"The wire {io_type}."})
    return comfytype(plain_text(io_type))(made)


def entries_of(inputs: Iterable[Input]) -> dict[str, dict[str, Any]]:
    """Inputs in the record's form: {"required": {id: [type, options]}, "optional": ...}."""
    sections: dict[str, dict[str, Any]] = {}
    for each in inputs:
        section = sections.setdefault("optional" if each.optional else "required", {})
        section[each.id] = [each.get_io_type(), each.as_dict()]
    return sections


def type_of(each: Any) -> str:
    """The name of a type given as a type's class, an input of it, or a text."""
    if isinstance(each, Input):
        return each.get_io_type()
    return plain_text(getattr(each, "io_type", each))


def said(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were given, enum members as their values."""
    return {
        name: value.value if isinstance(value, Enum) else value for name, value in options.items() if value is not None
    }
