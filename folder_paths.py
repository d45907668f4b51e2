"""What packs find in `import folder_paths`: where models, inputs and outputs lie.

A door: it passes on to `heddle.settings.folders.Folders`, of which `use` hands in the one of this process.
`folder_names_and_paths` is that object's own table, so what a pack writes into it holds for every node.
"""

from __future__ import annotations

import mimetypes
import os
import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from heddle.graph.errors import FileProblem
from heddle.media.output_names import plan_name
from heddle.settings.current import current_folders, current_settings
from heddle.settings.current import use as _use
from heddle.settings.file_names import split_annotation
from heddle.settings.folders import Folders
from heddle.settings.kinds import WEIGHTS

#: Extensions of files that hold weights.
supported_pt_extensions: set[str] = set(WEIGHTS)

#: Extensions that the system's own table of types does not know.
extension_mimetypes_cache = {"webp": "image", "fbx": "model", "glb": "model", "gltf": "model", "obj": "model"}

SYSTEM_USER_PREFIX = "__"

#: Packs empty it to have lists read again; lists here are never old, so nothing is kept in it.
filename_list_cache: dict[str, Any] = {}


def use(folders: Folders) -> None:
    """Hand in the folders of this process."""
    _use(current_settings(), folders)


def __getattr__(name: str) -> Any:
    """Places that other engines keep in variables, read now, so that options and packs' changes count."""
    match name:
        case "folder_names_and_paths":
            return current_folders().live_kinds
        case "base_path":
            return str(current_folders().base)
        case "models_dir":
            return str(current_folders().base / "models")
        case "input_directory" | "output_directory" | "temp_directory" | "user_directory":
            return str(current_folders().root(name.removesuffix("_directory")))
    raise AttributeError(f"module 'folder_paths' has no attribute {name!r}")


# Places


def get_output_directory() -> str:
    return str(current_folders().output)


def get_input_directory() -> str:
    return str(current_folders().input)


def get_temp_directory() -> str:
    return str(current_folders().temp)


def get_user_directory() -> str:
    return str(current_folders().user)


def set_output_directory(output_dir: str) -> None:
    current_folders().redirect("output", Path(output_dir))


def set_input_directory(input_dir: str) -> None:
    current_folders().redirect("input", Path(input_dir))


def set_temp_directory(temp_dir: str) -> None:
    current_folders().redirect("temp", Path(temp_dir))


def set_user_directory(user_dir: str) -> None:
    current_folders().redirect("user", Path(user_dir))


def get_directory_by_type(type_name: str) -> str | None:
    """The folder that `input`, `output` or `temp` stands for; None for any other word."""
    return str(current_folders().root(type_name)) if type_name in ("input", "output", "temp") else None


get_directory = get_directory_by_type


def get_system_user_directory(name: str = "system") -> str:
    """A folder for a pack's own settings, out of reach of the HTTP interface.

    Raises: ValueError, for a name that could lead elsewhere.
    """
    if not name or not all(letter.isalnum() or letter in "_-" for letter in name) or name.startswith("_"):
        raise ValueError(f"{name!r} cannot be a system user: use letters, digits, - and _, and begin with a letter")
    return os.path.join(get_user_directory(), SYSTEM_USER_PREFIX + name)


def get_public_user_directory(user_id: str) -> str | None:
    """The folder of a person's files; None for a name of the system's own or one that could lead elsewhere."""
    if not user_id or user_id.startswith(SYSTEM_USER_PREFIX):
        return None
    try:
        return str(current_folders().resolve("user", "", user_id))
    except FileProblem:
        return None


# Models


def map_legacy(folder_name: str) -> str:
    """The kind that an older name means."""
    return {"unet": "diffusion_models", "clip": "text_encoders"}.get(folder_name, folder_name)


def add_model_folder_path(folder_name: str, full_folder_path: str, is_default: bool = False) -> None:
    """Look for files of a kind, an own one too, in one more folder: first of all, or last."""
    kind, path = map_legacy(folder_name), str(full_folder_path)
    kinds = current_folders().live_kinds
    if kind not in kinds:
        kinds[kind] = ([path], set())
        return
    paths = kinds[kind][0]
    if path in paths and is_default:
        paths.remove(path)
    if path not in paths:
        paths.insert(0 if is_default else len(paths), path)


def get_folder_paths(folder_name: str) -> list[str]:
    """The folders of a kind. Raises: KeyError, for an unknown one."""
    return current_folders().live_kinds[map_legacy(folder_name)][0][:]


def get_filename_list(folder_name: str) -> list[str]:
    """The names of a kind's files. Raises: KeyError, for an unknown one."""
    current_folders().live_kinds[map_legacy(folder_name)]
    return current_folders().list_files(map_legacy(folder_name))


def get_filename_list_(folder_name: str) -> tuple[list[str], dict[str, float], float]:
    """The names, when each folder changed last, and the time of the walk."""
    times = {path: os.path.getmtime(path) for path in get_folder_paths(folder_name) if os.path.isdir(path)}
    return get_filename_list(folder_name), times, time.perf_counter()


