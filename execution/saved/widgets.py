"""The values of a saved node's widgets, from the list that a file keeps, or by name where it has names.

The list is older than the nodes: companions ("control after generate", upload buttons) stand between the values, and
inputs that are sockets today left entries behind. Which habit a list follows is told by its length.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

from execution.saved.records import Record, name_of, type_of
from heddle.graph.dynamic import inputs_of_choice
from heddle.graph.spec import DYNAMIC_COMBO, InputSpec, NodeSpec

CONTROLS = frozenset({"fixed", "increment", "decrement", "randomize", "increment-wrap"})

#: What an untouched widget holds where its declaration names no default.
_UNTOUCHED = {"INT": 0, "FLOAT": 0.0, "STRING": "", "BOOLEAN": False, "LOAD_3D": "", "IMAGECOMPARE": ["", ""]}

#: What the buttons of some nodes leave among the values of their widgets.
_BUTTONS = frozenset({"upload3dmodel", "uploadExtraResources", "clear", "refresh"})

#: The name that editors give to the control of a seed.
CONTROL = "control_after_generate"

#: Names of widgets that steer the editor and are no input of any node.
_EDITOR_ONLY = frozenset({CONTROL, "control_filter_list", "upload", "audioUI", "videopreview"})


#: Stands for the value that a widget has not, since null is one.
NO_VALUE = object()


class Setting(NamedTuple):
    """A widget and its value."""

    widget: InputSpec
    value: Any


class _Habit(NamedTuple):
    """What stands between the values of a list: controls after seeds, filters after those of combos, the entries of
    upload buttons, and dummies for inputs that were widgets once."""

    dummies: bool
    controls: bool
    uploads: bool
    filters: bool


#: How current editors write; the first of the habits that are tried.
CURRENT = _Habit(dummies=False, controls=True, uploads=True, filters=False)


def widget_values(record: Record, spec: NodeSpec, given: Mapping[str, Any] | None = None) -> list[Setting]:
    """The widgets of a saved node with their values, defaults where the file has too few.

    Values by name win over the positional list: that one shifts when a node gains or loses a widget. Where names are
    there and one is missing, the list is trusted only if it is exactly as long as this node's widgets make it.

    Args:
        given: values by name that win over the file's.
    """
    saved, named = record.get("widgets_values"), named_values(record)
    listed, fits = _read_list(spec, saved, CONTROL in named) if isinstance(saved, list) else ({}, False)
    if named and not fits:
        listed = {}
    given = given or {}
    settings: list[Setting] = []
    waiting = list(reversed(spec.widgets))
    while waiting:
        widget = waiting.pop()
        value = next((source[widget.name] for source in (given, named, listed) if widget.name in source), NO_VALUE)
        if value is NO_VALUE or value is None:  # editors write null where a widget holds nothing
            default = _default_of(widget)
            value = default if default is not None else value
        if value is not NO_VALUE:
            settings.append(Setting(widget, value))
        if widget.type == DYNAMIC_COMBO and settings and settings[-1].widget is widget:
            waiting += reversed([each for each in inputs_of_choice(widget, settings[-1].value) if each.is_widget])
    return settings


def further_values(record: Record) -> dict[str, Any]:
    """The values that a file has names for, whether or not the node declares them; without the editor's own."""
    return {str(name): value for name, value in named_values(record).items() if name not in _EDITOR_ONLY}


def values_of_unknown(record: Record) -> dict[str, Any]:
    """The values of a node whose type nobody knows, where the file has names for them.

    Its own sockets name the widgets of the list, if they are as many as the values.
    """
    if named := further_values(record):
        return named
    saved = record.get("widgets_values")
    if not isinstance(saved, list):
        return {}
    widgets = tuple(
        InputSpec(name_of(slot), type_of(slot), options={"widgetType": type_of(slot)})
        for slot in record.get("inputs") or ()
        if slot.get("widget")
    )
    listed, fits = _read_list(NodeSpec("", widgets), saved)
    return listed if fits else {}


def named_values(record: Record) -> Mapping[str, Any]:
    """The values that a file keeps by name; some packs write an object where others write a list."""
    named, saved = record.get("widgets_values_named"), record.get("widgets_values")
    if isinstance(named, Mapping) and named:
        return {**named, **_edits(named, saved)} if isinstance(saved, list) else named
    return saved if isinstance(saved, Mapping) else {}


def _edits(named: Mapping[str, Any], values: Sequence[Any]) -> dict[str, Any]:
    """The values by name that somebody has written into the list alone since editor and names agreed.

    An editor writes both in one order and reads the list, so this is where people and scripts change a workflow by
    hand. Empty if the two cannot be laid side by side.
    """
    behind = values[len(named) :]  # two widgets of one name have one entry among the names
    if len(values) < len(named) or not all(each == "" or is_control(each) for each in behind):
        return {}
    both = zip(named.items(), values, strict=False)
    pairs = [(name, old, new) for (name, old), new in both if _is_plain(old) and _is_plain(new) and old != new]
    gone = {(type(old), old) for _, old, _ in pairs}
    if any((type(new), new) in gone for *_, new in pairs):  # moved, not changed: the names are in another order
        return {}
    return {name: new for name, _, new in pairs}


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float, str))


