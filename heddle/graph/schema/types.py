"""The types of the schema class protocol: each has an `Input` and an `Output` to declare a node's sockets with.

Class and parameter names are those that packs write. `as_dict` gives an input's options as the catalogue's record has
them; None means "not said" and is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum, StrEnum
from typing import Any, ClassVar, TypeVar

from heddle.graph.plain import is_listing, plain_text
from heddle.graph.spec import DYNAMIC_COMBO, DYNAMIC_SLOT

AUTOGROW = "COMFY_AUTOGROW_V3"
MATCH_TYPE = "COMFY_MATCHTYPE_V3"

T = TypeVar("T", bound=type)


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
        return _said(vars(self))


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
        return _said(own) | self.extra_dict


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
        return super().as_dict() | _said(own)

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
_PlainInput, _PlainOutput = Input, Output


class ComfyType:
    """A type without sockets of its own."""

    Type: ClassVar[Any] = Any
    io_type: ClassVar[str] = "*"


class ComfyTypeI(ComfyType):
    """A type that an input may have."""

    Input: ClassVar[Any] = _PlainInput


class ComfyTypeIO(ComfyTypeI):
    """A type that inputs and outputs may have."""

    Output: ClassVar[Any] = _PlainOutput


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


# Widgets


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
            return super().as_dict() | _said({"label_on": self.label_on, "label_off": self.label_off})


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
        return super().as_dict() | _said(own)


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
            return super().as_dict() | _said(own)


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
        return super().as_dict() | _said(own)


@comfytype("COMBO")
class Combo(ComfyTypeIO):
    """One of a few words."""

    Type = str

    class Input(_ComboInput):
        pass

    class Output(_PlainOutput):
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
            return super().as_dict() | _said(own)


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


# Wires


def _wire(io_type: str, *values: str) -> Any:
    """A type without a widget. Args: values: what packs call the Python types of its values in annotations."""
    made = Custom(io_type)
    for each in values:
        setattr(made, each, Any)
    return made


Image = _wire("IMAGE")
Mask = _wire("MASK")
Latent = _wire("LATENT", "LatentDict")
Conditioning = _wire("CONDITIONING", "CondList", "PooledDict")
Sampler = _wire("SAMPLER")
Sigmas = _wire("SIGMAS")
Noise = _wire("NOISE")
Guider = _wire("GUIDER")
Clip = _wire("CLIP")
ControlNet = _wire("CONTROL_NET")
Vae = _wire("VAE")
Model = _wire("MODEL")
ModelPatch = _wire("MODEL_PATCH")
ClipVision = _wire("CLIP_VISION")
ClipVisionOutput = _wire("CLIP_VISION_OUTPUT")
StyleModel = _wire("STYLE_MODEL")
Gligen = _wire("GLIGEN")
UpscaleModel = _wire("UPSCALE_MODEL")
LatentUpscaleModel = _wire("LATENT_UPSCALE_MODEL")
LoraModel = _wire("LORA_MODEL")
LossMap = _wire("LOSS_MAP")
Audio = _wire("AUDIO", "AudioDict")
AudioEncoder = _wire("AUDIO_ENCODER")
AudioEncoderOutput = _wire("AUDIO_ENCODER_OUTPUT")
AudioRecord = _wire("AUDIO_RECORD")
Video = _wire("VIDEO")
SVG = _wire("SVG")
Voxel = _wire("VOXEL")
Mesh = _wire("MESH")
Load3D = _wire("LOAD_3D", "Model3DDict")
Load3DAnimation = _wire("LOAD_3D_ANIMATION", "Model3DDict")
Load3DCamera = _wire("LOAD3D_CAMERA", "CameraInfo")
File3DAny = _wire("FILE_3D")
File3DGLB = _wire("FILE_3D_GLB")
File3DGLTF = _wire("FILE_3D_GLTF")
File3DFBX = _wire("FILE_3D_FBX")
File3DOBJ = _wire("FILE_3D_OBJ")
File3DSTL = _wire("FILE_3D_STL")
File3DUSDZ = _wire("FILE_3D_USDZ")
Hooks = _wire("HOOKS")
HookKeyframes = _wire("HOOK_KEYFRAMES")
TimestepsRange = _wire("TIMESTEPS_RANGE")
LatentOperation = _wire("LATENT_OPERATION")
FlowControl = _wire("FLOW_CONTROL")
Accumulation = _wire("ACCUMULATION", "AccumulationDict")
WanCameraEmbedding = _wire("WAN_CAMERA_EMBEDDING")
Tracks = _wire("TRACKS", "TrackDict")
Photomaker = _wire("PHOTOMAKER")
Point = _wire("POINT")
Histogram = _wire("HISTOGRAM")
FaceAnalysis = _wire("FACE_ANALYSIS")
BBOX = _wire("BBOX")
SEGS = _wire("SEGS")
AnyType = _wire("*")


# Several types at once


@comfytype("COMFY_MULTITYPED_V3")
class MultiType(ComfyTypeI):
    """Any of several types. With an input in place of the id, that one's widget is drawn while nothing is linked."""

    class Input(_PlainInput):
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
            return ",".join(dict.fromkeys(_type_of(each) for each in self.io_types))

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
            names = dict.fromkeys(_type_of(each) for each in self.allowed_types)
            return {"template_id": self.template_id, "allowed_types": ",".join(names)}

    class Input(_PlainInput):
        def __init__(self, id: str, template: MatchType.Template, *args: Any, **more: Any) -> None:
            super().__init__(id, *args, **more)
            self.template = template

        def as_dict(self) -> dict[str, Any]:
            return super().as_dict() | {"template": self.template.as_dict()}

    class Output(_PlainOutput):
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


def entries_of(inputs: Iterable[Input]) -> dict[str, dict[str, Any]]:
    """Inputs in the record's form: {"required": {id: [type, options]}, "optional": ...}."""
    sections: dict[str, dict[str, Any]] = {}
    for each in inputs:
        section = sections.setdefault("optional" if each.optional else "required", {})
        section[each.id] = [each.get_io_type(), each.as_dict()]
    return sections


def _type_of(each: Any) -> str:
    """The name of a type given as a type's class, an input of it, or a text."""
    if isinstance(each, Input):
        return each.get_io_type()
    return plain_text(getattr(each, "io_type", each))


def _said(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were given, enum members as their values."""
    return {
        name: value.value if isinstance(value, Enum) else value for name, value in options.items() if value is not None
    }