def cached_filename_list_(folder_name: str) -> None:
    """Nothing to answer from: lists are kept, and looked after, one floor below."""


def get_full_path(folder_name: str, filename: str) -> str | None:
    """The path of a kind's file, also one that its lists do not show; None if there is none.

    A name cannot lead out of the kind's folders.
    """
    kinds, kind = current_folders().live_kinds, map_legacy(folder_name)
    if kind not in kinds:
        return None
    relative = os.path.relpath(os.path.join("/", str(filename)), "/")
    for place in kinds[kind][0]:
        path = os.path.join(place, relative)
        if os.path.isfile(path) or ("folder" in kinds[kind][1] and os.path.isdir(path)):
            return path
    return None


def get_full_path_or_raise(folder_name: str, filename: str) -> str:
    """The path of a kind's file. Raises: FileNotFoundError."""
    path = get_full_path(folder_name, filename)
    if path is None:
        places = current_folders().live_kinds.get(map_legacy(folder_name), ([], set()))[0]
        raise FileNotFoundError(
            f"{folder_name}: no file {filename!r} in {', '.join(places) or 'any folder, for the kind is unknown'}; "
            "choose one that exists or put the file there"
        )
    return path


def get_input_subfolders() -> list[str]:
    """The folders below the input folder, with forward slashes, in alphabetical order."""
    root = current_folders().input
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_dir())


def recursive_search(directory: str, excluded_dir_names: list[str] | None = None) -> tuple[list[str], dict[str, float]]:
    """Every file below a folder by its relative name, and when each folder there changed last."""
    if not os.path.isdir(directory):
        return [], {}
    found, times = [], {}
    for folder, folders, files in os.walk(directory, followlinks=True):
        folders[:] = [each for each in folders if each not in (excluded_dir_names or ())]
        times[folder] = os.path.getmtime(folder)
        found += [os.path.relpath(os.path.join(folder, each), directory) for each in files]
    return found, times


def filter_files_extensions(files: Iterable[str], extensions: Iterable[str]) -> list[str]:
    """The files with one of these endings, in alphabetical order; all of them for no ending."""
    wanted = set(extensions)
    return sorted(each for each in files if not wanted or os.path.splitext(each)[-1].lower() in wanted)


def filter_files_content_types(files: Iterable[str], content_types: Iterable[str]) -> list[str]:
    """The files whose ending says "image", "video", "audio" or "model"."""
    wanted, chosen = set(content_types), []
    for each in files:
        ending = each.rpartition(".")[2].lower()
        kind = extension_mimetypes_cache.get(ending) or (mimetypes.guess_type(each, strict=False)[0] or "")
        if kind.partition("/")[0] in wanted:
            chosen.append(each)
    return chosen


# People's files


def annotated_filepath(name: str) -> tuple[str, str | None]:
    """The name without its place suffix, and the folder that the suffix stands for, if there is one."""
    filename, root = split_annotation(name)
    return (filename, str(current_folders().root(root))) if filename != name else (name, None)


def get_annotated_filepath(name: str, default_dir: str | None = None) -> str:
    """The path that a name such as `a.png [output]` means; without a suffix in `default_dir`, else in the input folder.

    A whole path is meant as it is: packs have nodes that take one. Those of the house do not come by here.
    Raises: FileProblem, for a name that leads out of its folder.
    """
    filename, place = annotated_filepath(name)
    if place is None and (default_dir is not None or os.path.isabs(filename)):
        return os.path.join(default_dir or "", filename)
    try:
        return str(current_folders().annotated(name))
    except FileProblem:
        _, root = split_annotation(name)
        return str(current_folders().resolve(root, "", filename))  # not there yet: whoever asks may be about to write


def exists_annotated_filepath(name: str) -> bool:
    """Whether the file that a name means is there."""
    try:
        return os.path.isfile(get_annotated_filepath(name))
    except FileProblem:
        return False


def get_save_image_path(
    filename_prefix: str, output_dir: str, image_width: int = 0, image_height: int = 0
) -> tuple[str, str, int, str, str]:
    """Where a picture goes: folder (made if need be), beginning of its name, number, subfolder, the prefix filled in.

    Raises: FileProblem, if the prefix leads out of `output_dir`.
    """
    folders = current_folders()
    root = next((each for each in ("temp", "input") if Path(output_dir) == folders.root(each)), "output")
    if Path(output_dir) != folders.root(root):
        folders = replace(folders, output=Path(output_dir))
    name = plan_name(folders, root, filename_prefix, width=image_width, height=image_height, now=datetime.now())
    os.makedirs(name.folder, exist_ok=True)
    shown = f"{name.subfolder}/{name.stem}" if name.subfolder else name.stem
    return str(name.folder), name.stem, name.next_number(), name.subfolder, shown
