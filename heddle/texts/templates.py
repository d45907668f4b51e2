"""Templates such as `{a}, {b:.2f}`: Python's format texts, without what reaches into the program."""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Formatter
from typing import Any

from heddle.graph.errors import GraphError
from heddle.graph.said import say

#: The largest width or precision that a template may ask for: more would only fill the memory.
WIDEST = 10_000


def fill_template(template: str, values: Mapping[str, Any]) -> str:
    """The template with the values put in, as `str.format` does.

    Names with a leading underscore behind a dot, and widths over WIDEST, are refused.
    Raises: GraphError, which says what is wrong and which names there are.
    """
    try:
        return _Templates().vformat(template, (), values)
    except GraphError:
        raise
    except KeyError as missing:
        names = ", ".join(f"{{{name}}}" for name in values) or say("none, as nothing is linked")
        words = "the template names {name}, which is not linked; there are: {names}"
        said = say(words, name=str(missing), names=names)
        raise GraphError(said, input_name="f_string", found=template) from missing
    except Exception as problem:  # what a value's own formatting raises: an unknown code, a missing attribute
        words = "the template cannot be filled in: {why}; braces that stand for themselves are written twice, {{{{ }}}}"
        said = say(words, why=str(problem) or type(problem).__name__)
        raise GraphError(said, input_name="f_string", found=template) from problem


class _Templates(Formatter):
    def get_field(self, field_name: str, args: Any, kwargs: Any) -> Any:
        if re.search(r"\._|\[_", field_name):
            words = "the template asks for {name}: names with a leading underscore are not read"
            raise GraphError(say(words, name=field_name), input_name="f_string", found=field_name)
        return super().get_field(field_name, args, kwargs)

    def format_field(self, value: Any, format_spec: str) -> Any:
        if any(len(digits) > 9 or int(digits) > WIDEST for digits in re.findall(r"\d+", format_spec)):
            words = "the template asks for a width of {spec}; {most} letters are the most"
            said = say(words, spec=format_spec, most=WIDEST)
            raise GraphError(said, input_name="f_string", found=format_spec)
        return super().format_field(value, format_spec)
