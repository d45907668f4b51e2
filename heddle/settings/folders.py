"""Where everything lies: model folders by kind, and the four roots that pictures and users' files live under.

Nothing here makes a folder; whoever writes a file makes the folders it needs. `Folders.resolve` is the one way from
a name that came from outside (a workflow, a request) to a path.
"""

from __future__ import annotations

import difflib
import logging
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from heddle.graph.errors import FileProblem, SettingsError, WeightsError
from heddle.settings.options import HOUSE, Settings

log = logging.getLogger(__name__)

WEIGHTS = frozenset({".safetensors", ".sft", ".ckpt", ".pt", ".pt2", ".pth", ".bin", ".pkl", ".gguf"})
PICTURES = frozenset(
    {".png", ".jpg", ".jpeg", ".jfif", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".apng", ".ico", ".tga"}
)
_VOCABULARIES = frozenset({".json", ".txt", ".model", ".gz", ".bpe", ".tiktoken"})
_SETTINGS_FILES = frozenset({".yaml", ".yml", ".json"})


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of file: the folders below models/ that hold it, the first being its own, and its extensions."""

    folders: tuple[str, ...]
    extensions: frozenset[str] = WEIGHTS
    marker: str | None = None  # set: a folder with this file in it is the thing that is listed

    def takes(self, name: str) -> bool:
        """Whether a file of this name is one, by its extension; without any, every file is."""
        return not self.extensions or os.path.splitext(name)[1].lower() in self.extensions


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "checkpoints": Kind(("checkpoints",)),
        "diffusion_models": Kind(("diffusion_models", "unet")),
        "vae": Kind(("vae",)),
        "vae_approx": Kind(("vae_approx",)),
        "text_encoders": Kind(("text_encoders", "clip")),
        "clip_vision": Kind(("clip_vision",)),
        "tokenizers": Kind(("tokenizers",), _VOCABULARIES),
        "loras": Kind(("loras",)),
        "embeddings": Kind(("embeddings",)),
        "hypernetworks": Kind(("hypernetworks",)),
        "controlnet": Kind(("controlnet", "t2i_adapter")),
        "style_models": Kind(("style_models",)),
        "gligen": Kind(("gligen",)),
        "photomaker": Kind(("photomaker",)),
        "model_patches": Kind(("model_patches",)),
        "upscale_models": Kind(("upscale_models",)),
        "latent_upscale_models": Kind(("latent_upscale_models",)),
        "audio_encoders": Kind(("audio_encoders",)),
        "background_removal": Kind(("background_removal",)),
        "frame_interpolation": Kind(("frame_interpolation",)),
        "optical_flow": Kind(("optical_flow",)),
        "classifiers": Kind(("classifiers",), frozenset({""}) | WEIGHTS),
        "configs": Kind(("configs",), _SETTINGS_FILES),
        "diffusers": Kind(("diffusers",), marker="model_index.json"),
    }
)

# Older names of kinds, as packs and extra_model_paths.yaml write them.
KIND_NAMES: Mapping[str, str] = MappingProxyType(
    {"clip": "text_encoders", "unet": "diffusion_models", "t2i_adapter": "controlnet"}
)

# What AUTOMATIC1111's program calls its folders, below its own base folder.
A1111_FOLDERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "checkpoints": ("models/Stable-diffusion",),
        "configs": ("models/Stable-diffusion",),
        "vae": ("models/VAE",),
        "loras": ("models/Lora", "models/LyCORIS"),
        "upscale_models": ("models/ESRGAN", "models/RealESRGAN", "models/SwinIR"),
        "embeddings": ("embeddings",),
        "hypernetworks": ("models/hypernetworks",),
        "controlnet": ("models/ControlNet",),
    }
)

ROOTS = ("input", "output", "temp", "user")

_PACKS = "custom_nodes"  # among the kinds, as packs expect it, and no kind of model

# A walk that meets more than this stops and says so: a link to a whole disk must not hang the house.
MAX_LISTED = 100_000
# A folder whose clock reads nearer to the walk than this may change again without its time moving (FAT counts 2 s).
_SETTLED_NS = 2_000_000_000

_ANNOTATION = re.compile(r"(.*?)\s*\[(input|output|temp)\]\s*", re.DOTALL)
# Names that Windows gives to devices, whatever their extension; a workflow must mean the same on every system.
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(?:\..*)?", re.IGNORECASE)
_MAX_NAME_BYTES = 255
_MOST_PARTS = 64


@dataclass(frozen=True, slots=True)
class _Listing:
    """The names below some roots, good for as long as no folder's time changes."""

    names: tuple[str, ...]
    times: Mapping[Path, int | None]
    walked_ns: int

    def is_fresh(self) -> bool:
        newest = max((t for t in self.times.values() if t is not None), default=0)
        return newest < self.walked_ns - _SETTLED_NS and all(_time_of(path) == t for path, t in self.times.items())


