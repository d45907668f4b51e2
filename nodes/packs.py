"""Takes in `custom_nodes/`: other people's packs, each a module or a package.

A pack brings classic classes (NODE_CLASS_MAPPINGS), schema classes (`comfy_entrypoint`), scripts for the browser
(WEB_DIRECTORY), or any of these. One that fails is reported and the house opens without it; so is a single node that
cannot be read.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import inspect
import logging
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from heddle.graph.classic import read_again, spec_of_class
from heddle.graph.errors import GraphError, HeddleError
from heddle.graph.registry import Registry
from heddle.graph.said import say
from heddle.graph.spec import NodeSpec
from heddle.settings.current import current_folders, current_settings
from nodes.classic_classes import class_for
from nodes.closed_doors import closed_base, hang_in
from nodes.door import EXTENSION_WEB_DIRS, LOADED_MODULE_DIRS, NODE_CLASS_MAPPINGS, current_registry

log = logging.getLogger(__name__)

PACKAGE = "custom_nodes"
SLOW_IMPORT_S = 10.0


@dataclass
class Pack:
    """What became of one pack.

    Attributes:
        import_s: seconds that importing it took.
        web: the folder of its browser scripts.
        failures: why it, or some of its nodes, are not there.
    """

    name: str
    path: Path
    import_s: float = 0.0
    node_ids: list[str] = field(default_factory=list)
    web: Path | None = None
    failures: list[HeddleError] = field(default_factory=list)

    @property
    def module_name(self) -> str:
        # A dot would be read as a step into a package.
        return f"{PACKAGE}.{self.name.replace('.', '_x_')}"


def load_packs(
    registry: Registry,
    folders: Iterable[Path],
    only: Collection[str] | None = None,
    about_to: Callable[[str], None] = lambda name: None,
    loop: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> list[Pack]:
    """Add the nodes of every pack in the folders to the registry.

    Args:
        only: names of the packs to load, with or without `.py`; None = all.
        about_to: is told the name of each pack before its code runs, which may end the process.
        loop: gives the loop that will run packs' tasks, which they find when they ask asyncio for one; None = no such.
    """
    folders = list(folders)
    packs = [Pack(path.stem if path.is_file() else path.name, path) for path in _pack_paths(folders)]
    if only is not None:
        wanted = {name.removesuffix(".py") for name in only}
        packs = [pack for pack in packs if pack.name in wanted]
    if packs:
        _make_package(folders)
        hang_in()
    for pack in packs:  # all of them before the first pack, whose libraries they may have to prepare
        about_to(pack.path.name)
        _run_prestartup(pack)
    tasks_loop = loop() if packs and loop is not None else None
    for pack in packs:
        about_to(pack.path.name)
        if tasks_loop is not None:
            asyncio.set_event_loop(tasks_loop)  # anew for each: the one before may have run a loop of its own
        _load(pack, registry, loop=tasks_loop)
    if tasks_loop is not None:
        asyncio.set_event_loop(asyncio.new_event_loop())  # for nodes: what they find they run themselves
    return packs


def read_packs_again(registry: Registry) -> list[HeddleError]:
    """Read the declarations of all packs' nodes again, since they list files of their own in them.

    Returns: why nodes could not be read; they stay as they were.
    """
    failures: list[HeddleError] = []
    for spec in list(registry.values()):
        try:
            fresh = read_again(spec)
        except GraphError as error:
            failures.append(error)
            continue
        if fresh is not spec:
            registry.add(fresh)
    return failures


async def load_custom_node(
    module_path: str, ignore: Collection[str] = frozenset(), module_parent: str = PACKAGE
) -> bool:
    """Load one more pack, or one again whose files have changed, as packs do that look after others.

    Args:
        ignore: ids of nodes that are not to be replaced.
        module_parent: known to packs; packs are always `custom_nodes`.
    Returns: whether it is there; if not, the log says why.
    """
    path = Path(module_path).absolute()
    pack = Pack(path.stem if path.is_file() else path.name, path)
    _make_package([path.parent])
    hang_in()
    _forget(pack.module_name)
    # An extension's entry is awaited on a loop of its own, and whoever calls this runs on one already.
    await asyncio.to_thread(_load, pack, current_registry(), ignore)
    return not _complain([pack])


async def init_extra_nodes(init_custom_nodes: bool = True, init_api_nodes: bool = True) -> None:
    """Load the packs, for scripts that import the house in place of starting it; in a worker they are there."""
    settings, folders = current_settings(), current_folders()
    if init_custom_nodes and not LOADED_MODULE_DIRS and not settings.no_packs:
        only = settings.packs_only or None
        _complain(await asyncio.to_thread(load_packs, current_registry(), folders.custom_nodes, only))


def _complain(packs: Iterable[Pack]) -> bool:
    """Say what could not be loaded. Returns: whether there was anything."""
    failures = [failure for pack in packs for failure in pack.failures]
    for failure in failures:
        log.warning("%s", failure.message)
    return bool(failures)


def _load(
    pack: Pack, registry: Registry, but: Collection[str] = (), loop: asyncio.AbstractEventLoop | None = None
) -> None:
    started, before = time.perf_counter(), dict(registry)
    try:
        with _watched(pack):
            module = _import_pack(pack)
    except KeyboardInterrupt:  # somebody at a terminal, who need not wait for the rest
        raise
    except BaseException as error:  # a pack may raise anything at import, and must not take the house along
        pack.failures.append(
            HeddleError(
                say(
                    "pack {pack}: cannot be loaded ({kind}: {why}); see its own page",
                    pack=pack.path.name,
                    kind=type(error).__name__,
                    why=error,
                )
            )
        )
        log.debug("pack %s", pack.name, exc_info=True)
        return
    LOADED_MODULE_DIRS[pack.name] = str(pack.path.absolute())
    pack.node_ids += [id for id, spec in registry.items() if before.get(id) is not spec]  # it put them there itself
    try:
        pack.web = _web_folder(pack, module)
        if pack.web is not None:
            EXTENSION_WEB_DIRS[pack.name] = str(pack.web)
        with _watched(pack):
            for spec in _read_nodes(pack, module, registry, asyncio.run if loop is None else loop.run_until_complete):
                if spec.id not in but:
                    _add(pack, spec, registry)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # comfy_entrypoint and what it calls is the pack's code, too
        pack.failures.append(
            HeddleError(
                say(
                    "pack {pack}: cannot list its nodes ({kind}: {why}); see its own page",
                    pack=pack.name,
                    kind=type(error).__name__,
                    why=error,
                )
            )
        )
        log.debug("pack %s", pack.name, exc_info=True)
    pack.import_s = time.perf_counter() - started
    log.info("pack %s: %d nodes in %.2f s", pack.name, len(pack.node_ids), pack.import_s)


@contextlib.contextmanager
def _watched(pack: Pack) -> Iterator[None]:
    """Says which pack it is that keeps the worker from being ready."""
    started = time.perf_counter()

    def complain() -> None:
        waited_s = time.perf_counter() - started
        log.warning(
            "pack %s has been loading for %.0f s, and nothing can run before it is done; "
            "if it stays so, end the name of its folder in .disabled and start again",
            pack.name,
            waited_s,
        )

    alarm = threading.Timer(SLOW_IMPORT_S, complain)
    alarm.daemon = True
    alarm.start()
    try:
        yield
    finally:
        alarm.cancel()


def _pack_paths(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        if not folder.is_dir():
            continue
        for path in sorted(folder.iterdir(), key=lambda each: each.name.lower()):
            is_module = path.suffix == ".py" or (path.is_dir() and (path / "__init__.py").is_file())
            if is_module and not path.name.startswith((".", "__")) and not path.name.endswith(".disabled"):
                yield path


def _make_package(folders: list[Path]) -> None:
    """Let `import custom_nodes.PACK` find packs, which packs do with each other."""
    package = sys.modules.get(PACKAGE)
    if package is None:
        package = sys.modules[PACKAGE] = ModuleType(PACKAGE, "Other people's packs.")
        package.__path__ = []
    package.__path__ = list(dict.fromkeys([*package.__path__, *(str(folder) for folder in folders)]))


def _import_pack(pack: Pack) -> ModuleType:
    """Import a pack under a name of its own, so that two packs may both have a module `utils`."""
    is_package = pack.path.is_dir()
    file = pack.path / "__init__.py" if is_package else pack.path
    loaded = sys.modules.get(pack.module_name)
    if loaded is not None and getattr(loaded, "__file__", None) == str(file):  # another pack has imported it
        return loaded
    _forget(pack.module_name, keep=f"{pack.module_name}.prestartup_script")
    module = _run_file(file, pack.module_name, [str(pack.path)] if is_package else None)
    setattr(sys.modules[PACKAGE], pack.module_name.partition(".")[2], module)
    return module


def _forget(name: str, keep: str = "") -> None:
    """Take a module and all below it out: what is half imported, or of another folder, must not be found."""
    for each in [each for each in sys.modules if each == name or each.startswith(name + ".")]:
        if each != keep:
            del sys.modules[each]


def _run_file(file: Path, name: str, search: list[str] | None = None) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=search)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        _forget(name)
        raise
    return module


def _run_prestartup(pack: Pack) -> None:
    script = pack.path / "prestartup_script.py"
    if not (pack.path.is_dir() and script.is_file()):
        return
    name = f"{pack.module_name}.prestartup_script"
    try:
        with _watched(pack):
            _run_file(script, name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a pack's own code
        pack.failures.append(
            HeddleError(
                say(
                    "pack {pack}: its prestartup_script.py failed ({kind}: {why})",
                    pack=pack.name,
                    kind=type(error).__name__,
                    why=error,
                )
            )
        )


def _web_folder(pack: Pack, module: ModuleType) -> Path | None:
    """The folder that WEB_DIRECTORY names, or `web` of [tool.comfy] in pyproject.toml."""
    named = getattr(module, "WEB_DIRECTORY", None)
    project = pack.path / "pyproject.toml"
    if named is None and project.is_file():
        try:
            named = tomllib.loads(project.read_text(encoding="utf-8")).get("tool", {}).get("comfy", {}).get("web")
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
            return None  # a file for other tools; the pack works without it
    if not isinstance(named, str):
        return None
    folder = (pack.path if pack.path.is_dir() else pack.path.parent).joinpath(named).resolve()
    if folder.is_dir():
        return folder
    pack.failures.append(
        HeddleError(
            say(
                "pack {pack}: WEB_DIRECTORY names {named!r}, but there is no such folder; its nodes are there",
                pack=pack.name,
                named=named,
            )
        )
    )
    return None


def _read_nodes(
    pack: Pack, module: ModuleType, registry: Registry, run: Callable[[Any], list[Any]]
) -> Iterator[NodeSpec]:
    place = f"{PACKAGE}.{pack.name}"
    classes: Any = getattr(module, "NODE_CLASS_MAPPINGS", None)
    if classes is not None and classes is not NODE_CLASS_MAPPINGS:
        names = _display_names(module)
        for id, cls in dict(classes).items():
            there = registry.get(str(id))
            if there is None or class_for(there) is not cls:  # else it hands on what it found here
                yield from _read_node(pack, cls, str(id), str(names.get(id, "") or ""), place)
    elif callable(entry := getattr(module, "comfy_entrypoint", None)):
        for cls in run(_listed_by(entry)):
            yield from _read_node(pack, cls, "", "", place)
    elif getattr(module, "WEB_DIRECTORY", None) is None and pack.web is None and not pack.node_ids:
        pack.failures.append(
            GraphError(
                say(
                    "pack {pack}: has neither NODE_CLASS_MAPPINGS nor comfy_entrypoint, so it brings no nodes",
                    pack=pack.name,
                )
            )
        )


def _display_names(module: ModuleType) -> dict[Any, Any]:
    try:
        return dict(getattr(module, "NODE_DISPLAY_NAME_MAPPINGS", None) or {})
    except (TypeError, ValueError):  # nothing of the kind: the nodes are there under their ids
        return {}


async def _listed_by(entry: Any) -> list[Any]:
    """The node classes of an extension."""
    extension = await _awaited(entry())
    await _awaited(extension.on_load())
    return list(await _awaited(extension.get_node_list()))


async def _awaited(answer: Any) -> Any:
    return await answer if inspect.isawaitable(answer) else answer


def _read_node(pack: Pack, cls: Any, id: str, display_name: str, place: str) -> Iterator[NodeSpec]:
    if (missing := closed_base(cls)) is not None:
        words = say(
            "node {id}: its class is built on {missing}, and there is nothing behind that name here yet",
            id=id,
            missing=missing,
        )
        pack.failures.append(GraphError(say("pack {pack}: {words}", pack=pack.name, words=words), class_type=id))
        return
    try:
        yield spec_of_class(id, cls, display_name=display_name, python_module=place)
    except GraphError as error:
        pack.failures.append(
            GraphError(say("pack {pack}: {why}", pack=pack.name, why=error.message), class_type=error.class_type or id)
        )


def _add(pack: Pack, spec: NodeSpec, registry: Registry) -> None:
    before = registry.get(spec.id)
    if before is not None and before.id == spec.id:
        owner = before.python_module if before.python_module.startswith(PACKAGE) else "the built-in one"
        log.info("pack %s: its node %s replaces %s", pack.name, spec.id, owner)
    registry.add(spec)
    pack.node_ids.append(spec.id)
