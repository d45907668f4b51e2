"""Types of the schema class protocol that stand for others: one of several, the same as another's, inputs that grow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from heddle.graph.plain import is_listing
from heddle.graph.schema.sockets import (
    ComfyTypeI,
    ComfyTypeIO,
    Input,
    PlainInput,
    PlainOutput,
    WidgetInput,
    comfytype,
    entries_of,
    type_of,
)
from heddle.graph.schema.wires import AnyType
from heddle.graph.spec import AUTOGROW, DYNAMIC_COMBO, DYNAMIC_SLOT, MATCH_TYPE

# Several types at once


@comfytype("COMFY_MULTITYPED_V3")
class MultiType(ComfyTypeI):
    """Any of several types. With an input in place of the id, that one's widget is drawn while nothing is linked."""

    class Input(PlainInput):
        def __init__(self, id: str | Input, types: Iterable[Any], *args: Any, **more: Any) -> None:
            self.widget = id if isinstance(id, Input) else None
            if isinstance(id, Input):  # what is not said anew holds as the widget's input says it
                said = {"display_name": id.display_name, "tooltip": id.tooltip, "lazy": id.lazy}
                said |= {"optional": id.optional, "raw_link": id.raw_link, "advanced": id.advanced}
                more = said | {name: value for name, value in more.items() if value is not None}
                super().__init__(id.id, *args, **more)
            else:
                super().__init__(id, *args, **more)
            self.io_types = [*([self.widget] if self.widget else []), *types]

        def get_io_type(self) -> str:
            return ",".join(dict.fromkeys(type_of(each) for each in self.io_types))

        def as_dict(self) -> dict[str, Any]:
            if self.widget is None:
                return super().as_dict()
            options = self.widget.as_dict()
            if isinstance(self.widget, WidgetInput):
                options["widgetType"] = self.widget.get_widget_type()
            return options | super().as_dict()


@comfytype(MATCH_TYPE)
class MatchType(ComfyTypeIO):
    """Inputs and outputs of one template have the same type, whichever it is."""

    class Template:
        def __init__(self, template_id: str, allowed_types: Any = None) -> None:
            self.template_id = template_id
            if allowed_types is None:
                allowed_types = [AnyType]
            self.allowed_types = list(allowed_types) if is_listing(allowed_types) else [allowed_types]

        def as_dict(self) -> dict[str, Any]:
            names = dict.fromkeys(type_of(each) for each in self.allowed_types)
            return {"template_id": self.template_id, "allowed_types": ",".join(names)}

    class Input(PlainInput):
        def __init__(self, id: str, template: MatchType.Template, *args: Any, **more: Any) -> None:
            super().__init__(id, *args, **more)
            self.template = template

        def as_dict(self) -> dict[str, Any]:
            return super().as_dict() | {"template": self.template.as_dict()}

    class Output(PlainOutput):
        def __init__(self, template: MatchType.Template, id: str | None = None, *args: Any, **more: Any) -> None:
            super().__init__(id, *args, **more)
            self.template = template


# Inputs that bring inputs


class DynamicInput(Input):
    """An input that stands for others, which arrive as `<id>.<name>`."""


@comfytype(AUTOGROW)
class Autogrow(ComfyTypeI):
    """A list of inputs that grows as they are linked; the node gets a dictionary of them."""

    Type = dict

    class _Template:
        def __init__(self, input: Input) -> None:
            self.input = input

        def as_dict(self) -> dict[str, Any]:
            return {"input": entries_of([self.input])}

    class TemplatePrefix(_Template):
        """Named by a beginning and a number from 0 on."""

        def __init__(self, input: Input, prefix: str, min: int = 1, max: int = 10) -> None:
            super().__init__(input)
            self.prefix = prefix
            self.min = min
            self.max = max
            self.names = [f"{prefix}{number}" for number in range(max)]

        def as_dict(self) -> dict[str, Any]:
            return super().as_dict() | {"prefix": self.prefix, "min": self.min, "max": self.max}

    class TemplateNames(_Template):
        """Named one by one."""

        def __init__(self, input: Input, names: Sequence[str], min: int = 1) -> None:
            super().__init__(input)
            self.names = list(names)
            self.min = min

        def as_dict(self) -> dict[str, Any]:
            return super().as_dict() | {"names": self.names, "min": self.min}

    class Input(DynamicInput):
        def __init__(
            self, id: str, template: Autogrow.TemplatePrefix | Autogrow.TemplateNames, *args: Any, **more: Any
        ) -> None:
            super().__init__(id, *args, **more)
            self.template = template

        def as_dict(self) -> dict[str, Any]:
            return super().as_dict() | {"template": self.template.as_dict()}


@comfytype(DYNAMIC_COMBO)
class DynamicCombo(ComfyTypeI):
    """A choice that brings inputs of its own; the node gets a dictionary of the choice and of them."""

    Type = dict

    class Option:
        def __init__(self, key: str, inputs: Sequence[Input] = ()) -> None:
            self.key = key
            self.inputs = list(inputs)

        def as_dict(self) -> dict[str, Any]:
            return {"key": self.key, "inputs": {"required": {}} | entries_of(self.inputs)}

    class Input(DynamicInput):
        def __init__(self, id: str, options: Sequence[DynamicCombo.Option], *args: Any, **more: Any) -> None:
            super().__init__(id, *args, **more)
            self.options = list(options)

        def get_all(self) -> list[Input]:
            return [self, *(each for option in self.options for each in option.inputs)]

        def as_dict(self) -> dict[str, Any]:
            return super().as_dict() | {"options": [each.as_dict() for each in self.options]}


@comfytype(DYNAMIC_SLOT)
class DynamicSlot(ComfyTypeI):
    """An input that brings others once it is linked; the node gets a dictionary of its value and of theirs."""

    Type = dict

    class Input(DynamicInput):
        def __init__(self, slot: Input, inputs: Sequence[Input], *args: Any, **more: Any) -> None:
            said = {"display_name": slot.display_name, "optional": slot.optional, "tooltip": slot.tooltip}
            super().__init__(slot.id, *args, **said | more)
            self.slot = slot
            self.inputs = list(inputs)

        def get_all(self) -> list[Input]:
            return [self, *self.inputs]

        def as_dict(self) -> dict[str, Any]:
            slot = {"slotType": self.slot.get_io_type(), "inputs": entries_of(self.inputs), "forceInput": True}
            return super().as_dict() | slot
