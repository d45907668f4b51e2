"""The modules of `comfy` as its attributes: packs write `comfy.utils` without an import, since others have made one."""

from __future__ import annotations

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    """A module of the package, imported when it is first asked for."""
    if not name.startswith("_"):
        try:
            return importlib.import_module(f"comfy.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"comfy.{name}":
                raise
    raise AttributeError(f"module 'comfy' has no attribute {name!r}")
