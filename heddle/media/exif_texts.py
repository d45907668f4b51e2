"""Texts in EXIF data, where pictures have no text chunks: JPEG, WebP, AVIF; and the directories that TIFF has too.

Pillow would write the comment under a type of its own choice, which other programs do not read.

Source: TIFF 6.0, section 2; Exif 3.0, 4.6.3 and 4.6.6 (UserComment).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Literal

ByteOrder = Literal["<", ">"]
Tags = dict[int, tuple[int, int, bytes]]
"""Tag -> its type, how many values, and these as they are stored."""

#: Tags that carry what remakes a picture, as readers of this ecosystem look for it: the model of the camera, and from
#: its maker downwards.
PROMPT_TAG, FIRST_OTHER_TAG = 0x0110, 0x010F
ASCII, LONG, UNDEFINED = 2, 4, 7

_PREFIX = b"Exif\0\0"
_EXIF_DIRECTORY, _USER_COMMENT = 0x8769, 0x9286
_JPEG_BYTES = 0xFFFF - 2  # of EXIF data in the one segment of a JPEG that readers look at


def exif_of(texts: Mapping[str, str]) -> bytes:
    """EXIF data with each text under its key; A1111's `parameters` as the comment, where its programs look."""
    tags: Tags = {}
    beginning = 8
    inner = b""
    others = 0
    for key, text in texts.items():
        if key == "parameters":  # eight bytes that name the letters, then UTF-16 in the order of the whole
            comment = b"UNICODE\0" + text.encode("utf-16-be", "replace")
            inner = directory({_USER_COMMENT: (UNDEFINED, len(comment), comment)}, beginning, ">")
            tags[_EXIF_DIRECTORY] = (LONG, 1, struct.pack(">I", beginning))
        else:
            tags[PROMPT_TAG if key == "prompt" else FIRST_OTHER_TAG - others] = text_tag(f"{key}:{text}")
            others += key != "prompt"
    start = beginning + len(inner)
    return b"".join((_PREFIX, b"MM\0*", struct.pack(">I", start), inner, directory(tags, start, ">")))


def fitting_jpeg(texts: Mapping[str, str]) -> dict[str, str]:
    """As many of the texts as a JPEG holds, 64 KB of EXIF data; the longest of them are left out."""
    kept = dict(texts)
    while kept and len(exif_of(kept)) > _JPEG_BYTES:
        del kept[max(kept, key=lambda key: len(kept[key]))]
    return kept


def text_tag(text: str) -> tuple[int, int, bytes]:
    data = text.encode("utf-8", "replace") + b"\0"
    return ASCII, len(data), data


def directory(tags: Tags, at: int, order: ByteOrder) -> bytes:
    """The tags in their order, and behind them what does not fit into four bytes; an even number of bytes.

    Args:
        at: where it begins, counted from the mark of the byte order.
    """
    head = [struct.pack(f"{order}H", len(tags))]
    values: list[bytes] = []
    behind = at + 2 + 12 * len(tags) + 4
    for tag, (kind, count, data) in sorted(tags.items()):
        place = data.ljust(4, b"\0")
        if len(data) > 4:
            place = struct.pack(f"{order}I", behind)
            values.append(data + b"\0" * (len(data) % 2))
            behind += len(values[-1])
        head.append(struct.pack(f"{order}HHI", tag, kind, count) + place)
    return b"".join((*head, bytes(4), *values))
