"""Arithmetic that people type: `a * 2 + min(b, 8)`, computed from Python's syntax tree and nothing else of Python."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from heddle.graph.errors import GraphError
from heddle.graph.said import Said, say

Number: TypeAlias = "int | float"

#: More letters than this are no formula.
LONGEST = 10_000
#: Whole numbers have at most so many bits; beyond that no float holds them either.
MOST_BITS = 1024

CONSTANTS: Mapping[str, float] = {"pi": math.pi, "tau": math.tau}


class BadExpression(GraphError):
    """An expression cannot be computed."""

    def __init__(self, words: Said, found: str = "") -> None:
        super().__init__(words, input_name="expression", found=found)


def compute(expression: str, values: Mapping[str, Any]) -> Number:
    """What an expression gives.

    Known are + - * / // % **, comparisons, and, or, not, X if C else Y, bits (& | ^ ~ << >>), lists, the functions of
    FUNCTIONS, `pi`, `tau`, the values by their names, and all of them as the list `values`.

    Args:
        values: numbers, true and false by name.
    Returns: a finite number; true and false count as such.
    Raises: BadExpression.
    """
    if not expression.strip():
        raise BadExpression(say("the expression is empty; write one, such as a + b"))
    if len(expression) > LONGEST:
        raise BadExpression(say("the expression has over {most} letters; split it", most=LONGEST))
    names = {**CONSTANTS, "values": list(values.values()), **values}
    try:
        result = _Computer(names).value(ast.parse(expression.strip(), mode="eval").body)
    except BadExpression as problem:
        problem.found = expression
        raise
    except (SyntaxError, ValueError, TypeError, ArithmeticError, IndexError, RecursionError, MemoryError) as problem:
        why = problem.msg if isinstance(problem, SyntaxError) else str(problem) or type(problem).__name__
        words = "the expression {expression} cannot be computed: {why}"
        raise BadExpression(say(words, expression=repr(expression), why=why), expression) from problem
    if not isinstance(result, (int, float)):
        words = "the expression {expression} gives {found}, but a number is wanted"
        said = say(words, expression=repr(expression), found=_kind(result))
        raise BadExpression(said, expression)
    if not math.isfinite(result):
        words = "the expression {expression} gives {found}, but a finite number is wanted"
        said = say(words, expression=repr(expression), found=str(result))
        raise BadExpression(said, expression)
    return result


def read_number(value: Any) -> tuple[float, int]:
    """A number, a text that holds one, true or false, as a real and as a whole number, which is cut off.

    Raises: GraphError, if it is none, or not finite.
    """
    if isinstance(value, str):
        text = value.strip()
        try:
            number: int | float = int(text)
        except ValueError:
            try:
                number = float(text)
            except ValueError:
                words = "{value} is no number; write one, such as 12 or 0.5"
                raise GraphError(say(words, value=repr(value)), input_name="value", found=value) from None
    elif isinstance(value, (bool, int, float)):
        number = value
    else:
        words = "found {found}, wanted a number, a text that holds one, or true or false"
        raise GraphError(say(words, found=_kind(value)), input_name="value", found=_kind(value))
    try:
        real = float(number)
    except OverflowError:
        real = math.inf
    if not math.isfinite(real):
        raise GraphError(say("{value} is not finite", value=str(value)), input_name="value", found=value)
    return real, int(number)


class _Computer:
    """Walks a syntax tree. What it has no method for does not exist: attributes, calls of values, texts."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        self._names = names

    def value(self, part: ast.expr) -> Any:
        way = getattr(self, f"_{type(part).__name__}", None)
        if way is None:
            words = "{what} is nothing that an expression can hold; use numbers, names, functions and + - * / // % **"
            raise BadExpression(say(words, what=ast.unparse(part)))
        return way(part)

    def _Constant(self, part: ast.Constant) -> Number:
        return _checked(part.value)

    def _Name(self, part: ast.Name) -> Any:
        if part.id not in self._names:
            there = ", ".join(name for name in self._names if name != "values")
            raise BadExpression(say("{name} is not linked; there are: {there}", name=part.id, there=there))
        return self._names[part.id]

    def _BinOp(self, part: ast.BinOp) -> Number:
        return _checked(_BINARY[type(part.op)](self._number(part.left), self._number(part.right)))

    def _UnaryOp(self, part: ast.UnaryOp) -> Number:
        if isinstance(part.op, ast.Not):
            return not self.value(part.operand)
        return _checked(_UNARY[type(part.op)](self._number(part.operand)))

    def _BoolOp(self, part: ast.BoolOp) -> Any:
        """As Python does: the operand that decides."""
        decides = bool if isinstance(part.op, ast.Or) else operator.not_
        found: Any = None
        for each in part.values:
            found = self.value(each)
            if decides(found):
                break
        return found

    def _Compare(self, part: ast.Compare) -> bool:
        left = self.value(part.left)
        for sign, each in zip(part.ops, part.comparators, strict=True):
            right = self.value(each)
            if not _COMPARISONS[type(sign)](left, right):
                return False
            left = right
        return True

    def _IfExp(self, part: ast.IfExp) -> Any:
        return self.value(part.body if self.value(part.test) else part.orelse)

    def _List(self, part: ast.List | ast.Tuple) -> list[Any]:
        return [self.value(each) for each in part.elts]

    _Tuple = _List

    def _Subscript(self, part: ast.Subscript) -> Any:
        whole, at = self.value(part.value), self._number(part.slice)
        if not isinstance(whole, list) or not isinstance(at, int):
            words = "{what}: only lists have places, numbered from 0 on"
            raise BadExpression(say(words, what=ast.unparse(part)))
        return whole[at]

    def _Call(self, part: ast.Call) -> Any:
        name = part.func.id if isinstance(part.func, ast.Name) else ""
        if name not in FUNCTIONS or part.keywords:
            words = "there is no function {name}; there are: {there}"
            raise BadExpression(say(words, name=ast.unparse(part.func), there=", ".join(FUNCTIONS)))
        return _checked(FUNCTIONS[name](*[_plain(self.value(each)) for each in part.args]))

    def _number(self, part: ast.expr) -> Any:
        found = self.value(part)
        if isinstance(found, (int, float)):
            return found
        words = "{what} is {found}, and a number is wanted there"
        raise BadExpression(say(words, what=ast.unparse(part), found=_kind(found)))


