"""What packs find in `comfy_execution.validation`."""

from __future__ import annotations

from heddle.graph.plain import plain_text


def validate_node_input(received_type: str, input_type: str, strict: bool = False) -> bool:
    """Whether an output of one type may feed an input of another; both may be unions, `*`, or any-types of a pack.

    Args:
        strict: every type that the output may have must be one that the input takes.
    """
    if not received_type != input_type:  # noqa: SIM202 - any-types change `!=` alone
        return True
    given, wanted = plain_text(received_type), plain_text(input_type)
    if "*" in (given, wanted):
        return True
    have = {each.strip() for each in given.split(",")}
    want = {each.strip() for each in wanted.split(",")}
    return have <= want if strict else bool(have & want)
