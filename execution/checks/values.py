"""Plain values of inputs: read into what a node's declaration asks for, or refused in words.

As with the known interface, steps and rounding are the editor's business and refuse no value.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from execution.checks.words import Nearest, file_name, quoted
from heddle.graph.dynamic import keys_of_choices, unwrapped
from heddle.graph.errors import HeddleError
from heddle.graph.quoting import short
from heddle.graph.said import one_of, say
from heddle.graph.spec import DYNAMIC_COMBO, SOCKET_ONLY, InputSpec

#: How people write true and false where a text is all they have.
TRUTHS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}

#: Values are nested less deep than this; what writes them out later is not made for more.
MOST_DEPTH = 100

#: What a plain value is in Python, and the type that it is of.
SCALARS = {int: "INT", float: "FLOAT", str: "STRING", bool: "BOOLEAN"}

#: How the names of model files end; a choice of such a name in a list that a pack made is a file as well.
MODEL_ENDS = (".safetensors", ".sft", ".gguf", ".ckpt", ".pth", ".pt", ".bin", ".onnx")

ListFiles = Callable[[str], Iterable[str]]
#: `(kind, name)` -> is there such a file; for kinds whose names may carry a place, such as "a.png [output]".
HasFile = Callable[[str, str], bool]


def glance(wanted: InputSpec) -> tuple[type | None, Any, Any]:
    """What a value that is fine at a glance is in Python, and its bounds, None for no bounds.

    Other values may be fine as well; they need `Values.read`.
    """
    name = wanted.type
    if name in ("STRING", "BOOLEAN"):
        return (str if name == "STRING" else bool), None, None
    if name not in ("INT", "FLOAT"):
        return None, None, None
    own, most = (int, 2**1024 - 1) if name == "INT" else (float, sys.float_info.max)
    low, high = (wanted.options.get(key) for key in ("min", "max"))
    return (
        own,
        max(low, -most) if isinstance(low, (int, float)) else -most,
        min(high, most) if isinstance(high, (int, float)) else most,
    )


class Unfit(Exception):
    """A value is not what its input asks for. `kind` is the word that clients look for.

    `file` tells of a file that is not there: its `kind`, None if nobody knows, and the names `near` to it. `near`:
    choices that may have been meant.
    """

    def __init__(
        self, kind: str, found: Any, words: str, file: Mapping[str, Any] | None = None, near: Sequence[str] = ()
    ) -> None:
        super().__init__(words)
        self.kind = kind
        self.found = found
        self.words = words
        self.file = file
        self.near = near


class Files:
    """Which files there are, asked once for each name and kind in one check."""

    def __init__(self, list_files: ListFiles, has_file: HasFile) -> None:
        self._list_files = list_files
        self._has_file = has_file
        self._lists: dict[str, tuple[str, ...]] = {}
        self._names: dict[str, frozenset[str]] = {}
        self._has: dict[tuple[str, str], bool] = {}

    def of(self, kind: str) -> tuple[str, ...]:
        if kind not in self._lists:
            self._lists[kind] = tuple(self._list_files(kind))
        return self._lists[kind]

    def has(self, kind: str, name: str) -> bool:
        if (kind, name) not in self._has:
            try:
                self._has[kind, name] = self._has_file(kind, name)
            except ValueError:  # no disk has files of such a name: it holds a NUL, or half of a letter
                self._has[kind, name] = False
        return self._has[kind, name]

    def has_anywhere(self, kind: str, name: str) -> bool:
        """True if a file of this name lies in any folder of the kind, which may be one that nobody here knows."""
        if kind not in self._names:
            try:
                self._names[kind] = frozenset(map(file_name, self.of(kind)))
            except HeddleError:
                self._names[kind] = frozenset()
        return file_name(name) in self._names[kind]


class Values:
    """Reads values in one check."""

    def __init__(self, files: Files, nearest: Nearest) -> None:
        self.files = files
        self._nearest = nearest
        self._stems: dict[str | int, tuple[object, dict[str, str], list[str]]] = {}

    def read(self, wanted: InputSpec, value: Any, *, node_asks: bool = False) -> Any:
        """The value as the node gets it.

        Args:
            node_asks: the node checks ranges and choices of this input itself.
        Raises: Unfit.
        """
        if type(value) not in SCALARS:
            if isinstance(value, (list, tuple)) and not wanted.takes_values:
                words = say("found {found}, wanted a link: node id and output number", found=short(value))
                raise Unfit("bad_linked_input", value, words)
            value = unwrapped(value)
            if _is_too_deep(value):
                words = say("found values nested more than {most_depth} deep, wanted less", most_depth=MOST_DEPTH)
                raise Unfit("invalid_input_type", short(value), words)
        names = wanted.type_names
        if len(names) == 1:
            name = names[0]
            if name in _READERS and SCALARS.get(type(value)) != name:
                value = _read_as(name, value)
        else:
            name, value = _read_union(names, value)
        if name in ("INT", "FLOAT"):
            if not node_asks:
                _check_range(wanted, value)
            _refuse_endless(name, value)
        elif name == "COMBO" or name == DYNAMIC_COMBO:
            if not node_asks:
                value = self._read_choices(wanted, value)
        elif (value is not None or wanted.section == "required") and all(each in SOCKET_ONLY for each in names):
            raise Unfit(
                "bad_linked_input",
                value,
                say("found {found}, wanted a link to {type}", found=short(value), type=wanted.type),
            )
        return value

    def _read_choices(self, wanted: InputSpec, value: Any) -> Any:
        options = wanted.options
        if options.get("remote"):
            return value  # a list that only the editor has
        if (options.get("multi_select") or options.get("multiselect")) and isinstance(value, (list, tuple)):
            return [self._read_choice(wanted, each) for each in value]
        return self._read_choice(wanted, value)

    def _read_choice(self, wanted: InputSpec, value: Any) -> Any:
        if self._is_choice(wanted, value):
            return value
        if isinstance(value, str) and "\\" in value and self._is_choice(wanted, plain := value.replace("\\", "/")):
            return plain  # saved under Windows, where folders stand so in the names of files
        files = wanted.files
        if files is not None:
            choices = (*self.files.of(wanted.listed or files), *wanted.extra_choices)
        else:
            choices = keys_of_choices(wanted) if wanted.type_names[0] == DYNAMIC_COMBO else wanted.choices or ()
        near = self._near(value, choices, wanted)
        hint = say("; did you mean {near!r}?", near=near[0]) if near else ""
        if choices and files is not None:
            step = say("put it among the files of the kind {files!r}", files=files)
            words = say(
                "which is not there; {step}, or choose one of: {choices}{hint}",
                step=step,
                choices=quoted(choices),
                hint=hint,
            )
        elif choices:
            words = say("wanted one of: {choices}{hint}", choices=quoted(choices), hint=hint)
        elif files is not None:
            words = say("but there is no file of the kind {files!r}; put one into that folder", files=files)
        else:
            words = say("but the node has nothing to choose from here")
        file = {"kind": files, "near": near} if _is_file(wanted, value) else None
        raise Unfit(
            "value_not_in_list", value, say("found {found}, {words}", found=short(value), words=words), file, near
        )

    def _is_choice(self, wanted: InputSpec, value: Any) -> bool:
        files = wanted.files
        if files is not None:
            return value in wanted.extra_choices or (isinstance(value, str) and self.files.has(files, value))
        if wanted.choices is None or (isinstance(value, str) and value in wanted.brought):
            return True
        return value in (keys_of_choices(wanted) if wanted.type_names[0] == DYNAMIC_COMBO else wanted.choices)

    def _near(self, value: Any, choices: Sequence[Any], wanted: InputSpec) -> list[str]:
        """The choice that is most likely meant: a file of that name in another folder, else the name most alike.

        Files are compared without their folders and ends, which make all names alike.
        """
        if not choices or not _is_word(value):
            return []
        if not _is_file(wanted, value):
            return self._nearest.to(str(value), choices, wanted.options)
        owner = wanted.listed or id(wanted.options)
        if owner not in self._stems:
            stems = {_stem(each): each for each in reversed(choices) if isinstance(each, str)}
            self._stems[owner] = wanted.options, stems, list(stems)  # the options are kept, so that their id is, too
        _, stems, names = self._stems[owner]
        stem = _stem(value)
        alike = [stem] if stem in stems else self._nearest.to(stem, names, stems)
        return [stems[each] for each in alike if each in stems]


def _is_file(wanted: InputSpec, value: Any) -> bool:
    return isinstance(value, str) and (wanted.files is not None or value.lower().endswith(MODEL_ENDS))


def _stem(path: str) -> str:
    name = file_name(path)
    return name.rpartition(".")[0] or name


def _is_word(value: Any) -> bool:
    return isinstance(value, (str, float)) or (isinstance(value, int) and value.bit_length() < 100)


def _is_too_deep(value: Any) -> bool:
    """True if arrays and objects lie too deep in each other. It goes level by level, without recursion."""
    level = [value]
    for _ in range(MOST_DEPTH):
        inner = {}
        for each in level:
            for one in each.values() if isinstance(each, Mapping) else each if isinstance(each, (list, tuple)) else ():
                if isinstance(one, (list, tuple, Mapping)):
                    inner[id(one)] = one
        if not inner:
            return False
        level = list(inner.values())
    return True


def _check_range(wanted: InputSpec, value: Any) -> None:
    options = wanted.options
    low, high = options.get("min"), options.get("max")
    if low is not None and isinstance(low, (int, float)) and value < low:
        raise Unfit(
            "value_smaller_than_min",
            value,
            say("found {found}, wanted {low} or more", found=short(value), low=short(low)),
        )
    if high is not None and isinstance(high, (int, float)) and value > high:
        raise Unfit(
            "value_bigger_than_max",
            value,
            say("found {found}, wanted {high} or less", found=short(value), high=short(high)),
        )


def _refuse_endless(name: str, value: Any) -> None:
    """Numbers that no declaration bounds still end where real numbers do."""
    if type(value) is float:
        if not math.isfinite(value):
            raise Unfit(
                "invalid_input_type",
                value,
                say("found {found}, wanted {wanted}", found=short(value), wanted=_NAMES[name]),
            )
    elif value.bit_length() > 1024:
        raise Unfit(
            "invalid_input_type",
            value,
            say("found {found}, wanted {wanted} of at most 300 digits", found=short(value), wanted=_NAMES[name]),
        )


def _read_as(name: str, value: Any) -> Any:
    try:
        return _READERS[name](value)
    except (TypeError, ValueError, OverflowError):
        words = say("found {found}, wanted {wanted}", found=short(value), wanted=_NAMES[name])
        raise Unfit("invalid_input_type", value, words) from None


def _read_union(names: tuple[str, ...], value: Any) -> tuple[str, Any]:
    """A value for one of several types: its own if that is among them, else the first that can read it."""
    own = SCALARS.get(type(value), "")
    if own in names:
        return own, _read_as(own, value)
    for name in names:
        if name not in _READERS:
            return name, value
        try:
            return name, _read_as(name, value)
        except Unfit:
            continue
    words = say("found {found}, wanted {wanted}", found=short(value), wanted=one_of(_NAMES[name] for name in names))
    raise Unfit("invalid_input_type", value, words)


def _read_int(value: Any) -> int:
    if type(value) is int:
        return value
    if isinstance(value, str):
        value = value.strip()
        return int(value) if not any(sign in value for sign in ".eE") else _read_int(float(value))
    return int(value)


def _read_truth(value: Any) -> bool:
    if isinstance(value, str):
        value = TRUTHS.get(value.strip().lower())
    if not isinstance(value, (bool, int, float)) or value != value:
        raise TypeError
    return bool(value)


def _read_text(value: Any) -> str:
    if isinstance(value, (Mapping, list, tuple)):
        raise TypeError
    return value if isinstance(value, str) else str(value)


_READERS: dict[str, Callable[[Any], Any]] = {
    "INT": _read_int,
    "FLOAT": float,
    "STRING": _read_text,
    "BOOLEAN": _read_truth,
}
_NAMES = {
    "INT": say("a whole number"),
    "FLOAT": say("a number"),
    "STRING": say("a text"),
    "BOOLEAN": say("true or false"),
}
