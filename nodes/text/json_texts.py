"""Texts in JSON: read, and written from lists and dictionaries."""

from __future__ import annotations

import json
from typing import Annotated, Any

from heddle.graph.context import Context
from heddle.graph.declare import Number, Text, Wire, node
from heddle.graph.said import say
from heddle.texts.showing import as_json
from nodes.text.changing import CATEGORY, ONE_LINE

Indent = Annotated[
    int, Number(default=2, low=0, high=8, tip="Blanks by which each level is moved in; 0 writes it all in one line.")
]


@node("JsonExtractString", category=CATEGORY, name="Extract Text from JSON", search=("parse", "key", "field"))
def extract(
    json_string: Annotated[str, Text(multiline=True, tip="An object in JSON, such as a language model writes.")],
    key: Annotated[str, Text(tip="The name of the value that is wanted."), ONE_LINE],
    ctx: Context,
) -> str:
    """Take one value out of an object in JSON, by its name. Where there is none, the text is empty."""
    try:
        value = json.loads(json_string)
    except (ValueError, RecursionError) as problem:
        ctx.note(say("the text is no JSON, so nothing is taken from it: {why}", why=str(problem)))
        return ""
    if not isinstance(value, dict) or key not in value:
        ctx.note(say("the JSON has no value of the name {key}", key=repr(key)))
        return ""
    return "" if value[key] is None else str(value[key])


@node("ConvertArrayToString", category=CATEGORY, name="Convert Array to String", search=("json", "list"))
def write_array(array: Annotated[Any, Wire("ARRAY", tip="A list of values.")], indent: Indent) -> str:
    """Write a list as JSON."""
    return as_json(array, indent)


@node("ConvertDictionaryToString", category=CATEGORY, name="Convert Dictionary to String", search=("json", "dict"))
def write_dictionary(dictionary: Annotated[Any, Wire("DICT", tip="Values by their names.")], indent: Indent) -> str:
    """Write a dictionary as JSON."""
    return as_json(dictionary, indent)
