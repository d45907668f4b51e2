"""The vector of a whole text, for networks that take it beside the text's tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from heddle.graph.errors import GraphError
from heddle.graph.said import say


def pooled_of(more: Mapping[str, Any], family: str) -> Tensor:
    """The pooled text [B, D]. Raises: GraphError, if the conditioning has none."""
    pooled = more.get("pooled_output")
    if pooled is None:
        raise GraphError(
            say(
                "the conditioning has no pooled text, which {family} wants; encode the text with "
                "{family}'s text encoders",
                family=family,
            ),
            wanted="pooled_output",
        )
    return pooled
