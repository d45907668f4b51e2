"""Types of the schema class protocol whose values a person sets: numbers, texts, choices, and how these are drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum, StrEnum
from typing import Any

from heddle.graph.schema.sockets import ComfyTypeI, ComfyTypeIO, PlainOutput, WidgetInput, comfytype, said


class NumberDisplay(StrEnum):
    """How an editor draws a number."""

    number = "number"
    slider = "slider"
    gradient_slider = "gradientslider"
    knob = "knob"
    color = "color"


class ControlAfterGenerate(StrEnum):
    """What becomes of a seed after a job was queued."""

    fixed = "fixed"
    increment = "increment"
    decrement = "decrement"
    randomize = "randomize"


class UploadType(StrEnum):
    """What an upload button of a COMBO takes; the value is the option's name."""

    image = "image_upload"
    audio = "audio_upload"
    video = "video_upload"
    model = "file_upload"


class FolderType(StrEnum):
    """The places of people's files."""

    input = "input"
    output = "output"
    temp = "temp"


class RemoteOptions:
    """Where an editor fetches the choices of a COMBO."""

    def __init__(
        self,
        route: str,
        refresh_button: bool = False,
        control_after_refresh: str = "first",
        timeout: int | None = None,
        max_retries: int | None = None,
        refresh: int | None = None,
    ) -> None:
        self.route = route
        self.refresh_button = refresh_button
        self.control_after_refresh = control_after_refresh
        self.timeout = timeout
        self.max_retries = max_retries
        self.refresh = refresh

    def as_dict(self) -> dict[str, Any]:
        return said(vars(self))


@comfytype("BOOLEAN")
class Boolean(ComfyTypeIO):
    """Yes or no."""

    Type = bool

    class Input(WidgetInput):
        def __init__(
            self, id: str, *args: Any, label_on: str | None = None, label_off: str | None = None, **more: Any
        ) -> None:
            super().__init__(id, *args, **more)
            self.label_on = label_on
            self.label_off = label_off

        def as_dict(self) -> dict[str, Any]:
            return super().as_dict() | said({"label_on": self.label_on, "label_off": self.label_off})


