"""What the words of the command line stand for. All raise a SettingsError that says what to write instead."""

from __future__ import annotations

import argparse
import difflib
import importlib.util
import math
import os
import re
import sys
from collections.abc import Collection
from pathlib import Path
from typing import TypeVar

from heddle.graph.errors import SettingsError
from heddle.settings.options import (
    ATTENTION,
    ATTENTION_FLAGS,
    CACHE_BYTES,
    DISK_CACHE_BYTES,
    LEVELS,
    MOST_WORKERS,
    UPLOAD_BYTES,
)

Number = TypeVar("Number", int, float)


def attention_kernel(option: str | None) -> str:
    """The kernel that an option chooses.

    Raises: SettingsError, if it is one of a package that is not installed: a worker could not start.
    """
    if option is None:
        return ATTENTION
    chosen = ATTENTION_FLAGS[option]
    if chosen.package and importlib.util.find_spec(chosen.module) is None:
        raise SettingsError(
            f"{option}: the package {chosen.package} is not installed; pip install {chosen.package}, or leave the "
            "option out: torch's own attention is fast on most devices"
        )
    return chosen.kernel


def read_change(text: str, names: Collection[str]) -> tuple[str, str, str]:
    """Split one `NODE.INPUT=VALUE` of --set.

    Args:
        names: the ids and titles of the workflow's nodes. They decide where NODE ends, since a title may hold dots
            and equal signs of its own; the longest that fits is taken.
    Returns: name, input, value (the text as it stands).
    Raises: SettingsError, if no name fits.
    """
    fitting = [name for name in names if text.startswith(name + ".")]
    for name in sorted(fitting, key=len, reverse=True):
        input_name, equals, value = text[len(name) + 1 :].partition("=")
        if equals and input_name:
            return name, input_name, value
    asked = text.partition("=")[0]
    similar = difflib.get_close_matches(asked.rpartition(".")[0], sorted(names), n=3)
    hint = f"; similar: {', '.join(similar)}" if similar else ""
    raise SettingsError(f"--set {asked}: the workflow has no node of that id or title{hint}. Write NODE.INPUT=VALUE")


def parse_size(text: str) -> int:
    """Bytes of a size such as `512M`, `2GB`, `1.5 GiB` or `0`. K, M, G and T are powers of 1024 here."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(?:([kmgt])(?:i?b)?|b)?\s*", text, re.IGNORECASE)
    if match is None:
        raise SettingsError(f"{text!r} is no size; write for example 512MB, 2GB or 0")
    power = " kmgt".index((match[2] or " ").lower())
    return int(float(match[1]) * 1024**power)


def cache_bytes(found: argparse.Namespace) -> int:
    if found.cache_none:
        return 0
    if found.cache_size is not None:
        return parse_size(found.cache_size)
    return CACHE_BYTES if found.cache_lru is None else sys.maxsize


def cache_results(found: argparse.Namespace) -> int | None:
    return None if not found.cache_lru else at_least(0, found.cache_lru, "--cache-lru")


def headroom_bytes(gigabytes: float | None) -> int | None:
    return None if gigabytes is None else int(at_least(0, gigabytes, "--cache-ram") * 2**30)


def disk_cache_bytes(found: argparse.Namespace) -> int:
    if found.cache_none:
        return 0
    return DISK_CACHE_BYTES if found.disk_cache_size is None else parse_size(found.disk_cache_size)


def preview_px(size: int) -> int:
    if size < 1:
        raise SettingsError(f"--preview-size {size}: 1 pixel or more is wanted; --preview-method none shows none")
    return size


def absolute(text: str) -> Path:
    return Path(os.path.abspath(os.path.expanduser(text)))


def folder_named(text: str | None, option: str) -> Path | None:
    """A folder that need not exist yet: it is made when first written to."""
    if text is None:
        return None
    if not text.strip():
        raise SettingsError(f"{option}: the name of the folder is empty")
    path = absolute(text)
    if path.exists() and not path.is_dir():
        raise SettingsError(f"{option} {path}: that is a file; name a folder")
    return path


def addresses_in(text: str) -> tuple[str, ...]:
    addresses = tuple(part.strip() for part in text.split(",") if part.strip())
    if not addresses:
        raise SettingsError(f"--listen: no address in {text!r}; write for example --listen 127.0.0.1")
    return addresses


def checked_port(port: int) -> int:
    if not 0 <= port <= 65535:
        raise SettingsError(f"--port {port}: a port is a number from 0 to 65535")
    return port


def tls_files(certificate: str | None, key: str | None) -> tuple[Path, Path] | None:
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise SettingsError("--tls-certfile and --tls-keyfile belong together; give both or neither")
    return existing_file(certificate, "--tls-certfile"), existing_file(key, "--tls-keyfile")


def existing_file(text: str, option: str) -> Path:
    path = absolute(text)
    if not path.is_file():
        raise SettingsError(f"{option} {path}: no such file; correct the path or leave the option out")
    return path


def origin_in(text: str | None) -> str | None:
    if text is None or text == "*":
        return text
    match = re.fullmatch(r"(https?://[^/?#\s@]+)/?", text.strip().lower())
    if match is None:
        raise SettingsError(f"--enable-cors-header {text}: write an origin such as http://localhost:3000, or nothing")
    return match[1]


def upload_bytes(megabytes: float | None) -> int:
    if megabytes is None:
        return UPLOAD_BYTES
    if not 0 < megabytes <= 1 << 20:
        raise SettingsError(f"--max-upload-size {megabytes:g}: a number of megabytes above 0 and up to {1 << 20}")
    return int(megabytes * 2**20)


def front_end_in(text: str | None) -> Path | None:
    folder = folder_named(text, "--front-end-root")
    if folder is not None and not (folder / "index.html").is_file():
        raise SettingsError(f"--front-end-root {folder}: there is no index.html in it; name the folder of a built one")
    return folder


def worker_devices(workers: int | None, devices: str | None, *, cpu: bool) -> tuple[str, ...]:
    """The device of each worker; more workers than devices share them in turn."""
    names = tuple(part.strip().lower() for part in (devices or "").split(",") if part.strip())
    for name in names:
        if not re.fullmatch(r"cpu|cuda(:\d+)?|xpu(:\d+)?|mps", name):
            raise SettingsError(f"--devices: {name!r} is no device; write for example cpu or cuda:0,cuda:1")
    if devices is not None and not names:
        raise SettingsError("--devices: no device is named; write for example cpu or cuda:0,cuda:1")
    if cpu and any(name != "cpu" for name in names):
        raise SettingsError(f"--devices {devices} and --cpu exclude each other; leave one of them out")
    names = names or (("cpu",) if cpu else ("",))
    count = len(names) if workers is None else workers
    if not 1 <= count <= MOST_WORKERS:
        raise SettingsError(f"--workers {count}: a number from 1 to {MOST_WORKERS}")
    return tuple(names[i % len(names)] for i in range(count))


def at_least(least: int, value: Number, option: str) -> Number:
    if not least <= value < math.inf:
        raise SettingsError(f"{option} {value}: a number of at least {least}")
    return value


def above_zero(value: float | None, option: str) -> float | None:
    if value is not None and not 0 < value < math.inf:
        raise SettingsError(f"{option} {value:g}: a number above 0; leave the option out for no limit")
    return value


def bytes_of_megabytes(value: float | None, option: str) -> int | None:
    return None if above_zero(value, option) is None or value is None else int(value * 1e6)


def checked_level(text: str) -> str:
    if text.upper() not in LEVELS:
        raise SettingsError(f"--verbose {text}: the levels are {', '.join(LEVELS)}")
    return text.upper()
