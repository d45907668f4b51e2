"""Links that no editor draws: nodes such as "Anything Everywhere" feed inputs that nothing is linked to.

Which ones, the pack works out by rules of its own and keeps in `extra.ue_links`, one record for each such input. They
become links of the graph as it is read, so that all that follows links follows these, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from execution.saved.records import Graph, Record, Wire, fit, id_text, link_of, mapping_in, mode_of, type_of, whole
from execution.saved.virtual import BROADCASTERS
from heddle.graph.said import say


def add_unseen_links(graph: Graph, document: Record) -> None:
    """Link the inputs that the document's records name, where nothing else is linked to them.

    A document without records gets a note, since then nobody knows what was meant.
    """
    if "ue_links" not in mapping_in(document, "extra"):
        graph.notes += [
            say(
                "{graph}, node {node} ({type}): it feeds inputs that show no link, and the file does "
                "not say which; link them, or save the workflow again where that pack is installed",
                graph=graph.title,
                node=node_id,
                type=record["type"],
            )
            for node_id, record in graph.nodes.items()
            if record["type"] in BROADCASTERS and not mode_of(record) and any(map(link_of, record.get("inputs") or ()))
        ]
    changed: dict[str, list[Record]] = {}
    for number, entry in enumerate(_records_in(document)):
        source, target = id_text(entry.get("upstream")), id_text(entry.get("downstream"))
        output, place = whole(entry.get("upstream_slot")), whole(entry.get("downstream_slot"))
        record = graph.nodes.get(target or "")
        if source is None or target is None or record is None or output < 0:
            continue
        if target not in changed:
            changed[target] = list(record.get("inputs") or ())
            graph.nodes[target] = {**record, "inputs": changed[target]}
        slots = changed[target]
        if not 0 <= place < len(slots) or link_of(slots[place]) in graph.links:
            continue
        if _is_active(graph, entry.get("controller")) and fit(type_of(slots[place]), type_of(entry)):
            link_id = f"everywhere {number}"
            slots[place] = {**slots[place], "link": link_id}
            graph.links[link_id] = Wire(source, output, target, place)


def _records_in(document: Record) -> Iterable[Mapping[str, Any]]:
    found = mapping_in(document, "extra").get("ue_links")
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else ()


def _is_active(graph: Graph, controller: Any) -> bool:
    """False if the node that feeds the input has been taken out since, or is muted or bypassed."""
    if controller is None:
        return True
    record = graph.nodes.get(id_text(controller) or "")
    return record is not None and not mode_of(record)