class _NumberInput(WidgetInput):
    """What whole and real numbers have in common."""

    def __init__(
        self,
        id: str,
        display_name: str | None = None,
        optional: bool = False,
        tooltip: str | None = None,
        lazy: bool | None = None,
        default: float | None = None,
        min: float | None = None,
        max: float | None = None,
        step: float | None = None,
        *,
        round: float | bool | None = None,
        control_after_generate: bool | ControlAfterGenerate | None = None,
        display_mode: NumberDisplay | None = None,
        gradient_stops: Sequence[Mapping[str, Any]] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(id, display_name, optional, tooltip, lazy, default, **more)
        self.min = min
        self.max = max
        self.step = step
        self.round = round
        self.control_after_generate = control_after_generate
        self.display_mode = display_mode
        self.gradient_stops = gradient_stops

    def as_dict(self) -> dict[str, Any]:
        own = {
            "min": self.min,
            "max": self.max,
            "step": self.step,
            "round": self.round,
            "control_after_generate": self.control_after_generate,
            "display": self.display_mode,
            "gradient_stops": self.gradient_stops,
        }
        return super().as_dict() | said(own)


@comfytype("INT")
class Int(ComfyTypeIO):
    """A whole number."""

    Type = int

    class Input(_NumberInput):
        pass


@comfytype("FLOAT")
class Float(ComfyTypeIO):
    """A real number."""

    Type = float

    class Input(_NumberInput):
        pass


@comfytype("STRING")
class String(ComfyTypeIO):
    """A text."""

    Type = str

    class Input(WidgetInput):
        def __init__(
            self,
            id: str,
            display_name: str | None = None,
            optional: bool = False,
            tooltip: str | None = None,
            lazy: bool | None = None,
            multiline: bool = False,
            placeholder: str | None = None,
            default: str | None = None,
            dynamic_prompts: bool | None = None,
            **more: Any,
        ) -> None:
            super().__init__(id, display_name, optional, tooltip, lazy, default, **more)
            self.multiline = multiline
            self.placeholder = placeholder
            self.dynamic_prompts = dynamic_prompts

        def as_dict(self) -> dict[str, Any]:
            own = {
                "multiline": self.multiline,
                "placeholder": self.placeholder,
                "dynamicPrompts": self.dynamic_prompts,
            }
            return super().as_dict() | said(own)


class _ComboInput(WidgetInput):
    """A choice; an Enum offers its values."""

    multiselect = False

    def __init__(
        self,
        id: str,
        options: Iterable[Any] | type[Enum] | None = None,
        display_name: str | None = None,
        optional: bool = False,
        tooltip: str | None = None,
        lazy: bool | None = None,
        default: Any = None,
        control_after_generate: bool | ControlAfterGenerate | None = None,
        upload: UploadType | None = None,
        image_folder: FolderType | None = None,
        remote: RemoteOptions | None = None,
        **more: Any,
    ) -> None:
        super().__init__(id, display_name, optional, tooltip, lazy, default, **more)
        if isinstance(options, type) and issubclass(options, Enum):
            options = [each.value for each in options]
        self.options = [] if options is None else list(options)
        self.control_after_generate = control_after_generate
        self.upload = upload
        self.image_folder = image_folder
        self.remote = remote

    def as_dict(self) -> dict[str, Any]:
        own = {
            "multiselect": self.multiselect,
            "options": self.options,
            "control_after_generate": self.control_after_generate,
            "image_folder": self.image_folder,
            "remote": None if self.remote is None else self.remote.as_dict(),
        }
        if self.upload is not None:
            own[getattr(self.upload, "value", self.upload)] = True
        return super().as_dict() | said(own)


@comfytype("COMBO")
class Combo(ComfyTypeIO):
    """One of a few words."""

    Type = str

    class Input(_ComboInput):
        pass

    class Output(PlainOutput):
        def __init__(
            self, id: str | None = None, display_name: str | None = None, options: Any = None, **more: Any
        ) -> None:
            super().__init__(id, display_name, **more)
            self.options = [] if options is None else list(options)


@comfytype("COMBO")
class MultiCombo(ComfyTypeI):
    """Several of a few words."""

    Type = list

    class Input(_ComboInput):
        multiselect = True

        def __init__(
            self,
            id: str,
            options: Any = None,
            *args: Any,
            placeholder: str | None = None,
            chip: bool | None = None,
            **more: Any,
        ) -> None:
            super().__init__(id, options, *args, **more)
            self.placeholder = placeholder
            self.chip = chip

        def as_dict(self) -> dict[str, Any]:
            own = {"multi_select": True, "placeholder": self.placeholder, "chip": self.chip}
            return super().as_dict() | said(own)


@comfytype("COLOR")
class Color(ComfyTypeIO):
    """A colour as `#rrggbb`."""

    Type = str

    class Input(WidgetInput):
        pass


@comfytype("COLORS")
class Colors(ComfyTypeIO):
    """Several colours."""

    Type = list

    class Input(WidgetInput):
        pass


@comfytype("BOUNDING_BOX")
class BoundingBox(ComfyTypeIO):
    """A rectangle of a picture: x, y, width, height in pixels."""

    Type = dict

    class Input(WidgetInput):
        pass


@comfytype("CURVE")
class Curve(ComfyTypeIO):
    """A curve through points."""

    class Input(WidgetInput):
        pass


@comfytype("WEBCAM")
class Webcam(ComfyTypeIO):
    """A picture from the browser's camera."""

    Type = str

    class Input(WidgetInput):
        pass


@comfytype("IMAGECOMPARE")
class ImageCompare(ComfyTypeI):
    """A view of two pictures."""

    class Input(WidgetInput):
        pass