@dataclass(frozen=True)
class Folders:
    """Every place the house reads from or writes to. Built once by `from_settings`."""

    base: Path
    input: Path
    output: Path
    temp: Path
    user: Path
    roots_of: Mapping[str, tuple[Path, ...]]  # kind -> folders, the first that has a file wins
    custom_nodes: tuple[Path, ...]
    shipped_input: Path = HOUSE / "input"
    _listings: dict[Any, _Listing] = field(default_factory=dict, repr=False, compare=False)
    _live: dict[str, tuple[list[str], Any]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_settings(cls, settings: Settings) -> Folders:
        """The folders that the options and the extra_model_paths files name.

        `extra_model_paths.yaml` in the base directory is read as if it had been named first.
        Raises: SettingsError, if such a file cannot be read or understood.
        """
        base = settings.base_directory
        roots: dict[str, list[Path]] = {
            name: [base / "models" / f for f in kind.folders] for name, kind in KINDS.items()
        }
        packs = [base / "custom_nodes"]
        own = base / "extra_model_paths.yaml"
        for config in (*([own] if own.is_file() else []), *settings.extra_model_paths):
            for kind, paths, comes_first in _extra_paths(config):
                known = packs if kind == "custom_nodes" else roots.setdefault(kind, [])
                known[:] = [*paths, *known] if comes_first else [*known, *paths]
        for name, kind in KINDS.items():  # what ships with Heddle is found from any base directory
            roots[name] += [HOUSE / "models" / folder for folder in kind.folders]
        return cls(
            base=base,
            input=settings.input_directory or base / "input",
            output=settings.output_directory or base / "output",
            # A folder of its own inside, since it is emptied: a person may well have named /tmp itself.
            temp=settings.temp_directory / "temp" if settings.temp_directory else base / "temp",
            user=settings.user_directory or base / "user",
            roots_of=MappingProxyType({kind: tuple(dict.fromkeys(paths)) for kind, paths in roots.items()}),
            custom_nodes=tuple(dict.fromkeys(packs)),
        )

    # Models

    def models(self, kind: str) -> list[Path]:
        """The folders of one kind, whether they exist or not; the first is where a new file belongs."""
        kind = KIND_NAMES.get(kind, kind)
        if kind in self._live:
            return [Path(path) for path in self._live[kind][0]]
        if kind not in self.roots_of:
            raise SettingsError(f"{kind!r} is no kind of model; there are {', '.join(sorted(self.roots_of))}")
        return list(self.roots_of[kind])

    @property
    def live_kinds(self) -> dict[str, tuple[list[str], Any]]:
        """Kind -> (folders, extensions), which packs read and change: from the first look on it holds.

        No extensions mean all. `custom_nodes` is among them.
        """
        if not self._live:
            self._live.update(self._own_kinds())
        return self._live

    @property
    def places(self) -> dict[str, list[Path]]:
        """Kind -> its folders, those included that packs added."""
        return {kind: self.models(kind) for kind in dict.fromkeys((*self.roots_of, *self._live)) if kind != _PACKS}

    def changed_kinds(self) -> dict[str, dict[str, list[str]]]:
        """What packs made of the kinds: `{kind: {folders, extensions}}` of those that they added or changed."""
        changed = {}
        for kind, entry in list(self._live.items()):
            told = _told(entry)
            if kind != _PACKS and told is not None and told != self._own_told.get(kind):
                changed[str(kind)] = told
        return changed

    def take_kinds(self, changed: Mapping[str, Mapping[str, Any]]) -> None:
        """List with what `changed_kinds` told in another process; what was taken before is forgotten."""
        live = self._own_kinds()
        for kind, told in changed.items():
            folders = [path for path in told["folders"] if os.path.isabs(path)]
            live[kind] = (folders, set(told["extensions"]))
        object.__setattr__(self, "_live", live if changed else {})  # whole at once: other threads are listing

    def name_of(self, path: Path) -> str:
        """The name that `list_files` gives a model file; its last part, if it lies in no folder of models."""
        for places in self.places.values():
            for place in places:
                if path.is_relative_to(place):
                    return path.relative_to(place).as_posix()
        return path.name

    def _own_kinds(self) -> dict[str, tuple[list[str], Any]]:
        """The kinds as the options name them."""
        kinds: dict[str, tuple[list[str], Any]] = {_PACKS: ([str(path) for path in self.custom_nodes], set())}
        for kind, paths in self.roots_of.items():
            what = KINDS.get(kind, Kind((kind,)))
            kinds[kind] = ([str(path) for path in paths], {"folder"} if what.marker else set(what.extensions))
        return kinds

    @cached_property
    def _own_told(self) -> dict[str, dict[str, list[str]] | None]:
        return {kind: _told(entry) for kind, entry in self._own_kinds().items()}

    def redirect(self, root_type: str, path: Path) -> None:
        """Give one of the four roots another place, as packs may."""
        self.root(root_type)  # refuses what is none
        object.__setattr__(self, root_type, path)  # frozen for everyone else: options do not change while we run

    def _kind(self, kind: str) -> Kind:
        what = KINDS.get(kind, Kind((kind,)))
        if kind in self._live and not what.marker:
            return replace(what, extensions=frozenset(str(each).lower() for each in self._live[kind][1]))
        return what

    def list_files(self, kind: str) -> list[str]:
        """The names of one kind's files in its folders and theirs, with forward slashes, in alphabetical order.

        `input`, `output` and `temp` list the pictures there.
        """
        if kind in ("input", "output", "temp"):
            own = getattr(self, kind)
            places, what = ([own, self.shipped_input] if kind == "input" else [own]), Kind((), PICTURES)
            may_leave = False
        else:
            kind = KIND_NAMES.get(kind, kind)
            places, what, may_leave = self.models(kind), self._kind(kind), True
        asked = (kind, tuple(places), what)
        listing = self._listings.get(asked)
        if listing is None or not listing.is_fresh():
            listing = self._listings[asked] = _list(places, what, may_leave)
        return list(listing.names)

    def find(self, kind: str, name: str) -> Path:
        """The path of a model file by the name that `list_files` gives it.

        Raises: WeightsError, which lists similar names, if there is none.
        """
        kind = KIND_NAMES.get(kind, kind)
        what = self._kind(kind)
        places = self.models(kind)
        try:
            parts = _safe_parts(name)
        except FileProblem as problem:
            raise WeightsError(f"{kind}: {problem.message}", file=name) from problem
        for place in places:
            path = place.joinpath(*parts)
            if path.is_dir() if what.marker else (path.is_file() and what.takes(path.name)):
                return path
        there = self.list_files(kind)
        similar = _similar(name, there)
        if similar:
            hint = f"Similar names there: {', '.join(similar)}"
        elif there:
            hint = f"There are {len(there)} others, such as {there[0]}"
        else:
            hint = "Nothing of that kind is there yet"
        raise WeightsError(
            f"{kind}: no file {name!r}. {hint}. Choose one that exists or put the file into {places[0]}", file=name
        )

    # Files of people and of nodes

    def root(self, root_type: str) -> Path:
        """The folder that `input`, `output`, `temp` or `user` stands for."""
        if root_type not in ROOTS:
            raise FileProblem(f"{root_type!r} is no place for files; there are {', '.join(ROOTS)}")
        return getattr(self, root_type)

    def resolve(self, root_type: str, subfolder: str, filename: str) -> Path:
        """The path of a file or folder below one of the roots, existing or not.

        Refused: absolute names, `..`, drive letters and other colons, network shares, control characters, names of
        devices, and links that lead out of the root. Both slashes separate. An empty filename means the subfolder.
        Raises: FileProblem.
        """
        root = self.root(root_type)
        parts = (*_safe_parts(subfolder, may_be_empty=True), *_safe_parts(filename, may_be_empty=True))
        path = root.joinpath(*parts)
        if _has_links(root, parts) and not _is_inside(path, root):
            raise FileProblem(
                f"{'/'.join(parts)}: a link leads out of the {root_type} folder {root}; use a file inside it"
            )
        return path

    def annotated(self, name: str) -> Path:
        """The file that a name such as `sub/name.png [output]` means; without a suffix it is an input.

        Raises: FileProblem, if it is refused or not there.
        """
        filename, root_type = split_annotation(name)
        path = self.resolve(root_type, "", filename)
        if os.path.isfile(path):
            return path
        if root_type == "input":
            shipped = self.shipped_input.joinpath(*_safe_parts(filename))
            if shipped.is_file() and _is_inside(shipped, self.shipped_input):
                return shipped
        similar = _similar(filename, self.list_files(root_type))
        hint = f" Similar names there: {', '.join(similar)}." if similar else ""
        raise FileProblem(
            f"{name!r}: no such file in {self.root(root_type)}.{hint} Put it there, upload it, or choose another",
            path=path,
        )


def _told(entry: Any) -> dict[str, list[str]] | None:
    """One of `live_kinds` as plain data; None for what is no entry. Packs write tuples, lists and sets of any kind."""
    try:
        folders, extensions = entry
        if isinstance(folders, str) or isinstance(extensions, str):
            return None
        return {
            "folders": [os.path.abspath(str(path)) for path in folders],
            "extensions": sorted({str(each).lower() for each in extensions}),
        }
    except (TypeError, ValueError):
        return None


def split_annotation(name: str) -> tuple[str, str]:
    """The name without its place suffix, and the root it stands for: `a.png [temp]` -> (`a.png`, `temp`)."""
    match = _ANNOTATION.fullmatch(name)
    return (match[1], match[2]) if match else (name, "input")


def is_device_name(part: str) -> bool:
    """Whether Windows takes this part of a path for a device, such as `nul` or `com1.png`."""
    return _DEVICE.fullmatch(part) is not None


def is_usable_name(part: str) -> bool:
    """Whether this may be the name of one file or folder to those who ask from outside: `Folders.resolve` takes it."""
    try:
        return _safe_parts(part) == (part,)
    except FileProblem:
        return False


@lru_cache(1024)  # each job asks for the same names several times
def _safe_parts(name: str, may_be_empty: bool = False) -> tuple[str, ...]:
    """The parts of a relative name that came from outside. Raises: FileProblem, if any part could lead elsewhere."""
    # The whole text, before it is taken apart: what a rule below strips must not hide from the one above it.
    shown = name if len(name) <= 120 else name[:120] + "..."
    if _CONTROL.search(name):
        raise FileProblem(f"{shown!r}: control characters cannot stand in the name of a file; rename it")
    try:
        os.fsencode(name)
        name.encode()
    except UnicodeEncodeError as error:
        raise FileProblem(f"{shown!r}: this text cannot be the name of a file; rename it") from error
    path = name.replace("\\", "/")
    if path.startswith("/") or ":" in path:
        raise FileProblem(f"{shown!r}: give a name inside the folder, not an absolute path, a drive or a share")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    for part in parts:
        if not part.strip(". "):  # `..` itself, and `.. ` or `...`, which Windows shortens to it
            raise FileProblem(f"{shown!r}: a name cannot lead out of its folder; leave out {part!r}")
        if is_device_name(part):
            raise FileProblem(f"{shown!r}: {part!r} is a device on Windows; rename the file")
        if len(part.encode()) > _MAX_NAME_BYTES:
            raise FileProblem(f"{shown!r}: longer than the {_MAX_NAME_BYTES} bytes a name may have; shorten it")
    if len(parts) > _MOST_PARTS:  # Python makes folders by calling itself for each
        raise FileProblem(f"{shown!r}: lies in more than {_MOST_PARTS - 1} folders inside each other; use fewer")
    if not parts and not may_be_empty:
        raise FileProblem(f"{shown!r}: the name of the file is missing")
    return tuple(parts)


def _has_links(root: Path, parts: Sequence[str]) -> bool:
    """False, if following what lies below the root leads to no other place: seen without a look at the whole path."""
    if os.name != "posix":  # other systems have more kinds of links than `islink` knows
        return True
    path = os.fspath(root)
    for part in parts:
        path = f"{path}/{part}"
        if os.path.islink(path):
            return True
    return False


def _is_inside(path: Path, root: Path) -> bool:
    """Whether the path, every link followed, lies in the root, its own links followed too."""
    real, real_root = os.path.realpath(path), os.path.realpath(root)
    return real == real_root or real.startswith(real_root.rstrip(os.sep) + os.sep)


def _similar(name: str, names: Iterable[str]) -> list[str]:
    """Up to three names that a person may have meant: the same file elsewhere first, then similar spelling."""
    names = list(names)
    own = name.replace("\\", "/").rpartition("/")[2].lower()
    elsewhere = [n for n in names if n.rpartition("/")[2].lower() == own]
    by_lower = {n.lower(): n for n in reversed(names)}
    spelled = [by_lower[n] for n in difflib.get_close_matches(name.lower(), by_lower, n=3, cutoff=0.5)]
    return list(dict.fromkeys([*elsewhere, *spelled]))[:3]


def _time_of(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def _list(places: Iterable[Path], what: Kind, may_leave: bool) -> _Listing:
    """Walk the places once. The first place that has a name wins, which is how `find` looks too."""
    walked_ns = time.time_ns()
    times: dict[Path, int | None] = {}
    names: dict[str, None] = {}
    for place in places:
        for name in _walk(place, what, may_leave, times):
            names.setdefault(name)
            if len(names) >= MAX_LISTED:
                log.warning("%s: more than %d files below it; the rest is not listed", place, MAX_LISTED)
                break
    return _Listing(tuple(sorted(names, key=lambda name: (name.lower(), name))), times, walked_ns)


def _walk(root: Path, what: Kind, may_leave: bool, times: dict[Path, int | None]) -> Iterator[str]:
    """Names below one root. Each real folder is entered once, so that links that lead in circles end."""
    entered: set[tuple[int, int]] = set()
    waiting: list[tuple[Path, str]] = [(root, "")]
    linked: list[tuple[Path, str]] = []  # after all real folders: a folder keeps its own name, not a link's
    while waiting or linked:
        folder, prefix = waiting.pop() if waiting else linked.pop(0)
        times[folder] = _time_of(folder)
        try:
            state = folder.stat()
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:  # not there yet, or not ours to read: nothing to list
            continue
        if (state.st_dev, state.st_ino) in entered:
            continue
        entered.add((state.st_dev, state.st_ino))
        if len(entered) > MAX_LISTED:
            log.warning("%s: more than %d folders below it; the rest is not listed", root, MAX_LISTED)
            return
        for entry in entries:
            name = prefix + entry.name
            if entry.name.startswith(".") or not _is_text(name):
                continue
            is_link = entry.is_symlink()
            if is_link and not may_leave and not _is_inside(Path(entry.path), root):
                continue
            if _is_folder(entry):
                if what.marker and os.path.isfile(os.path.join(entry.path, what.marker)):
                    yield name
                else:
                    (linked if is_link else waiting).append((Path(entry.path), name + "/"))
            elif not what.marker and what.takes(entry.name) and _is_file(entry):
                yield name


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that points at itself
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


def _is_text(name: str) -> bool:
    """False for bytes on the disk that are no UTF-8: such a name could not travel in JSON."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _extra_paths(config: Path) -> Iterator[tuple[str, list[Path], bool]]:
    """(kind, folders, whether they come first) of one extra_model_paths file.

    Each section may have `base_path` (relative to the file), `is_default`, and folders by kind, several on separate
    lines. A section with a base path alone means that program's own layout: AUTOMATIC1111's, or models/KIND.
    """
    import yaml  # most starts read no such file

    try:
        text = config.read_text(encoding="utf-8-sig")
        content = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{config}: cannot be read ({error}); save it as UTF-8 text or leave it out") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        raise SettingsError(
            f"{config}: not valid YAML{line} ({getattr(error, 'problem', error)}); correct it"
        ) from error
    if content is None:
        return
    if not isinstance(content, dict):
        raise SettingsError(f"{config}: sections with folders by kind were expected, not a {type(content).__name__}")
    for section, entries in content.items():
        if entries is None:
            continue
        if not isinstance(entries, dict):
            raise SettingsError(f"{config}, {section}: folders by kind were expected, not {entries!r}")
        base = _expanded(entries.get("base_path"), config.parent, f"{config}, {section}, base_path") or config.parent
        comes_first = entries.get("is_default") is True
        kinds = {str(key): value for key, value in entries.items() if key not in ("base_path", "is_default")}
        if not kinds and entries.get("base_path"):
            kinds = _layout_of(base)
        for kind, value in kinds.items():
            place = f"{config}, {section}, {kind}"
            paths = [path for line in _lines(value, place) if (path := _expanded(line, base, place))]
            yield KIND_NAMES.get(kind, kind), paths, comes_first


def _layout_of(base: Path) -> dict[str, Any]:
    if (base / "models" / "Stable-diffusion").is_dir():
        return {kind: list(folders) for kind, folders in A1111_FOLDERS.items()}
    return {name: [f"models/{folder}" for folder in kind.folders] for name, kind in KINDS.items()}


def _lines(value: Any, place: str) -> list[str]:
    if value is None:
        return []
    if isinstance(value, str):
        return [line.strip() for line in value.splitlines() if line.strip()]
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return value
    raise SettingsError(f"{place}: one folder per line was expected, not {value!r}")


def _expanded(text: Any, base: Path, place: str) -> Path | None:
    """An absolute path: `~` and variables filled in, relative ones taken from `base`."""
    if text is None or text == "":
        return None
    if not isinstance(text, str) or "\0" in text:
        raise SettingsError(f"{place}: the name of a folder was expected, not {text!r}")
    return Path(os.path.abspath(base / os.path.expanduser(os.path.expandvars(text.strip()))))
