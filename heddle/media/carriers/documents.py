"""The workflow that a file carries, to open it or to run it again."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from heddle.graph.errors import FileProblem, GraphError
from heddle.graph.said import each_of, say
from heddle.graph.workflow import form_of
from heddle.media.carriers.files import Carried, Source, read_carried


def document_of(source: Source, name: str = "") -> Any:
    """The workflow that a file carries: the saved form, else the API form.

    Raises: FileProblem, if the file cannot be read or carries no workflow.
    """
    carried = read_carried(source, name)
    return _first(carried, ("workflow", "prompt"), source)


def read_remaking(source: Source, name: str = "") -> tuple[Any, dict[str, Any]]:
    """What made a file: the graph that ran (API form, else the saved form), and the further entries it carries.

    The API form comes first here: values that were changed for one run are in it alone.
    Raises: FileProblem, as `document_of`.
    """
    carried = read_carried(source, name)
    graph = _first(carried, ("prompt", "workflow"), source)
    # Numbers are what containers say of themselves, such as a track's.
    extra = {key: value for key, value in carried.values.items() if isinstance(value, dict | list | str)}
    extra.pop("prompt", None)
    return graph, extra


def _first(carried: Carried, keys: tuple[str, ...], source: Source) -> Any:
    forms: dict[str, Literal["saved", "api"]] = {"workflow": "saved", "prompt": "api"}
    for key in keys:
        try:
            if key in carried.values and form_of(carried.values[key]) == forms[key]:
                return carried.values[key]
        except GraphError:  # another program's entry of that name
            continue
    raise FileProblem(
        say("{name}: {why}", name=carried.name, why=_why_not(carried)),
        path=source if isinstance(source, Path) else None,
    )


def _why_not(carried: Carried) -> str:
    """Why no workflow was found, and what to do."""
    strange = [
        say("its `{key}` is none", key=key)
        for key in ("workflow", "prompt")
        if isinstance(carried.values.get(key), dict)
    ]
    notes = each_of((*carried.notes, *strange))
    if not carried.kind:
        return say(
            "not a file that can carry a workflow; give a workflow (.json), or a picture, video, sound or model file "
            "made with one"
        )
    if "templates" in carried.values:
        return say("these are node templates, not a workflow; put them into one in the editor and save that")
    if carried.kind == "JSON":
        if notes:
            return say("{notes}; save the workflow again", notes=notes)
        try:
            form_of(carried.values.get("document"))
        except GraphError as error:
            return error.message
    if "parameters" in carried.texts:
        return say(
            "carries no workflow, only another program's settings as text (`parameters`); "
            "build a workflow with those values"
        )
    found = say(" that can be read ({notes})", notes=notes) if notes else ""
    return say(
        "this {kind} file carries no workflow{found}; give one that Heddle or another node engine saved",
        kind=carried.kind,
        found=found,
    )
