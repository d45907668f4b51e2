"""The text of settings that A1111's web UI puts into its pictures (`parameters`), read and written.

    a cat, <lora:fur:0.8>
    Negative prompt: blurry
    Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 512x768, Model: some_model

The prompt and the negative prompt may have many lines. The last line holds the settings; a value with a comma or colon
stands in quotes, as JSON writes a text, or is JSON itself.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

NEGATIVE = "Negative prompt:"

_NAME = re.compile(r"\s*(\w[\w \-/]+):\s*")
_QUOTED = re.compile(r'"(?:\\.|[^\\"])*"')
_SIZE = re.compile(r"(\d+)x(\d+)")
_ESCAPED = re.compile(r"\\.", re.DOTALL)
_EMPHASIS = re.compile(r"[(\[]\s*[^\s()\[\]]")
_FEWEST = 3  # settings that a last line must have; a line of the prompt may have a colon or two
_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:-(\d+))?")


@dataclass(frozen=True)
class Infotext:
    """The text taken apart. `settings` are as they were written, in their order, quotes undone; sizes as `WxH`."""

    prompt: str = ""
    negative: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)


def read_infotext(text: str) -> Infotext:
    """Any text is one: what has no line of settings is a prompt alone."""
    lines = text.strip().split("\n")
    settings = _read_settings(lines[-1])
    if len(settings) < _FEWEST:
        settings = {}
    else:
        lines.pop()
    parts: tuple[list[str], list[str]] = ([], [])
    at = 0
    for line in map(str.strip, lines):
        if line.startswith(NEGATIVE):
            at, line = 1, line[len(NEGATIVE) :].strip()
        parts[at].append(line)
    prompt, negative = ("\n".join(part).strip("\n") for part in parts)
    return Infotext(prompt, negative, settings)


def write_infotext(infotext: Infotext) -> str:
    """The text that `read_infotext` reads, and A1111's programs do."""
    settings = ", ".join(f"{name}: {quoted(value)}" for name, value in infotext.settings.items())
    negative = f"{NEGATIVE} {infotext.negative}" if infotext.negative else ""
    return "\n".join(part for part in (infotext.prompt, negative, settings) if part)


def quoted(value: str) -> str:
    """A value as it is written among others: in quotes where it would be taken apart."""
    is_plain = not any(sign in value for sign in ",\n:") and value == value.strip() and value[:1] not in ('"', "[", "{")
    return value if is_plain and value else json.dumps(value, ensure_ascii=False)


def unquoted(value: str) -> str:
    """The value that was written so."""
    if len(value) >= 2 and value[0] == value[-1] == '"':
        try:
            return str(json.loads(value, strict=False))
        except (ValueError, RecursionError):  # of a program that quotes otherwise
            return value
    return value


def fields_of(infotext: Infotext) -> dict[str, Any]:
    """What A1111's web UI fills its fields with, when it is given the text: the settings, and what goes without saying.

    A size stands as `NAME-1` and `NAME-2`. What older versions did without saying so is said.
    """
    found: dict[str, Any] = {}
    for name, value in infotext.settings.items():
        if size := _SIZE.fullmatch(value):
            found[f"{name}-1"], found[f"{name}-2"] = size.groups()
        else:
            found[name] = value
    found["Prompt"], found["Negative prompt"] = infotext.prompt, infotext.negative
    found.setdefault("Clip skip", "1")
    if name := found.get("Hypernet"):  # older versions had it apart from the prompt
        found["Prompt"] += f"<hypernet:{name}:{found.get('Hypernet strength', '1.0')}>"
    for place in ("Hires resize-1", "Hires resize-2"):
        found.setdefault(place, 0)
    _put_first_pass(found)
    if "Emphasis" not in found and (_has_emphasis(infotext.prompt) or _has_emphasis(infotext.negative)):
        found["Emphasis"] = "Original"
    found = {**_UNSAID, **found}
    return found | _said_by_version(found)


