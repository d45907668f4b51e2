"""Where everything lies: model folders by kind, and the four roots that pictures and users' files live under.

Nothing here makes a folder; whoever writes a file makes the folders it needs. `Folders.resolve` is the one way from
a name that came from outside (a workflow, a request) to a path.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from heddle.graph.errors import FileProblem, SettingsError, WeightsError
from heddle.graph.said import say
from heddle.settings.extra_paths import read_extra_paths
from heddle.settings.file_names import has_links, is_inside, safe_parts, similar_names, split_annotation
from heddle.settings.kinds import KIND_NAMES, KINDS, PLACED, Kind
from heddle.settings.listings import Listing, list_folders, list_names
from heddle.settings.options import HOUSE, Settings
from heddle.settings.small_autoencoders import whole_names

ROOTS = ("input", "output", "temp", "user")

#: A kind whose names are folders of people's files.
INPUT_FOLDERS = "input_folders"

_PACKS = "custom_nodes"  # among the kinds, as packs expect it, and no kind of model


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
    earlier_output: Path | None = None  # where results are read that are not in the output folder
    _listings: dict[Any, Listing] = field(default_factory=dict, repr=False, compare=False)
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
            for kind, paths, comes_first in read_extra_paths(config):
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
            earlier_output=settings.earlier_output,
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

        `input`, `output` and `temp` list the pictures there, `input:latents` the latents; `PLACED` has more.
        `input_folders` lists the folders in the input folder.
        """
        if kind == INPUT_FOLDERS:
            return list_folders(self.input)
        root_type, _, placed = kind.partition(":")
        if root_type in ("input", "output", "temp") and placed in PLACED:
            own = getattr(self, root_type)
            places, what = ([own, self.shipped_input] if root_type == "input" else [own]), PLACED[placed]
            may_leave = False
        else:
            kind = KIND_NAMES.get(kind, kind)
            places, what, may_leave = self.models(kind), self._kind(kind), True
        asked = (kind, tuple(places), what)
        listing = self._listings.get(asked)
        if listing is None or not listing.is_fresh():
            listing = self._listings[asked] = list_names(places, what, may_leave)
        # A small autoencoder is one of two files, which lie elsewhere: it goes by its name.
        return [*listing.names, *(whole_names(self.list_files("vae_approx")) if kind == "vae" else ())]

    def find(self, kind: str, name: str) -> Path:
        """The path of a model file by the name that `list_files` gives it.

        Raises: WeightsError, which lists similar names, if there is none; FileProblem, of a folder of people's files.
        """
        if kind == INPUT_FOLDERS:
            return self.input_folder(name)
        kind = KIND_NAMES.get(kind, kind)
        what = self._kind(kind)
        places = self.models(kind)
        try:
            parts = safe_parts(name)
        except FileProblem as problem:
            raise WeightsError(say("{kind}: {why}", kind=kind, why=problem.message), file=name) from problem
        for place in places:
            path = place.joinpath(*parts)
            if os.path.isdir(path) if what.marker else (os.path.isfile(path) and what.takes(path.name)):
                return path
        there = self.list_files(kind)
        similar = similar_names(name, there)
        if similar:
            hint = say("Similar names there: {names}", names=", ".join(similar))
        elif there:
            hint = say("There are {count} others, such as {first}", count=len(there), first=there[0])
        else:
            hint = say("Nothing of that kind is there yet")
        raise WeightsError(
            say(
                "{kind}: no file {name!r}. {hint}. Choose one that exists or put the file into {folder}",
                kind=kind,
                name=name,
                hint=hint,
                folder=places[0],
            ),
            file=name,
        )

    # Files of people and of nodes

    def root(self, root_type: str) -> Path:
        """The folder that `input`, `output`, `temp` or `user` stands for."""
        if root_type not in ROOTS:
            raise FileProblem(
                say(
                    "{root_type!r} is no place for files; there are {known}",
                    root_type=root_type,
                    known=", ".join(ROOTS),
                )
            )
        return getattr(self, root_type)

    def resolve(self, root_type: str, subfolder: str, filename: str) -> Path:
        """The path of a file or folder below one of the roots, existing or not.

        Refused: absolute names, `..`, drive letters and other colons, network shares, control characters, names of
        devices, and links that lead out of the root. Both slashes separate. An empty filename means the subfolder.
        Raises: FileProblem.
        """
        root = self.root(root_type)
        parts = (*safe_parts(subfolder, may_be_empty=True), *safe_parts(filename, may_be_empty=True))
        path = root.joinpath(*parts)
        if has_links(root, parts) and not is_inside(path, root):
            raise FileProblem(
                say(
                    "{path}: a link leads out of the {root_type} folder {root}; use a file inside it",
                    path="/".join(parts),
                    root_type=root_type,
                    root=root,
                )
            )
        return path

    def input_folder(self, name: str) -> Path:
        """A folder in the input folder. Raises: FileProblem, if it is refused or not there."""
        path = self.resolve("input", name, "")
        if not name.strip() or not path.is_dir():
            words = "{name!r}: no such folder in {folder}.{near} Put it there, or choose another"
            similar = similar_names(name, self.list_files(INPUT_FOLDERS))
            near = say(" Similar names there: {names}.", names=", ".join(similar)) if similar else ""
            raise FileProblem(say(words, name=name, folder=str(self.input), near=near), path=path)
        return path

    def annotated(self, name: str) -> Path:
        """The file that a name such as `sub/name.png [output]` means; without a suffix it is an input.

        Raises: FileProblem, if it is refused or not there.
        """
        filename, root_type = split_annotation(name)
        path = self.resolve(root_type, "", filename)
        if os.path.isfile(path):
            return path
        further = {"input": self.shipped_input, "output": self.earlier_output}.get(root_type)
        if further is not None:
            found = further.joinpath(*safe_parts(filename))
            if os.path.isfile(found) and is_inside(found, further):  # which is False for what no disk can have
                return found
        similar = similar_names(filename, self.list_files(root_type))
        hint = say(" Similar names there: {names}.", names=", ".join(similar)) if similar else ""
        words = "{name!r}: no such file in {folder}.{near} Put it there, upload it, or choose another"
        raise FileProblem(
            say(words, name=name, folder=str(self.root(root_type)), near=hint),
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
