"""Values shown on the node."""

from __future__ import annotations

from typing import Annotated, Any

from heddle.graph.declare import Wire, node
from heddle.graph.results import Shown
from heddle.texts.showing import as_text

_MOST_SHOWN = 100_000  # letters; a page that draws more stands still


@node(
    "PreviewAny", category="utilities", name="Preview as Text", effects=True, search=("show", "debug", "inspect", "any")
)
def show(source: Annotated[Any, Wire("*", tip="A value of any kind.")]) -> tuple[str]:
    """Show any value as a text: lists and dictionaries as JSON, pictures and the like as Python writes them."""
    text = as_text(source)
    shown: Any = Shown((text,), {"text": [text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."]})
    return shown
