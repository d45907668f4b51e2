"""What packs find in `import nodes`: the classes of the nodes, and the mappings of all that are there.

Light until it is asked: the classes bring torch, so they are made when a name is first looked up.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, MutableMapping
from dataclasses import replace
from typing import Any

from heddle.graph.errors import GraphError
from heddle.graph.registry import Registry
from heddle.graph.schema.replacing import NodeReplace
from nodes.closed_doors import behind

log = logging.getLogger(__name__)

#: The largest width or height that nodes offer, px.
MAX_RESOLUTION = 16384

#: Pack -> the folder of its browser scripts; pack -> the folder of its code. `packs.py` fills them.
EXTENSION_WEB_DIRS: dict[str, str] = {}
LOADED_MODULE_DIRS: dict[str, str] = {}

#: Id of an older node -> the nodes that may stand in for it, as front ends read them.
REPLACEMENTS: dict[str, list[dict[str, Any]]] = {}

_registry: Registry | None = None


def use(registry: Registry) -> None:
    """Hand in the nodes that this process works with. `main.py` does so before packs are loaded."""
    global _registry
    _registry = registry


def current_registry() -> Registry:
    """The nodes of this process; the built-in ones, if nobody handed others in."""
    global _registry
    if _registry is None:
        from nodes.catalogue import built_in  # brings torch

        _registry = built_in()
    return _registry


def add_replacement(node_replace: NodeReplace) -> None:
    """Take in what a pack says of an older node."""
    record = node_replace.as_dict()
    known = REPLACEMENTS.setdefault(str(node_replace.old_node_id), [])
    if record not in known:  # said again when a pack is loaded again
        known.append(record)


class NodeClasses(MutableMapping[str, type]):
    """Node id -> classic class, of every node that is there now. Setting one adds the node."""

    def __getitem__(self, id: str) -> type:
        from nodes.classic_classes import class_for  # brings torch

        return class_for(current_registry()[id])

    def __setitem__(self, id: str, cls: type) -> None:
        from heddle.graph.classic import spec_of_class  # only packs that add nodes this way need it

        module = getattr(cls, "RELATIVE_PYTHON_MODULE", "") or cls.__module__
        try:
            current_registry().add(spec_of_class(id, cls, python_module=module))
        except GraphError as error:  # a pack adds many at once, and keeps the others
            log.warning("%s; it is left out", error.message)

    def __delitem__(self, id: str) -> None:
        current_registry().remove(id)

    def __iter__(self) -> Iterator[str]:
        return iter(current_registry())

    def __len__(self) -> int:
        return len(current_registry())

    def __contains__(self, id: object) -> bool:
        return id in current_registry()


class DisplayNames(MutableMapping[str, str]):
    """Node id -> the name that the menu shows. Setting one renames the node."""

    def __getitem__(self, id: str) -> str:
        return current_registry()[id].display_name

    def __setitem__(self, id: str, name: str) -> None:
        if id in current_registry():  # names may come before, or without, their node
            current_registry().add(replace(current_registry()[id], display_name=str(name)))

    def __delitem__(self, id: str) -> None:
        self[id] = id

    def __iter__(self) -> Iterator[str]:
        return iter(current_registry())

    def __len__(self) -> int:
        return len(current_registry())


NODE_CLASS_MAPPINGS = NodeClasses()
NODE_DISPLAY_NAME_MAPPINGS = DisplayNames()


def interrupt_processing(value: bool = True) -> None:
    """Ask the job that runs to stop."""
    from heddle.graph.running import worker_side  # only packs that stop jobs need it

    if value:
        worker_side().stop()


def before_node_execution() -> None:
    """Raises: Cancelled, if the person asked to stop."""
    from heddle.graph.running import current_context  # only packs that ask need it

    if (context := current_context.get()) is not None:
        context.check_cancelled()


def __getattr__(name: str) -> Any:
    """The classic class of a built-in node, or a function, made when it is first asked for."""
    if name in ("init_extra_nodes", "load_custom_node"):
        from nodes import packs  # it stands on this file

        return getattr(packs, name)
    if name == "common_ksampler":
        from nodes import classic_classes  # brings torch

        return classic_classes.common_ksampler
    if name[0].isupper() or name.startswith("unCLIP"):
        from nodes import classic_classes  # brings torch

        if name in classic_classes.own_nodes():
            return classic_classes.own_class(name)
    return behind("nodes", name)
