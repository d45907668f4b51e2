"""Texts written into files."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

from heddle.graph.context import Context
from heddle.graph.declare import Choice, Hidden, More, Text, node
from heddle.graph.results import Shown
from heddle.graph.said import say
from heddle.media.output_names import plan_name
from nodes.text.changing import CATEGORY, ONE_LINE, SINGLE


@node(
    "SaveText", category=CATEGORY, name="Save Text", outputs=("text",), effects=True, search=("export", "write", "txt")
)
def save_text(
    text: Annotated[str, Text(tip="The text to write."), More({"forceInput": True}), ONE_LINE],
    filename_prefix: Annotated[
        str,
        Text(tip="How the name begins. Slashes make folders; %year%, %date:yyyy-MM-dd% and the like are filled in."),
        ONE_LINE,
    ] = "ComfyUI",
    format: Annotated[str, Choice("txt", "csv", "md", "json", tip="What the name ends in."), SINGLE] = "txt",
    *,
    prompt: Annotated[Any, Hidden("PROMPT")] = None,
    extra_pnginfo: Annotated[Any, Hidden("EXTRA_PNGINFO")] = None,
    ctx: Context,
) -> tuple[str]:
    """Write a text into a file of the output folder, in UTF-8. The files are numbered; nothing is ever overwritten."""
    if format == "json" and not _is_json(text):
        ctx.note(say("the text is no JSON; it is written as it is"))
    target = plan_name(ctx.folders, "output", filename_prefix, width=0, height=0, now=datetime.now())
    path = target.save(text.encode("utf-8", "replace"), f".{format}", claim=ctx.next_save())
    file = {"filename": path.name, "subfolder": target.subfolder, "type": "output"}
    shown: Any = Shown((text,), {"text": [text], "files": [file]})
    return shown


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
