"""Matroska and WebM: texts in the SimpleTag elements of the segment's Tags.

Sources: RFC 8794 (EBML: ids and sizes), RFC 9559 (Matroska: the elements named here).
"""

from __future__ import annotations

from collections.abc import Iterator

from heddle.graph.said import say
from heddle.media.carriers.spans import Damage, Span, Texts
from heddle.media.carriers.texts import decode

_SEGMENT, _CLUSTER, _TAGS, _TAG = 0x18538067, 0x1F43B675, 0x1254C367, 0x7373
_SIMPLE_TAG, _TAG_NAME, _TAG_STRING = 0x67C8, 0x45A3, 0x4487

_MAX_NESTING = 8  # of SimpleTags in each other; published files have two


def read_matroska(file: Span) -> Texts:
    """Raises: Damage."""
    for id, segment in _elements(file):
        if id == _SEGMENT:
            for inner_id, element in _elements(segment):
                if inner_id == _TAGS:
                    for tag in _children(element, _TAG):
                        yield from _simple_tags(tag, _MAX_NESTING)


def _elements(span: Span) -> Iterator[tuple[int, Span]]:
    """(id, content) of the elements that follow each other. Raises: Damage."""
    at = 0
    while at < span.size:
        head = span.read(at, min(12, span.size - at))
        id_length = _length_of(head, 4)
        id = int.from_bytes(head[:id_length], "big")
        size_length = _length_of(head[id_length:], 8)
        start = at + id_length + size_length
        ones = (1 << 7 * size_length) - 1  # the bits left for the size; all set, it is not known
        size = int.from_bytes(head[id_length : id_length + size_length], "big") & ones
        if size == ones:
            if id == _CLUSTER:  # as browsers record: what is in it is skipped one by one, as if it lay beside it
                at = start
                continue
            size = span.size - start
        if id == _SEGMENT:  # of a file that is cut off, the part that is there
            size = min(size, span.size - start)
        yield id, span.part(start, size)
        at = start + size


def _length_of(head: bytes, longest: int) -> int:
    """How many bytes a number takes: one more than the zero bits it starts with. Raises: Damage."""
    length = 9 - head[0].bit_length() if head else 0
    if not 0 < length <= min(longest, len(head)):
        raise Damage(say("an element whose id or size cannot be"))
    return length


def _children(span: Span, wanted: int) -> Iterator[Span]:
    return (element for id, element in _elements(span) if id == wanted)


def _simple_tags(span: Span, nesting: int) -> Texts:
    for tag in _children(span, _SIMPLE_TAG):
        parts = dict(_elements(tag))
        if _TAG_NAME in parts and _TAG_STRING in parts:
            name = decode(parts[_TAG_NAME].read()).rstrip("\0").lower()  # writers put names into capitals
            text = decode(parts[_TAG_STRING].read()).rstrip("\0")  # padding is allowed
            yield name, text
        if nesting > 1 and _SIMPLE_TAG in parts:
            yield from _simple_tags(tag, nesting - 1)
