"""What nodes put into the files they write, so that these can be made again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from heddle.graph.capsule import KEY
from heddle.graph.context import Context
from heddle.media.pictures import remaking_texts


def texts_for(prompt: Any, extra: Mapping[str, Any] | None, ctx: Context) -> dict[str, str]:
    """The texts of a file, by key: the graph as `prompt`, what was sent with it (`workflow`), and the capsule.

    Nothing, where files are to carry nothing (`--disable-metadata`).
    """
    if not ctx.writes_metadata:
        return {}
    entries = {key: value for key, value in (extra or {}).items() if key != KEY}  # one of an earlier run, if any
    capsule = ctx.capsule
    return remaking_texts(prompt, entries if capsule is None else {**entries, KEY: capsule})
