"""Whatever a pack declares, its node is read into plain JSON or left out with a word: nothing else happens."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from heddle.graph.classic import spec_of_class
from heddle.graph.errors import GraphError
from heddle.graph.object_info import record_of, spec_of_record


class AnyType(str):
    __hash__ = str.__hash__

    def __ne__(self, other: object) -> bool:
        return False


class NoTruth:
    def __bool__(self) -> bool:
        raise ValueError("neither true nor false")


class Raises(dict[str, Any]):
    def __getitem__(self, name: str) -> Any:
        raise RuntimeError(name)


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.binary(max_size=4)
    | st.sampled_from([print, int, AnyType("*"), object(), Raises(a=1), ..., 1j, range(3), {"a", "b"}, NoTruth()])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=4) | st.integers(), inner, max_size=3)
    ),
    max_leaves=6,
)
ENTRIES = VALUES | st.tuples(st.sampled_from(["INT", "STRING", "IMAGE", ["a"], AnyType("*")]), VALUES)
SECTIONS = VALUES | st.dictionaries(st.text(max_size=4), ENTRIES, max_size=3)
INPUT_TYPES = VALUES | st.fixed_dictionaries(
    {}, optional={"required": SECTIONS, "optional": SECTIONS, "hidden": SECTIONS}
)


@settings(max_examples=300)
@given(inputs=INPUT_TYPES, outputs=VALUES, names=VALUES, lists=VALUES, words=VALUES)
def test_an_odd_class_is_plain_or_left_out(inputs: Any, outputs: Any, names: Any, lists: Any, words: Any) -> None:
    members = {
        "INPUT_TYPES": classmethod(lambda cls: inputs),
        "RETURN_TYPES": outputs,
        "RETURN_NAMES": names,
        "OUTPUT_IS_LIST": lists,
        "OUTPUT_TOOLTIPS": names,
        "CATEGORY": words,
        "DESCRIPTION": words,
        "SEARCH_ALIASES": words,
        "API_NODE": words,
        "IS_CHANGED": words,
        "OUTPUT_NODE": words,
        "VALIDATE_INPUTS": words,
        "FUNCTION": "go",
        "go": lambda self, **inputs: None,
    }
    try:
        spec = spec_of_class("X", type("Odd", (), members))
    except GraphError as error:
        assert error.message.startswith("node X: ")
        return
    record = json.loads(json.dumps(record_of(spec), allow_nan=False))
    assert record_of(spec_of_record("X", record))["input"] == record["input"]
    json.dumps(dict(spec.extras), allow_nan=False)
