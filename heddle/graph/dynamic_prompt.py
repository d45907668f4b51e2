"""The graph of a job while it runs: as it was sent, and what nodes put in their own places since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from heddle.graph.errors import GraphError
from heddle.graph.said import say

Record = Mapping[str, Any]


class NodeNotFoundError(GraphError):
    """A graph has no node of this id. The name is the one that packs know."""


class DynamicPrompt:
    """Nodes by id, in the API form. Method names are those that packs know (hidden input DYNPROMPT)."""

    def __init__(self, original_prompt: Mapping[str, Record]) -> None:
        self.original_prompt = original_prompt
        self.ephemeral_prompt: dict[str, Record] = {}
        self.ephemeral_parents: dict[str, str] = {}
        self.ephemeral_display: dict[str, str] = {}
        # Loops put graphs into graphs, thousands deep: who a node belongs to is worked out once, when it comes.
        self._real_ids: dict[str, str] = {}
        self._display_ids: dict[str, str] = {}

    def get_node(self, node_id: str) -> Record:
        """A node's record. Raises: NodeNotFoundError."""
        record = self.ephemeral_prompt.get(node_id)
        if record is None:
            record = self.original_prompt.get(node_id)
        if record is None:
            raise NodeNotFoundError(
                say("node {node}: not in this graph, nor put into it", node=node_id), node_id=str(node_id)
            )
        return record

    def has_node(self, node_id: str) -> bool:
        return node_id in self.original_prompt or node_id in self.ephemeral_prompt

    def add_ephemeral_node(self, node_id: str, node_info: Record, parent_id: str, display_id: str) -> None:
        """Take in a node that runs in the place of `parent_id` and is shown as `display_id`."""
        self.ephemeral_prompt[node_id] = node_info
        self.ephemeral_parents[node_id] = parent_id
        self.ephemeral_display[node_id] = display_id
        self._real_ids[node_id] = self.get_real_node_id(parent_id)
        self._display_ids[node_id] = node_id if display_id == node_id else self.get_display_node_id(display_id)

    def get_real_node_id(self, node_id: str) -> str:
        """The node of the graph as it was sent in whose place this one runs; itself, if it is one of those."""
        return self._real_ids.get(node_id, node_id)

    def get_parent_node_id(self, node_id: str) -> str | None:
        """The node that put this one into the graph, or None."""
        return self.ephemeral_parents.get(node_id)

    def get_display_node_id(self, node_id: str) -> str:
        """The node at which an editor shows what this one does."""
        return self._display_ids.get(node_id, node_id)

    def all_node_ids(self) -> set[str]:
        return {*self.original_prompt, *self.ephemeral_prompt}

    def get_original_prompt(self) -> Mapping[str, Record]:
        return self.original_prompt

    def get_ephemeral_nodes(self) -> Iterable[str]:
        return self.ephemeral_prompt
