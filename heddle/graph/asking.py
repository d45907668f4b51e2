"""Questions that a class answers about its own node: called with those of the inputs that they take."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from heddle.graph.spec import Validation


def validation_by(ask: Callable[..., Any]) -> Validation:
    """A validation that asks a function, for the inputs that its signature names."""
    parameters = _parameters(ask)
    names = {each.name for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)}
    return Validation(
        names=frozenset(names - {"input_types"}),
        takes_all=any(each.kind is each.VAR_KEYWORD for each in parameters),
        takes_types="input_types" in names,
        ask=asking(ask),
    )


def chooser(function: Callable[..., Any]) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    """What picks those inputs that a function has parameters for. Its signature is read once, here."""
    parameters = _parameters(function)
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return lambda inputs: inputs
    names = frozenset(each.name for each in parameters)
    return lambda inputs: {name: value for name, value in inputs.items() if name in names}


def asking(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, given any inputs: it gets those that it takes."""
    choose = chooser(function)
    return lambda **inputs: function(**choose(inputs))


def positional(function: Callable[..., Any]) -> list[str]:
    """The parameters that must be given and may be given by place."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [each.name for each in _parameters(function) if each.kind in kinds and each.default is each.empty]


def takes_any_name(function: Callable[..., Any]) -> bool:
    """True for a function with `**kwargs`."""
    return any(each.kind is inspect.Parameter.VAR_KEYWORD for each in _parameters(function))


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # written in C: it takes what it takes
        return [inspect.Parameter("inputs", inspect.Parameter.VAR_KEYWORD)]
