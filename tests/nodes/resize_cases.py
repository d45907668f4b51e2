"""Sizes changed by a reference engine, carried in tests/data/resize.safetensors (its header tells the origin)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

_FILE = Path(__file__).parents[1] / "data" / "resize.safetensors"


def cases_of(node: str) -> dict[str, dict[str, Any]]:
    """Case id -> inputs, for one node id."""
    with safe_open(_FILE, "pt") as file:
        cases = json.loads(file.metadata()["cases"])
    return {name: inputs for name, inputs in cases.items() if inputs["node"] == node}


def expected(case: str) -> Tensor:
    with safe_open(_FILE, "pt") as file:
        return file.get_tensor(case)


def drawn(recipe: dict[str, Any]) -> Tensor:
    """Seeded noise: {"randn" | "rand": seed, "shape": [...]}."""
    kind = "randn" if "randn" in recipe else "rand"
    generator = torch.Generator().manual_seed(recipe[kind])
    return getattr(torch, kind)(recipe["shape"], generator=generator)


def tolerance(method: str) -> float:
    """lanczos works in 8 bits: one step of 1/255; bislerp divides by the sine of small angles."""
    return {"lanczos": 0.0042, "bislerp": 1e-4}.get(method, 1e-5)
