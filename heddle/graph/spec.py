"""What a node is, as data: its inputs, its outputs, and how the engine may treat it.

Executor, server and editor know `NodeSpec` alone; how the node was declared (function, classic class) ends here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Literal

Section = Literal["required", "optional", "hidden"]

#: The option of a choice that an output of any type may be linked to.
ANY_LINK = "takesAnyLink"

#: A choice that brings inputs of its own, one set for each option: `options = [{key, inputs}]`.
DYNAMIC_COMBO = "COMFY_DYNAMICCOMBO_V3"

#: A list of inputs that grows: `template = {input, prefix | names, min, max}`.
AUTOGROW = "COMFY_AUTOGROW_V3"

#: A socket that brings more inputs once it is linked: `slotType` is its type, `inputs` are those.
DYNAMIC_SLOT = "COMFY_DYNAMICSLOT_V3"

#: A group of fields that may be repeated.
DYNAMIC_GROUP = "COMFY_DYNAMICGROUP_V3"

#: Inputs that stand for others, named `<input>.<other>`; `heddle.graph.dynamic` says which.
DYNAMIC_TYPES = frozenset({DYNAMIC_COMBO, AUTOGROW, DYNAMIC_SLOT, DYNAMIC_GROUP})

#: A type that several sockets of one node share, whichever it is: `template = {template_id, allowed_types}`.
MATCH_TYPE = "COMFY_MATCHTYPE_V3"

#: Types whose value a person types or chooses; every other type is a socket. `workflow_format` calls them widgets.
#: Behind the first line stand those that existing editors draw in ways of their own.
WIDGET_TYPES = frozenset(
    {"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO", DYNAMIC_COMBO}
    | {"COLOR", "COLORS", "CURVE", "BOUNDING_BOX", "BOUNDING_BOXES", "IMAGECOMPARE", "COMPOSITOR", "PAINTER"}
    | {"LOAD_3D", "LOAD_3D_ANIMATION", "PREVIEW_3D", "WEBCAM", "AUDIO_RECORD", "AUDIO_UI", "MARKDOWN"}
)

#: Sockets whose values only another node can make. Packs' own types may also take plain values from their own widgets.
SOCKET_ONLY = frozenset(
    {
        "MODEL",
        "CLIP",
        "VAE",
        "CONDITIONING",
        "LATENT",
        "IMAGE",
        "MASK",
        "SIGMAS",
        "NOISE",
        "SAMPLER",
        "GUIDER",
        "CONTROL_NET",
    }
)

#: Options of a COMBO whose choices are files that a person may add from the node.
UPLOADS = ("image_upload", "animated_image_upload", "video_upload", "audio_upload", "file_upload")

#: What of a person's folder is listed and is no file, but folders; the node that reads one says when it has changed.
FOLDERS = frozenset({"datasets"})

#: Kinds of hidden inputs that the engine fills in.
FILLED = frozenset({"PROMPT", "DYNPROMPT", "EXTRA_PNGINFO", "UNIQUE_ID", "AUTH_TOKEN_COMFY_ORG", "API_KEY_COMFY_ORG"})

#: INT inputs of these names carry a "control after generate" companion unless their options say false.
SEED_NAMES = frozenset({"seed", "noise_seed"})


@dataclass(frozen=True)
class InputSpec:
    """One input of a node.

    `type` is a socket or widget type, several joined by commas, or `*`. `options` holds the keys of the known
    interface (default, min, max, step, tooltip, ...); keys nobody here knows are passed on unchanged.
    """

    name: str
    type: str
    section: Section = "required"
    options: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def type_names(self) -> tuple[str, ...]:
        """The types that it takes, in the order of its declaration."""
        return tuple(name.strip() for name in self.type.split(","))

    @cached_property
    def choices(self) -> tuple[Any, ...] | None:
        """What a COMBO offers; None where the choices are files or the editor's business."""
        options = self.options.get("options")
        return tuple(options) if isinstance(options, (list, tuple)) else None

    @property
    def files(self) -> str | None:
        """The kind of file that a COMBO offers ("checkpoints", "input", ...), or None."""
        options = self.options.get("options")
        if not isinstance(options, Mapping) or options.get("which") in FOLDERS:
            return None
        return options.get("files")

    @property
    def listed(self) -> str | None:
        """What to ask for the names that it offers: its kind of file, and what of a folder (`input:latents`)."""
        options = self.options.get("options")
        return listing_of(options) if isinstance(options, Mapping) and "files" in options else None

    @property
    def extra_choices(self) -> tuple[str, ...]:
        """Names that a COMBO of files offers besides the files."""
        options = self.options.get("options")
        return tuple(options.get("also", ())) if isinstance(options, Mapping) else ()

    @property
    def file_kind(self) -> str | None:
        """The kind of file that its value names, also where the choices are a list that a pack made itself."""
        if self.files is None and any(self.options.get(key) for key in UPLOADS):
            return "input"
        return self.files

    @property
    def has_default(self) -> bool:
        return "default" in self.options

    @cached_property
    def is_widget(self) -> bool:
        """True if a saved workflow keeps a value for it in `widgets_values`."""
        return self.section != "hidden" and not self.options.get("forceInput") and self.takes_values

    @cached_property
    def takes_values(self) -> bool:
        """True if its type is one whose value a person sets, whether or not it stands as a socket here."""
        options = self.options
        return bool(self.type_names[0] in WIDGET_TYPES or options.get("widgetType") or options.get("socketless"))

    @cached_property
    def brought(self) -> dict[str, tuple[InputSpec, ...]]:
        """The inputs of those choices that were asked for; `heddle.graph.dynamic` fills it and knows the rest."""
        return {}

    @cached_property
    def companions(self) -> int:
        """How many further values a saved workflow keeps right after this widget's."""
        kind = self.type_names[0]
        if kind not in ("INT", "COMBO"):
            return 0
        control = self.options.get("control_after_generate")
        seeded = kind == "INT" and self.name in SEED_NAMES and control is not False
        return 1 if seeded or control else 0


