"""Nodes that stand in for older ones in saved workflows, as packs declare them and front ends read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from heddle.graph.plain import plain


@dataclass(frozen=True)
class NodeReplace:
    """What takes the place of an older node, and how its values and links find theirs.

    Attributes:
        old_widget_ids: the older node's inputs without a socket, in the order in which workflows keep their values.
        input_mapping: `{new_id, old_id}` for an input under a new name, `{new_id, set_value}` for a fixed value.
        output_mapping: `{new_idx, old_idx}` each.
    """

    new_node_id: str
    old_node_id: str
    old_widget_ids: Sequence[str] | None = None
    input_mapping: Sequence[Mapping[str, Any]] | None = None
    output_mapping: Sequence[Mapping[str, Any]] | None = None

    def as_dict(self) -> dict[str, Any]:
        """The record as JSON knows it. Raises: ValueError, for one that holds itself."""
        return plain(asdict(self))
