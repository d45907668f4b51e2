"""The averages of a network's weights over its training (EMA), which some checkpoints hold beside them.

The published training code registers each under the network's name for it without its dots, below `model_ema.`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from model_management.family import NetPart
from model_management.places import Place
from model_management.stored_tensors import Header

PREFIX = "model_ema."
_NET = "diffusion_model."


def averages_of(part: NetPart, header: Header) -> NetPart | None:
    """The same net with its averages as weights; None if the file holds none.

    Sizes are read from the weights themselves, which are there in any case.
    """
    if not header.has_prefix(f"{PREFIX}{_undotted(_NET)}"):
        return None

    def config(file: Header, prefix: str) -> Any:
        return part.config(file, part.prefix)

    def place(name: str) -> Place:
        own = part.place(name)
        return replace(own, key=_undotted(f"{_NET}{own.key}"))

    return replace(part, prefix=PREFIX, config=config, place=place)


def _undotted(name: str) -> str:
    return name.replace(".", "")