def first_value(record: Record) -> Any:
    """What the first widget of a virtual node holds, NO_VALUE if the file has none."""
    if named := named_values(record):
        return named["value"] if "value" in named else next(iter(named.values()))
    saved = record.get("widgets_values")
    return saved[0] if isinstance(saved, list) and saved else NO_VALUE


def read_joined(parts: Iterable[tuple[str, NodeSpec, Collection[str]]], values: Sequence[Any]) -> list[Any] | None:
    """The values of several nodes from one list, as older group nodes keep them.

    Args:
        parts: for each node its id, its spec, and the widgets that have no place in the list.
    Returns: (id, widget, value) of each; None if the list is longer than the widgets make it.
    """
    position, found = 0, []
    for node_id, spec, absent in parts:
        widgets = [each for each in spec.widgets if each.name not in absent]
        taken, position, _ = _take(widgets, 0, values, position, CURRENT)
        found += [(node_id, name, value) for name, value in taken.items()]
    return found if position >= len(values) else None


def is_control(value: Any) -> bool:
    """True for what may stand as a control after generate; very old files have true and false."""
    return value is None or isinstance(value, bool) or (isinstance(value, str) and value in CONTROLS)


def _read_list(spec: NodeSpec, values: Sequence[Any], has_controls: bool = False) -> tuple[dict[str, Any], bool]:
    """The values by name, and whether the list is exactly as long as the widgets make it.

    Args:
        has_controls: the file has names with a control among them, so the list has controls, too: one that was saved
            before the node gained a widget is else as long as one without.
    """
    best: dict[str, Any] | None = None
    for habit in _habits(spec, len(values)):
        if has_controls and not habit.controls:
            continue
        inputs = (
            [each for each in spec.inputs if each.section != "hidden" and each.takes_values]
            if habit.dummies
            else spec.widgets
        )
        uploads = spec.file_companions if habit.uploads else 0
        found, position, whole = _take(inputs, uploads, values, 0, habit)
        if whole and position == len(values):
            return found, True
        best = found if best is None else best
    without = [each for each in values if not (isinstance(each, str) and each in _BUTTONS)]
    if len(without) < len(values):
        found, fits = _read_list(spec, without, has_controls)
        if fits:
            return found, True
    return best or {}, False


def _habits(spec: NodeSpec, length: int) -> Iterable[_Habit]:
    """The habits that make a difference for a node, the current one first."""
    yield CURRENT
    forced = any(each.options.get("forceInput") and each.takes_values for each in spec.inputs)
    combos = any(each.companions and each.type == "COMBO" for each in spec.inputs)
    controls = any(each.companions for each in spec.inputs) or any(each.type == DYNAMIC_COMBO for each in spec.inputs)
    either = (False, True)
    for habit in product(
        either if forced else (False,),
        (True, False) if controls else (True,),
        (True, False) if spec.file_companions else (True,),
        either if combos else (False,),
    ):
        if habit != CURRENT and length:
            yield _Habit(*habit)


def _take(
    inputs: Iterable[InputSpec], uploads: int, values: Sequence[Any], position: int, habit: _Habit
) -> tuple[dict[str, Any], int, bool]:
    """Read a list from a position on. Returns: values by name, the next position, whether each widget had a value."""
    found: dict[str, Any] = {}
    whole = True
    waiting = list(reversed(list(inputs)))
    owed = uploads  # the entries of upload buttons: after the last required widget
    while waiting:
        widget = waiting.pop()
        if owed and widget.section == "optional":
            position, owed = min(position + owed, len(values)), 0
        if position >= len(values):
            whole = False
            break
        value = values[position]
        position += 1
        if widget.is_widget:
            found[widget.name] = value
        if widget.companions and habit.controls and position < len(values) and is_control(values[position]):
            position += 1
            if habit.filters and widget.type == "COMBO" and position < len(values):
                position += isinstance(values[position], str)
        if widget.type == DYNAMIC_COMBO:
            waiting += reversed([each for each in inputs_of_choice(widget, value) if each.is_widget])
    return found, min(position + owed, len(values)), whole


def _default_of(widget: InputSpec) -> Any:
    """What the widget of a fresh node holds; None if its declaration leaves that to others, such as a list of files."""
    default = widget.options.get("default")
    if default is not None:
        return default
    if widget.choices:
        first = widget.choices[0]
        return first.get("key") if widget.type == DYNAMIC_COMBO and isinstance(first, Mapping) else first
    kind = widget.type.split(",")[0].strip()
    low = widget.options.get("min")
    if kind in ("INT", "FLOAT") and isinstance(low, (int, float)) and low > 0:
        return low
    return _UNTOUCHED.get(kind)
