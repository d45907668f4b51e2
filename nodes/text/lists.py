"""Lists of texts, as captions of a training set are: each changed in the same way."""

from __future__ import annotations

from typing import Annotated, Any

from heddle.graph.declare import Number, Text, Wire, node
from nodes.text.changing import CATEGORY, ONE_LINE

Texts = Annotated[str, Text(tip="The text, or a list of them, each of which is changed."), ONE_LINE]
Changed = Annotated[str, Wire("STRING")]


@node(
    "TextToLowercase", category=CATEGORY, name="Convert Text to Lowercase (DEPRECATED)", outputs=("texts",),
    deprecated=True, experimental=True,
)  # fmt: skip
def lower(texts: Texts) -> Changed:
    """Write texts in small letters. Convert Text Case does the same."""
    return texts.lower()


@node(
    "TextToUppercase", category=CATEGORY, name="Convert Text to Uppercase (DEPRECATED)", outputs=("texts",),
    deprecated=True, experimental=True,
)  # fmt: skip
def upper(texts: Texts) -> Changed:
    """Write texts in large letters. Convert Text Case does the same."""
    return texts.upper()


@node("TruncateText", category=CATEGORY, name="Truncate Text", outputs=("texts",), experimental=True, search=("cut",))
def truncate(
    texts: Texts,
    max_length: Annotated[int, Number(low=1, high=10000, tip="How many letters are left at most.")] = 77,
) -> Changed:
    """Cut texts off behind so many letters."""
    return texts[:max_length]


@node(
    "AddTextPrefix",
    category=CATEGORY,
    name="Add Text Prefix (DEPRECATED)",
    outputs=("texts",),
    deprecated=True,
    experimental=True,
)
def add_prefix(
    texts: Texts, prefix: Annotated[str, Text(tip="What comes before each text."), ONE_LINE] = ""
) -> Changed:
    """Put something before texts. Concatenate Text does the same."""
    return prefix + texts


@node(
    "AddTextSuffix",
    category=CATEGORY,
    name="Add Text Suffix (DEPRECATED)",
    outputs=("texts",),
    deprecated=True,
    experimental=True,
)
def add_suffix(
    texts: Texts, suffix: Annotated[str, Text(tip="What comes behind each text."), ONE_LINE] = ""
) -> Changed:
    """Put something behind texts. Concatenate Text does the same."""
    return texts + suffix


@node(
    "ReplaceText",
    category=CATEGORY,
    name="Replace Text (DEPRECATED)",
    outputs=("texts",),
    deprecated=True,
    experimental=True,
)
def replace(
    texts: Texts,
    find: Annotated[str, Text(tip="What is replaced, everywhere; nothing changes nothing."), ONE_LINE] = "",
    replace: Annotated[str, Text(tip="What comes in its place."), ONE_LINE] = "",
) -> Changed:
    """Replace some words in texts. The node Replace Text without this mark does the same."""
    return texts.replace(find, replace) if find else texts


@node(
    "StripWhitespace",
    category=CATEGORY,
    name="Strip Whitespace (DEPRECATED)",
    outputs=("texts",),
    deprecated=True,
    experimental=True,
)
def strip(texts: Texts) -> Changed:
    """Take away blanks and line breaks at the ends of texts. Trim Text does the same."""
    return texts.strip()


@node(
    "MergeTextLists", category=CATEGORY, name="Merge Text Lists (DEPRECATED)", outputs=("texts",), takes_lists=True,
    deprecated=True, experimental=True,
)  # fmt: skip
def merge(
    texts: Annotated[Any, Wire("STRING"), Text(tip="Texts, from one list or several."), ONE_LINE],
) -> Annotated[Any, Wire("STRING", many=True)]:
    """Put lists of texts together into one. Create List does the same for values of any kind."""
    return (list(texts),)
