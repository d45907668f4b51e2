"""SVG drawings, written together with what can remake them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from heddle.graph.errors import FileProblem
from heddle.graph.said import say

#: The beginning of a drawing: the tag, its attributes with texts in quotes, its end.
_OPENING = re.compile(r"""<(?:\w+:)?svg\b(?:[^<>"']|"[^"]*"|'[^']*')*>""")

#: In JSON, the end of a CDATA section, which can only stand within a text there.
_ESCAPED_END = "]]\\u003e"


def with_metadata(drawing: bytes, texts: Mapping[str, str]) -> bytes:
    """A drawing with texts, each one JSON, in an element of its own, which viewers pass over.

    Raises: FileProblem, if this is no drawing.
    """
    try:
        text = drawing.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = ""
    opening = _OPENING.search(text)
    if opening is None:
        words = "this is no SVG drawing: it has no <svg> element; look at the node that made it"
        raise FileProblem(say(words))
    if not texts or opening[0].endswith("/>"):
        return text.encode()
    content = ", ".join(f"{json.dumps(key)}: {each}" for key, each in texts.items())  # which are JSON themselves
    note = f"<metadata><![CDATA[{{{content.replace(']]>', _ESCAPED_END)}}}]]></metadata>"
    return (text[: opening.end()] + note + text[opening.end() :]).encode()
