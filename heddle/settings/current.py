"""The settings and folders of this process, for packs, which ask a module and not whoever runs them.

`main.py` hands them in once. Rooms of the house are given what they need and do not look here.
"""

from __future__ import annotations

from heddle.settings.folders import Folders
from heddle.settings.options import Settings

_settings: Settings | None = None
_folders: Folders | None = None


def use(settings: Settings, folders: Folders) -> None:
    """Hand in what this process works with."""
    global _settings, _folders
    _settings, _folders = settings, folders


def current_settings() -> Settings:
    """What was asked for on the command line; the defaults in a process that has none, such as a notebook."""
    global _settings
    if _settings is None:
        _settings = Settings()
    return _settings


def current_folders() -> Folders:
    """Where everything lies; by the defaults, if nobody handed it in."""
    global _folders
    if _folders is None:
        _folders = Folders.from_settings(current_settings())
    return _folders
