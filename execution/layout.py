"""Where the nodes of a graph stand that nobody has placed: in layers from left to right, none over another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

TITLE_PX = 30  # stands above a node's place
COLUMN_GAP_PX = 80
ROW_GAP_PX = 40
_SWEEPS = 4


class Size(NamedTuple):
    """Of a node without its title, in canvas pixels at zoom 1."""

    width: float
    height: float


def lay_out(sizes: Sequence[Size], edges: Sequence[tuple[int, int]]) -> list[tuple[float, float]]:
    """The place of each node: its upper left corner, below the title.

    Every edge leads to a column further right, save those that would close a circle. A node that nothing feeds stands
    right before the first node that it feeds.

    Args:
        edges: from and to, as places in `sizes`.
    """
    after: list[list[int]] = [[] for _ in sizes]
    before: list[list[int]] = [[] for _ in sizes]
    for source, target in dict.fromkeys(edges):
        if source != target:
            after[source].append(target)
            before[target].append(source)
    layers = _layers(before, after)
    columns = _ordered(layers, before, after)
    places: list[tuple[float, float]] = [(0.0, 0.0)] * len(sizes)
    x = 0.0
    for column in columns:
        free = 0.0
        for node in column:
            # Level with what feeds it, or further down where somebody else stands there.
            middles = [places[each][1] + sizes[each].height / 2 for each in before[node] if layers[each] < layers[node]]
            wanted = sum(middles) / len(middles) - sizes[node].height / 2 if middles else free
            y = max(free, wanted)
            places[node] = (round(x), round(y))
            free = round(y) + sizes[node].height + TITLE_PX + ROW_GAP_PX
        x += max((sizes[node].width for node in column), default=0.0) + COLUMN_GAP_PX
    return places


def _layers(before: Sequence[Sequence[int]], after: Sequence[Sequence[int]]) -> list[int]:
    """The column of each node: one more than the last of those that feed it."""
    layers = [0] * len(before)
    missing = [len(each) for each in before]
    is_placed = [False] * len(before)
    ready = [node for node, count in enumerate(missing) if count == 0]
    first_left = 0
    order: list[int] = []
    while len(order) < len(before):
        if not ready:  # a circle: one of its nodes begins it
            while is_placed[first_left]:
                first_left += 1
            ready.append(first_left)
        node = ready.pop()
        if is_placed[node]:
            continue
        is_placed[node] = True
        order.append(node)
        for each in after[node]:
            if not is_placed[each]:
                layers[each] = max(layers[each], layers[node] + 1)
                missing[each] -= 1
                if missing[each] == 0:
                    ready.append(each)
    for node in reversed(order):
        if not before[node] and (nearest := min((layers[each] for each in after[node]), default=0)) > 0:
            layers[node] = nearest - 1
    return layers


def _ordered(layers: Sequence[int], before: Sequence[Sequence[int]], after: Sequence[Sequence[int]]) -> list[list[int]]:
    """The nodes of each column from top to bottom, such that few links cross: near the mean of their neighbours."""
    columns: list[list[int]] = [[] for _ in range(max(layers, default=-1) + 1)]
    for node, layer in enumerate(layers):
        columns[layer].append(node)
    rank = [0.0] * len(layers)
    for column in columns:
        for place, node in enumerate(column):
            rank[node] = place / max(1, len(column))
    for sweep in range(_SWEEPS):
        neighbours, way = (before, columns) if sweep % 2 == 0 else (after, columns[::-1])
        for column in way:
            means = {
                node: sum(rank[each] for each in neighbours[node]) / len(neighbours[node])
                if neighbours[node]
                else rank[node]
                for node in column
            }
            column.sort(key=means.__getitem__)
            for place, node in enumerate(column):
                rank[node] = place / max(1, len(column))
    return columns
