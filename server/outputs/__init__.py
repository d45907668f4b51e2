"""What lies in the folders of results: an index of it, small pictures, headers, and a place for what was deleted."""

from server.outputs.gallery import Gallery
from server.outputs.index import Cursor, Entry, OutputIndex, Page, Wish
from server.outputs.kinds import KINDS, PLACES, SHOWN, kind_of
from server.outputs.thumbnails import Thumbnails, key_of

__all__ = [
    "KINDS",
    "PLACES",
    "SHOWN",
    "Cursor",
    "Entry",
    "Gallery",
    "OutputIndex",
    "Page",
    "Thumbnails",
    "Wish",
    "key_of",
    "kind_of",
]
