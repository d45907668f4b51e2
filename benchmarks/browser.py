"""Chromium: where it is, and how it is started here, without a display and without a graphics card."""

from __future__ import annotations

import os
import shutil

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
NO_CHROMIUM = (
    "no Chromium: CHROME_PATH names none that is there, or it is not set and the path has none of "
    f"{', '.join(CHROMIUM_NAMES)}; install it (on Debian `apt install chromium`) or set CHROME_PATH"
)


def find_chromium() -> str | None:
    """The browser's executable: what CHROME_PATH names, or without it the first on the path."""
    if chosen := os.environ.get("CHROME_PATH"):
        return shutil.which(chosen)
    return next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


def chromium_arguments() -> list[str]:
    """Everything is drawn by the processor, so that machines with and without a graphics card do the same."""
    arguments = ["--disable-gpu", "--disable-dev-shm-usage", "--force-device-scale-factor=1"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium's sandbox refuses to be started by root
    return arguments