def _checked(value: Any) -> Any:
    """A number that stays within bounds."""
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        raise ArithmeticError("a number on the way is too large")
    if isinstance(value, (int, float)):
        return value
    raise ArithmeticError(f"{_kind(value)} is no real number")


def _plain(value: Any) -> Any:
    """An argument of a function: a number, or a list of them."""
    for each in value if isinstance(value, list) else [value]:
        _checked(each)
    return value


def _power(base: Number, exponent: Number) -> Any:
    bits = (base.bit_length() - 1) * exponent if isinstance(base, int) and isinstance(exponent, int) else 0
    if bits > MOST_BITS:  # to compute it might take forever
        raise ArithmeticError("a power is too large")
    return base**exponent


def _shifted_left(value: int, by: int) -> int:
    if by > MOST_BITS:
        raise ArithmeticError("a shift is too far")
    return value << by


def _numbers(given: Iterable[Any]) -> list[Any]:
    """Arguments, those in lists among them."""
    return [number for each in given for number in (each if isinstance(each, list) else [each])]


def _factorial(n: int) -> int:
    if n > 170:  # 171! is no float any more
        raise ArithmeticError("a factorial is too large")
    return math.factorial(n)


def _average(*given: Any) -> float:
    numbers = _numbers(given)
    return sum(numbers) / len(numbers)


def _round(value: Number, digits: int | None = None) -> Number:
    return round(value, None if digits is None else max(-400, min(400, digits)))


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "abs": abs,
    "round": _round,
    "floor": math.floor,
    "ceil": math.ceil,
    "trunc": math.trunc,
    "int": int,
    "float": float,
    "bool": bool,
    "min": lambda *given: min(_numbers(given)),
    "max": lambda *given: max(_numbers(given)),
    "sum": lambda *given: sum(_numbers(given)),
    "avg": _average,
    "len": len,
    "clamp": lambda value, low, high: max(low, min(high, value)),
    "sign": lambda value: (value > 0) - (value < 0),
    "pow": _power,
    "sqrt": math.sqrt,
    "cbrt": math.cbrt,
    "exp": math.exp,
    "log": math.log,
    "log2": math.log2,
    "log10": math.log10,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "asin": math.asin,
    "acos": math.acos,
    "atan": math.atan,
    "atan2": math.atan2,
    "sinh": math.sinh,
    "cosh": math.cosh,
    "tanh": math.tanh,
    "hypot": math.hypot,
    "degrees": math.degrees,
    "radians": math.radians,
    "fmod": math.fmod,
    "gcd": math.gcd,
    "lcm": math.lcm,
    "factorial": _factorial,
}

_BINARY: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.LShift: _shifted_left,
    ast.RShift: operator.rshift,
}

_UNARY: Mapping[type, Callable[[Any], Any]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Invert: operator.invert,
}

_COMPARISONS: Mapping[type, Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda each, whole: each in whole,
    ast.NotIn: lambda each, whole: each not in whole,
}


def _kind(value: Any) -> str:
    return "a list" if isinstance(value, list) else f"a value of the kind {type(value).__name__}"
