"""More model folders, named by files in the form of `extra_model_paths.yaml`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from heddle.graph.errors import SettingsError
from heddle.settings.kinds import A1111_FOLDERS, KIND_NAMES, KINDS


def read_extra_paths(config: Path) -> Iterator[tuple[str, list[Path], bool]]:
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
