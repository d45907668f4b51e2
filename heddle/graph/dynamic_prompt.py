"""The graph of a job while it runs: as it was sent, and with the nodes that other nodes put into it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from heddle.graph.errors import GraphError


class NodeNotFoundError(GraphError):
    """A graph has no node of this id. The name is the one that packs know."""


class DynamicPrompt:
    """What a node gets for the hidden input DYNPROMPT. The names of its methods are those that packs know.

    An ephemeral node was made by a running one, its parent; what clients see is a node's display node.
    """

    def __init__(self, original_prompt: Mapping[str, Any]) -> None:
        self.original_prompt = original_prompt
        self.ephemeral_prompt: dict[str, Any] = {}
        self.ephemeral_parents: dict[str, str] = {}
        self.ephemeral_display: dict[str, str] = {}

    def get_node(self, node_id: str) -> Any:
        """The record of a node: `class_type`, `inputs`.

        Raises: NodeNotFoundError.
        """
        if node_id in self.ephemeral_prompt:
            return self.ephemeral_prompt[node_id]
        if node_id in self.original_prompt:
            return self.original_prompt[node_id]
        raise NodeNotFoundError(
            f"node {node_id}: neither the graph nor what was put into it has a node of this id", node_id=str(node_id)
        )

    def has_node(self, node_id: str) -> bool:
        return node_id in self.original_prompt or node_id in self.ephemeral_prompt

    def add_ephemeral_node(self, node_id: str, node_info: Any, parent_id: str, display_id: str) -> None:
        """Take in a node that `parent_id` made and that clients see as `display_id`."""
        self.ephemeral_prompt[node_id] = node_info
        self.ephemeral_parents[node_id] = parent_id
        self.ephemeral_display[node_id] = display_id

    def get_parent_node_id(self, node_id: str) -> str | None:
        """The node that made this one; None for a node of the graph as sent."""
        return self.ephemeral_parents.get(node_id)

    def get_real_node_id(self, node_id: str) -> str:
        """The node of the graph as sent that this one goes back to."""
        while node_id in self.ephemeral_parents:
            node_id = self.ephemeral_parents[node_id]
        return node_id

    def get_display_node_id(self, node_id: str) -> str:
        """The node that clients see in place of this one."""
        while node_id in self.ephemeral_display and self.ephemeral_display[node_id] != node_id:
            node_id = self.ephemeral_display[node_id]
        return node_id

    def all_node_ids(self) -> set[str]:
        return {*self.original_prompt, *self.ephemeral_prompt}

    def get_original_prompt(self) -> Mapping[str, Any]:
        return self.original_prompt
