"""OpenEXR: texts are attributes of the picture's header.

Source: the OpenEXR file layout, https://openexr.com/en/latest/OpenEXRFileLayout.html.
"""

from __future__ import annotations

from collections.abc import Iterator

from heddle.graph.said import say
from heddle.media.carriers.spans import Damage, Span, Texts
from heddle.media.carriers.texts import decode

SIGNATURE = b"\x76\x2f\x31\x01"

_MOST_NAME_BYTES = 255


def read_exr(file: Span) -> Texts:
    """Raises: Damage."""
    for name, kind, value in attributes(file):
        if kind == "string":
            yield name, decode(value.read())


def attributes(file: Span) -> Iterator[tuple[str, str, Span]]:
    """Name, kind and value of each attribute of the first part. The last value ends a byte before the header does.

    Raises: Damage.
    """
    at = 8  # behind the signature and the version
    while True:
        name, at = _name(file, at)
        if not name:
            return
        kind, at = _name(file, at)
        length = file.number(at, 4, "little")
        yield name, kind, file.part(at + 4, length)
        at += 4 + length


def _name(file: Span, at: int) -> tuple[str, int]:
    """A text up to its zero, and the place behind that."""
    found, ends, _ = file.read(at, min(_MOST_NAME_BYTES + 1, max(1, file.size - at))).partition(b"\0")
    if not ends:
        raise Damage(say("it is damaged or cut off"))
    return found.decode("utf-8", "replace"), at + len(found) + 1
