"""What a JavaScript module imports by name, read without running it."""

from __future__ import annotations

import re

# What stands first at a place is taken whole, so that an import inside a comment or a text is none. A quote inside a
# regular expression may hide an import behind it: what is found serves to fetch ahead, and nothing depends on it.
_PARTS = re.compile(
    r"""
      /\*.*?(?:\*/|\Z)
    | //[^\n]*
    | ^[ \t]*(?:import\s*|(?:import|export)\b[^'"`;=()]*?\bfrom\s*)(?P<quote>["'])(?P<name>[^"'\n]+)(?P=quote)
    | "(?:[^"\\\n]|\\.)*"
    | '(?:[^'\\\n]|\\.)*'
    | `(?:[^`\\]|\\.)*`
    """,
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)


def static_imports(source: str) -> tuple[str, ...]:
    """The names after `from` and `import`, in order, each once. What `import(...)` fetches later is not among them."""
    return tuple(dict.fromkeys(match["name"] for match in _PARTS.finditer(source) if match["name"]))
