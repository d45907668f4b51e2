"""What a workflow document is: told apart by form, its API form read into plain records.

Two documents exist: the saved form (what an editor keeps: `nodes` and `version`) and the API form (what POST /prompt
takes: node id -> class_type and inputs). `execution.convert` turns the first into the second.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from heddle.graph.errors import FileProblem, GraphError
from heddle.graph.quoting import short
from heddle.graph.said import say

Prompt = dict[str, dict[str, Any]]

_INSTANCE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|workflow[>/].+", re.IGNORECASE | re.DOTALL)

#: A workflow of 5,000 nodes takes some 4 MB; past this size the file is something else.
MAX_BYTES = 256 * 1024 * 1024


#: A workflow of 10,000 nodes holds some 600,000 values. What small ones take in memory is many times their text.
MOST_VALUES = 2_000_000


def is_crowded(text: str | bytes) -> bool:
    """Whether a JSON text may hold more values than any workflow does, told without reading it."""
    if len(text) <= MOST_VALUES:
        return False
    if isinstance(text, bytes):
        return text.count(b",") + text.count(b"{") + text.count(b"[") > MOST_VALUES
    return text.count(",") + text.count("{") + text.count("[") > MOST_VALUES


def read_document(path: Path) -> Any:
    """The JSON of a workflow file.

    Raises: FileProblem, if there is no such file or it is not JSON.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise FileProblem(
                say("{path}: larger than {limit} MB, which no workflow is", path=path, limit=MAX_BYTES >> 20), path=path
            )
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise FileProblem(
            say("{path}: no such file; give the path of a workflow (.json)", path=path), path=path
        ) from None
    except UnicodeDecodeError:
        raise FileProblem(say("{path}: not a text file; a workflow is saved as JSON", path=path), path=path) from None
    except OSError as error:
        why = error.strerror or error
        raise FileProblem(
            say("{path}: cannot be read ({why}); give the path of a workflow (.json)", path=path, why=why), path=path
        ) from error
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FileProblem(
            say("{path}: not valid JSON ({why}); save the workflow again", path=path, why=error), path=path
        ) from None


def form_of(document: Any) -> Literal["saved", "api"]:
    """Which form a document has.

    Raises: GraphError, if it is neither.
    """
    if isinstance(document, Mapping):
        if isinstance(document.get("nodes"), list):
            return "saved"
        if document and all(isinstance(node, Mapping) and "class_type" in node for node in document.values()):
            return "api"
        if isinstance(document.get("prompt"), Mapping):
            words = "this is a whole request to POST /prompt; the workflow is what its key `prompt` holds"
            raise GraphError(say(words))
    raise GraphError(
        say(
            "not a workflow: found neither `nodes` (saved form) nor nodes with `class_type` (API form); "
            "save or export the workflow again from the editor",
        )
    )


def is_instance(kind: str) -> bool:
    """True if a node's type is that of a subgraph or an older group node, which its own file has to define."""
    return _INSTANCE.fullmatch(kind) is not None


def is_link(value: Any) -> bool:
    """True for `[source id, output index]`, the API form's way to write a link."""
    return (
        isinstance(value, (list, tuple))
        and len(value) == 2
        and isinstance(value[0], (str, int))
        and not isinstance(value[0], bool)
        and isinstance(value[1], (int, float))
        and not isinstance(value[1], bool)
    )


def refuse_unreadable(node_id: str, record: Any) -> None:
    """Raises: GraphError, if a node of the API form is no object, or its inputs are none."""
    if not isinstance(record, Mapping) or not isinstance(record.get("inputs", {}), Mapping):
        raise GraphError(
            say(
                "node {node}: found {found}, wanted an object with class_type and inputs",
                node=node_id,
                found=short(record),
            ),
            node_id=node_id,
            kind="invalid_prompt",
        )


def is_kept(node: Mapping[str, Any]) -> bool:
    """False if a node of the API form says `"_meta": {"cache": false}`: it runs each time."""
    meta = node.get("_meta")
    return meta is None or not isinstance(meta, Mapping) or meta.get("cache") is not False


def title_of(node: Mapping[str, Any]) -> str:
    """The title that a person gave a node of the API form, or its class."""
    meta = node.get("_meta")
    title = meta.get("title") if isinstance(meta, Mapping) else None
    for name in (title, node.get("class_type")):
        if isinstance(name, str) and name:
            return name
    return ""
