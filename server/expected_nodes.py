"""Loaders that a front end built elsewhere takes for granted, for as long as this house has not all of them.

Release 1.27.10 looks each of them up before it draws any list of model files, and draws none if one is missing: then
no checkpoint can be chosen. So such a front end is told of all, marked as deprecated, which keeps those that are not
here out of its menus. Their inputs are the real ones: a workflow that has them is shown and saved unharmed. A job with
one of them is refused as with any node that is not there; `/object_info/{class}` does not know it.
"""

from __future__ import annotations

from typing import Any


def _files(kind: str) -> list[Any]:
    return ["COMBO", {"options": {"files": kind}}]


def _absent(name: str, display_name: str, inputs: dict[str, Any], outputs: list[str]) -> dict[str, Any]:
    """A record as a worker sends them."""
    return {
        "input": {"required": inputs},
        "input_order": {"required": list(inputs)},
        "is_input_list": False,
        "output": outputs,
        "output_is_list": [False] * len(outputs),
        "output_name": outputs,
        "output_tooltips": [""] * len(outputs),
        "name": name,
        "display_name": f"{display_name} (not here yet)",
        "description": "This server has no such node yet; a workflow with it can be opened and saved, and cannot run.",
        "python_module": "server.expected_nodes",
        "category": "model/loaders",
        "output_node": False,
        "deprecated": True,
        "experimental": False,
        "api_node": False,
        "search_aliases": [],
    }


EXPECTED = {
    record["name"]: record
    for record in (
        _absent(
            "ImageOnlyCheckpointLoader",
            "Load Checkpoint Image Only",
            {"ckpt_name": _files("checkpoints")},
            ["MODEL", "CLIP_VISION", "VAE"],
        ),
    )
}