@dataclass(frozen=True)
class OutputSpec:
    """One output of a node: its name, its type, and whether it is a list that calls later nodes once per element."""

    name: str
    type: str
    is_list: bool = False
    tip: str = ""


@dataclass(frozen=True)
class Calls:
    """The functions of one node of a graph. Both may be coroutine functions.

    `run` takes the inputs by name and returns the outputs as a tuple, a `Shown`, an `Expanded` or a lone
    `ExecutionBlocker`. `ask_lazy` takes the same inputs, None where a lazy one is not there yet, and returns the names
    of those that it needs.
    """

    run: Callable[..., Any]
    ask_lazy: Callable[..., Any] | None = None


@dataclass(frozen=True)
class Validation:
    """A node's own check of its inputs, in place of the engine's for those that it names.

    Attributes:
        names: the inputs that it takes by name.
        takes_all: it takes every input (`**kwargs`).
        takes_types: it also wants `input_types`, {input: type of the output that is linked to it}; types are then
            its business.
        ask: takes the plain values by name, None for what is linked; returns True, or False or a text that says why
            not. May be a coroutine function. None in a process that only knows the catalogue.
    """

    names: frozenset[str] = frozenset()
    takes_all: bool = False
    takes_types: bool = False
    ask: Callable[..., Any] | None = field(default=None, compare=False, repr=False)

    def answers_for(self, name: str) -> bool:
        return self.takes_all or name in self.names


