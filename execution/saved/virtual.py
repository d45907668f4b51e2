"""Types of nodes that exist in an editor alone: its scripts draw them, no server gets them, links go through some.

The first few belong to every editor. The others come with packs that many published workflows use, and no server needs
the pack to run those. A type of a pack that the catalogue knows is a node like any other.
"""

from __future__ import annotations

from collections.abc import Container
from enum import Enum

REROUTE, PRIMITIVE = "Reroute", "PrimitiveNode"


class Role(Enum):
    """What comes out of a virtual node."""

    NOTHING = "nothing"
    PASSES = "what feeds its first input"
    VALUE = "the value of its first widget"
    GETS = "what feeds the node that sets the name in its first widget"


_EVERY_EDITOR = {
    "Note": Role.NOTHING,
    "MarkdownNote": Role.NOTHING,
    REROUTE: Role.PASSES,
    PRIMITIVE: Role.VALUE,
}

#: Which type sets the names that a type gets.
SETTERS = {"GetNode": "SetNode", "easy getNode": "easy setNode"}

#: They feed inputs that show no link; the file lists these (`execution.saved.everywhere`).
BROADCASTERS = frozenset(
    {"Anything Everywhere", "Anything Everywhere3", "Anything Everywhere?", "Prompts Everywhere", "Seed Everywhere"}
)

_PACKS = {
    **dict.fromkeys(SETTERS, Role.GETS),
    **dict.fromkeys(SETTERS.values(), Role.PASSES),
    **dict.fromkeys(BROADCASTERS, Role.NOTHING),
    "Seed Everywhere": Role.VALUE,
    "Reroute (rgthree)": Role.PASSES,
    "mxReroute": Role.PASSES,
    "Label (rgthree)": Role.NOTHING,
    "Bookmark (rgthree)": Role.NOTHING,
    "Fast Muter (rgthree)": Role.NOTHING,
    "Fast Bypasser (rgthree)": Role.NOTHING,
    "Fast Groups Muter (rgthree)": Role.NOTHING,
    "Fast Groups Bypasser (rgthree)": Role.NOTHING,
    "Fast Actions Button (rgthree)": Role.NOTHING,
    "Mute / Bypass Relay (rgthree)": Role.NOTHING,
    "Mute / Bypass Repeater (rgthree)": Role.NOTHING,
    "Node Collector (rgthree)": Role.NOTHING,
    "Random Unmuter (rgthree)": Role.NOTHING,
}


def roles_beside(nodes: Container[str]) -> dict[str, Role]:
    """The roles of virtual types, for a catalogue of `nodes`."""
    return {kind: role for kind, role in _PACKS.items() if kind not in nodes} | _EVERY_EDITOR
