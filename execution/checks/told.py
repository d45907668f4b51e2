"""What a graph tells of its nodes beside their inputs: titles, subgraphs, packs, where model files come from.

It stands in a node's `_meta`; the converter writes it, and clients may. Nothing runs differently for it, so what is in
no form that can be read is passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

from execution.checks.words import carried, file_name
from heddle.graph.quoting import short
from heddle.graph.spec import NodeSpec
from heddle.graph.workflow import title_of

#: The keys of a record of a model file.
FILE_KEYS = ("name", "url", "directory", "hash", "hash_type")

#: The pack that nodes of the known engine itself name as theirs.
CORE = "comfy-core"

#: How many subgraphs around a node are named, and how long the name of a pack or an address may be to be repeated.
NAMED_AROUND, LONGEST = 4, 500


def place_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """The title of a node and the subgraphs around it, as facts that an error carries."""
    around = within(record)
    return {"node_title": carried(title_of(record))} | ({"within": carried(around)} if around else {})


def about(record: Mapping[str, Any], spec: NodeSpec | None = None) -> str:
    """What helps a person to find a node: the title that it was given and the subgraphs around it; "" if neither."""
    title, around = title_of(record), within(record)
    known = (record.get("class_type"), *((spec.id, spec.display_name) if spec else ()))
    words = "" if not title or title in known else f" {short(title)}"
    if around:
        names = [short(each) for each in around]
        if len(names) > NAMED_AROUND:
            names[NAMED_AROUND // 2 : -NAMED_AROUND // 2] = ["..."]
        words += f" in {' > '.join(names)}"
    return words


def within(record: Mapping[str, Any]) -> list[str]:
    """The names of the subgraphs around a node, from the outermost on."""
    found = _meta(record).get("within")
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []


def pack_of(record: Mapping[str, Any]) -> str:
    """The pack that a node came from when its workflow was saved, "" if nobody says."""
    names = (_meta(record).get(key) for key in ("cnr_id", "aux_id"))
    return next((each for each in names if may_be_repeated(each)), "")


def dicts_in(found: Any) -> list[Mapping[str, Any]]:
    """The objects in a list; whatever else is in it is passed over."""
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def may_be_repeated(text: Any) -> TypeGuard[str]:
    """True for a text that is short and without signs that a terminal or a page would obey."""
    return isinstance(text, str) and 0 < len(text) <= LONGEST and text.isprintable()


def files_of(record: Mapping[str, Any]) -> list[dict[str, str]]:
    """The model files that a node wants, each with its `name`, and what somebody says of `FILE_KEYS` besides."""
    told = dicts_in(_meta(record).get("models"))
    files = ({key: text for key in FILE_KEYS if may_be_repeated(text := each.get(key))} for each in told)
    return [each for each in files if "name" in each]


def source_of(record: Mapping[str, Any], name: str) -> dict[str, str]:
    """What is told of one model file of a node besides its name; nothing if it is not told of."""
    for each in files_of(record):
        if file_name(each["name"]) == file_name(name):
            return {key: text for key, text in each.items() if key != "name"}
    return {}


def _meta(record: Mapping[str, Any]) -> Mapping[str, Any]:
    found = record.get("_meta")
    return found if isinstance(found, Mapping) else {}
