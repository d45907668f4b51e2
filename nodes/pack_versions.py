"""Which version of a pack is here: what its pyproject.toml says, else the commit that its folder stands at."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from nodes.door import LOADED_MODULE_DIRS
from nodes.packs import PACKAGE

_COMMIT = re.compile(r"[0-9a-f]{40,64}")
UNKNOWN = "unknown"


class PackVersions:
    """Versions by pack, each read once."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def of_module(self, module: str) -> tuple[str, str] | None:
        """(pack, version) of the pack that a node's module belongs to; None for a built-in node's."""
        if not module.startswith(f"{PACKAGE}."):
            return None
        rest = module.removeprefix(f"{PACKAGE}.")
        # A pack's name may have dots itself.
        name = next((each for each in LOADED_MODULE_DIRS if rest == each or rest.startswith(f"{each}.")), None)
        if name is None:
            return rest.partition(".")[0], UNKNOWN
        if name not in self._known:
            self._known[name] = version_of(Path(LOADED_MODULE_DIRS[name]))
        return name, self._known[name]


def version_of(folder: Path) -> str:
    """The version of the pack in a folder, as a number or the first digits of a commit; UNKNOWN if nothing says it."""
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
        if isinstance(found := project.get("version"), str) and found:
            return found
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, AttributeError):
        pass  # of other tools, or none: the commit says it as well
    return _commit_of(folder / ".git") or UNKNOWN


def _commit_of(git: Path) -> str | None:
    try:
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        if head.startswith("ref: "):
            branch = head.removeprefix("ref: ")
            if (loose := git / branch).is_file():
                head = loose.read_text(encoding="utf-8").strip()
            else:
                packed = (git / "packed-refs").read_text(encoding="utf-8").splitlines()
                head = next((line.split()[0] for line in packed if line.endswith(f" {branch}")), "")
    except (OSError, UnicodeDecodeError):
        return None
    return head[:12] if _COMMIT.fullmatch(head) else None
