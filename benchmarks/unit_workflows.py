"""Large workflows in the saved form: text-to-image units of seven nodes, placed in a grid."""

from __future__ import annotations

import math
from typing import Any

from benchmarks.starting import DEMO_CHECKPOINT

UNIT = 7
STEP_X, STEP_Y = 1800, 640  # from one unit to the next, graph px


def units(nodes: int) -> dict[str, Any]:
    """A workflow of schema 0.4 with as many whole units as make at least so many nodes; each its own chain."""
    count = math.ceil(nodes / UNIT)
    columns = math.ceil(math.sqrt(count * STEP_Y / STEP_X))
    found: list[dict[str, Any]] = []
    links: list[list[Any]] = []
    for number in range(count):
        x, y = number % columns * STEP_X, number // columns * STEP_Y
        found += _unit(number, x, y, links)
    return {
        "id": "00000000-0000-4000-8000-000000000000",
        "revision": 0,
        "last_node_id": len(found),
        "last_link_id": len(links),
        "nodes": found,
        "links": links,
        "groups": [],
        "config": {},
        "extra": {},
        "version": 0.4,
    }


def _unit(number: int, x: int, y: int, links: list[list[Any]]) -> list[dict[str, Any]]:
    first = number * UNIT
    loader, wanted, unwanted, empty, sampler, decoder, saver = (
        _node(first + 1, "CheckpointLoaderSimple", x, y, [DEMO_CHECKPOINT], {}, ["MODEL", "CLIP", "VAE"], (320, 110)),
        _node(first + 2, "CLIPTextEncode", x + 360, y, [f"a red circle, {number}"], {"clip": "CLIP"}, ["CONDITIONING"]),
        _node(first + 3, "CLIPTextEncode", x + 360, y + 210, [""], {"clip": "CLIP"}, ["CONDITIONING"]),
        _node(first + 4, "EmptyLatentImage", x + 360, y + 410, [128, 128, 1], {}, ["LATENT"], (320, 120)),
        _node(
            first + 5,
            "KSampler",
            x + 780,
            y,
            [number, "fixed", 4, 5, "euler", "normal", 1],
            {"model": "MODEL", "positive": "CONDITIONING", "negative": "CONDITIONING", "latent_image": "LATENT"},
            ["LATENT"],
            (320, 270),
        ),
        _node(first + 6, "VAEDecode", x + 1140, y, [], {"samples": "LATENT", "vae": "VAE"}, ["IMAGE"], (220, 60)),
        _node(first + 7, "SaveImage", x + 1400, y, ["unit"], {"images": "IMAGE"}, [], (320, 340)),
    )
    for source, output, target, place in (
        (loader, 1, wanted, 0),
        (loader, 1, unwanted, 0),
        (loader, 0, sampler, 0),
        (wanted, 0, sampler, 1),
        (unwanted, 0, sampler, 2),
        (empty, 0, sampler, 3),
        (sampler, 0, decoder, 0),
        (loader, 2, decoder, 1),
        (decoder, 0, saver, 0),
    ):
        slot, end = source["outputs"][output], target["inputs"][place]
        links.append([len(links) + 1, source["id"], output, target["id"], place, slot["type"]])
        slot["links"].append(len(links))
        end["link"] = len(links)
    return [loader, wanted, unwanted, empty, sampler, decoder, saver]


def _node(
    node_id: int,
    node_type: str,
    x: int,
    y: int,
    values: list[Any],
    inputs: dict[str, str],
    outputs: list[str],
    size: tuple[int, int] = (380, 160),
) -> dict[str, Any]:
    return {
        "id": node_id,
        "type": node_type,
        "pos": [x, y],
        "size": list(size),
        "flags": {},
        "order": node_id - 1,
        "mode": 0,
        "inputs": [{"name": name, "type": kind, "link": None} for name, kind in inputs.items()],
        "outputs": [{"name": kind, "type": kind, "links": []} for kind in outputs],
        "properties": {"Node name for S&R": node_type},
        "widgets_values": values,
    }