#: What holds where a text does not say otherwise.
_UNSAID: Mapping[str, Any] = {
    "Hires sampler": "Use same sampler",
    "Hires schedule type": "Use same scheduler",
    "Hires checkpoint": "Use same checkpoint",
    "Hires prompt": "",
    "Hires negative prompt": "",
    "Mask mode": "Inpaint masked",
    "Masked content": "original",
    "Inpaint area": "Whole picture",
    "Masked area padding": 32,
    "RNG": "GPU",
    "Schedule type": "Automatic",
    "Schedule max sigma": 0,
    "Schedule min sigma": 0,
    "Schedule rho": 0,
    "VAE Encoder": "Full",
    "VAE Decoder": "Full",
    "FP8 weight": "Disable",
    "Refiner switch by sampling steps": False,
}


def version_of(infotext: Infotext) -> tuple[int, int, int, int] | None:
    """The version of the program that wrote the text, with the number of later changes; None if it does not say."""
    match = _VERSION.match(infotext.settings.get("Version", ""))
    return None if match is None else (int(match[1]), int(match[2]), int(match[3]), int(match[4] or 0))


def _said_by_version(found: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that stand for what versions before them did."""
    version = version_of(Infotext(settings={"Version": str(found.get("Version", ""))}))
    if version is None:
        return {}
    said: dict[str, Any] = {}
    if version < (1, 6, 0, 0):
        if "[" in found["Prompt"]:
            said["Old prompt editing timelines"] = True
        if found.get("Sampler") in ("DDIM", "PLMS"):
            said["Pad conds v0"] = True
    if version < (1, 7, 0, 225):
        said["Downcast alphas_cumprod"] = True
    if version < (1, 8, 0, 0) and found.get("Refiner"):
        said["Refiner switch by sampling steps"] = True
    return said


def _put_first_pass(found: dict[str, Any]) -> None:
    """Of the oldest texts, where `Size` was that of the end: the size of the first pass takes its place."""
    try:
        first = [int(found[f"First pass size-{place}"]) for place in (1, 2)]
        size = [int(found[f"Size-{place}"]) for place in (1, 2)]
    except (KeyError, ValueError):
        return
    if not all(first):  # it was chosen by the program: as many pixels as 512 x 512, in steps of 64
        scale = math.sqrt(512 * 512 / max(1, size[0] * size[1]))
        first = [math.ceil(scale * side / 64) * 64 for side in size]
    for place in (1, 2):
        found[f"Size-{place}"], found[f"Hires resize-{place}"] = first[place - 1], size[place - 1]


def _read_settings(line: str) -> dict[str, str]:
    """`NAME: VALUE` with commas between; what is no setting is passed over up to the next comma."""
    found: dict[str, str] = {}
    decoder = json.JSONDecoder()
    at = 0
    while at < len(line):
        match = _NAME.match(line, at)
        if match is None:
            comma = line.find(",", at)
            at = len(line) if comma < 0 else comma + 1
            continue
        value, at = _value_at(line, match.end(), decoder)
        found[match[1].rstrip()] = value
        comma = line.find(",", at)
        at = len(line) if comma < 0 else comma + 1
    return found


def _value_at(line: str, at: int, decoder: json.JSONDecoder) -> tuple[str, int]:
    """A value and where it ends."""
    if line.startswith(("[", "{"), at):
        try:
            _, end = decoder.raw_decode(line, at)
            if end == len(line) or line[end:].lstrip().startswith(","):
                return line[at:end], end
        except (ValueError, RecursionError):
            pass
    elif (match := _QUOTED.match(line, at)) and (match.end() == len(line) or line[match.end() :].lstrip()[:1] == ","):
        return unquoted(match[0]), match.end()
    comma = line.find(",", at)
    end = len(line) if comma < 0 else comma
    return line[at:end].strip(), end


def _has_emphasis(text: str) -> bool:
    """Whether something in a prompt stands in brackets, which change its weight. `\\(` is a mere bracket."""
    return _EMPHASIS.search(_ESCAPED.sub("", text)) is not None
