"""Takes in `custom_nodes/`: each pack is a module whose NODE_CLASS_MAPPINGS names classic node classes.

A pack that fails to load is reported and the house opens without it; so is a single node that cannot be read.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from heddle.graph.classic import spec_of_class
from heddle.graph.errors import GraphError, HeddleError
from heddle.graph.registry import Registry


def load_packs(registry: Registry, folders: Iterable[Path]) -> list[HeddleError]:
    """Add the nodes of every pack in the folders to the registry; what could not be loaded is returned."""
    failures: list[HeddleError] = []
    for path in _pack_paths(folders):
        try:
            module = _import_pack(path)
        except Exception as error:  # a pack may raise anything at import, and must not take the house along
            failures.append(HeddleError(f"pack {path.name}: cannot be loaded ({type(error).__name__}: {error})"))
            continue
        failures += _add_nodes(registry, module, path.stem)
    return failures


def _pack_paths(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        if not folder.is_dir():
            continue
        for path in sorted(folder.iterdir(), key=lambda each: each.name.lower()):
            is_module = path.suffix == ".py" or (path.is_dir() and (path / "__init__.py").is_file())
            if is_module and not path.name.startswith((".", "_")) and not path.name.endswith(".disabled"):
                yield path


def _import_pack(path: Path) -> ModuleType:
    """Import a pack under a name of its own, so that two packs may both have a module `utils`."""
    file = path / "__init__.py" if path.is_dir() else path
    name = f"custom_nodes.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _add_nodes(registry: Registry, module: ModuleType, pack: str) -> Iterator[GraphError]:
    classes: Any = getattr(module, "NODE_CLASS_MAPPINGS", None)
    names: Any = getattr(module, "NODE_DISPLAY_NAME_MAPPINGS", None) or {}
    if not isinstance(classes, dict):
        yield GraphError(f"pack {pack}: has no NODE_CLASS_MAPPINGS, so it brings no nodes")
        return
    for id, cls in classes.items():
        try:
            registry.add(
                spec_of_class(id, cls, display_name=str(names.get(id, "")), python_module=f"custom_nodes.{pack}")
            )
        except GraphError as error:
            yield GraphError(f"pack {pack}: {error.message}", class_type=id)