@dataclass(frozen=True)
class NodeSpec:
    """A node, however it was declared.

    `call` takes the inputs by name and returns what `Calls.run` does; it is None in a process that only knows the
    catalogue. `takes_context` says that `call` also wants a `ctx`.

    Attributes:
        per_node: two nodes never share a result, even if all their inputs are equal.
        is_async: it waits without using the processor, so others run meanwhile.
        open_input: inputs of any other name are taken, too, and are like this one.
        open_output: it may give more outputs than are declared, and they are like this one.
        takes_links: links to inputs of any other name are taken, though plain values there are not.
        ask_lazy: see `Calls`.
        fingerprint: takes the plain values and hidden inputs by name, None for what is linked; what it returns is
            part of the result's key, NaN for "always run". May be a coroutine function.
        validation: see there.
        bind: makes the calls of one node of a graph, where a declaration keeps state between runs.
        extras: keys of the catalogue's record that only clients read, passed on unchanged.
        declared: a mark of all that the class said of itself when it was read; None where none can be made.
    """

    id: str
    inputs: tuple[InputSpec, ...] = ()
    outputs: tuple[OutputSpec, ...] = ()
    category: str = ""
    display_name: str = ""
    description: str = ""
    is_output: bool = False
    takes_lists: bool = False
    takes_context: bool = False
    python_module: str = "nodes"
    deprecated: bool = False
    experimental: bool = False
    was: tuple[str, ...] = ()
    search_aliases: tuple[str, ...] = ()
    per_node: bool = False
    is_async: bool = False
    open_input: InputSpec | None = None
    open_output: OutputSpec | None = None
    takes_links: bool = False
    validation: Validation | None = None
    extras: Mapping[str, Any] = field(default_factory=dict)
    call: Callable[..., Any] | None = field(default=None, compare=False, repr=False)
    ask_lazy: Callable[..., Any] | None = field(default=None, compare=False, repr=False)
    fingerprint: Callable[..., Any] | None = field(default=None, compare=False, repr=False)
    bind: Callable[[], Calls] | None = field(default=None, compare=False, repr=False)
    classic: type | None = field(default=None, compare=False, repr=False)
    declared: int | None = field(default=None, compare=False, repr=False)

    def input(self, name: str) -> InputSpec | None:
        return self._by_name.get(name)

    def output(self, place: int) -> OutputSpec | None:
        """What an output is like; None if the node has none in this place."""
        return self.outputs[place] if 0 <= place < len(self.outputs) else self.open_output if place >= 0 else None

    @cached_property
    def _by_name(self) -> dict[str, InputSpec]:
        return {spec.name: spec for spec in reversed(self.inputs)}

    @cached_property
    def worked_out(self) -> dict[type, Any]:
        """What others worked out of it once, by the class that holds it."""
        return {}

    @cached_property
    def lazy_names(self) -> frozenset[str]:
        """The inputs whose links are followed only when the node asks for them."""
        return frozenset(spec.name for spec in self.inputs if spec.options.get("lazy"))

    @cached_property
    def file_names(self) -> frozenset[str]:
        """The inputs whose values name files."""
        return frozenset(spec.name for spec in self.inputs if spec.file_kind is not None)

    @cached_property
    def hidden(self) -> Mapping[str, str]:
        """What no editor shows, by name: what the engine fills in (`FILLED`), or a kind that nobody here knows."""
        return {spec.name: spec.type for spec in self.inputs if spec.section == "hidden"}

    @cached_property
    def open_hidden(self) -> tuple[str, ...]:
        """The hidden inputs that the engine does not fill in: scripts of editors and graphs that nodes make do."""
        return tuple(name for name, kind in self.hidden.items() if kind not in FILLED)

    @cached_property
    def is_dynamic(self) -> bool:
        """True if what inputs it has depends on which are given."""
        return (
            self.open_input is not None
            or self.takes_links
            or bool(self.open_hidden)
            or any(each.type in DYNAMIC_TYPES for each in self.inputs)
        )

    @cached_property
    def widgets(self) -> tuple[InputSpec, ...]:
        """The inputs with a saved value, in the order of a workflow's `widgets_values`."""
        return tuple(spec for spec in self.inputs if spec.is_widget)

    @cached_property
    def file_companions(self) -> int:
        """Values that an upload button adds after the required widgets of a saved workflow."""
        combos = (spec for spec in self.inputs if spec.type == "COMBO")
        return sum(any(spec.options.get(key) for key in UPLOADS) for spec in combos)


def listing_of(options: Mapping[str, Any]) -> str:
    """What to ask for the names of a COMBO's files, from `{files, which?}`."""
    return f"{options['files']}:{options['which']}" if options.get("which") else options["files"]


@lru_cache(maxsize=4096)
def types_match(given: str, wanted: str) -> bool:
    """True if an output of type `given` may feed an input of type `wanted`; both may be unions or `*`."""
    return given == wanted or common_types(names_of_types(given), names_of_types(wanted)) != frozenset()


def names_of_types(types: str) -> frozenset[str] | None:
    """The types of a union, in capitals; None for any type.

    A type that sockets share counts as any here, since it is one only among the sockets of one node.
    """
    names = frozenset("COMBO" if name == DYNAMIC_COMBO else name for name in map(str.strip, types.upper().split(",")))
    return None if names & _ANY else names


def common_types(some: frozenset[str] | None, others: frozenset[str] | None) -> frozenset[str] | None:
    """The types that two unions share; None for any, nothing if they do not fit.

    A choice is a text, so where one is wanted the other will do.
    """
    if some is None or others is None:
        return others if some is None else some
    shared = some & others
    if not shared and (("COMBO" in some and "STRING" in others) or ("STRING" in some and "COMBO" in others)):
        return frozenset({"COMBO", "STRING"})
    return shared


_ANY = frozenset({"*", "", MATCH_TYPE})
