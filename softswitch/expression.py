"""The small language of conditions in menus (IVR-15): `hours.office and queue.sales.waiting < 5 and not list.blocked`.

Values are text, numbers, truth and "not known" (`none`). There are names with dots, comparisons, arithmetic and a few functions;
nothing that loops, nothing that assigns, nothing of Python: an expression ends after as many steps as it has words.

    or  and  not                        truth; what is not known counts as false
    ==  !=  <  <=  >  >=  in            comparison; with what is not known all but == and != are false
    +  -  *  /  %                       arithmetic; + also joins texts
    1.5  30s  5m  2h                    numbers; a length of time is one of seconds
    "text"  'text'  true  false  none
    queue.sales.free                    a name; queue["my queue"].free where a part of it is no word
    ["pl", "en"]                        a list, behind `in` only

Text that looks like a number is compared with a number as one, because that is what callers type.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

from softswitch.errors import SoftswitchError

Value: TypeAlias = str | float | bool | None
Lookup: TypeAlias = "Callable[[tuple[str, ...]], Value]"

MAX_LENGTH: Final = 1_000  # characters of an expression or a text with expressions in it
MAX_DEPTH: Final = 40  # of brackets
MAX_WORDS: Final = 300  # and signs, of one expression: computing it goes as deep as half of them
MAX_TEXT: Final = 4_000  # characters of a result


class ExpressionError(SoftswitchError):
    """An expression is wrong, or its values do not go together. `column` counts from 1."""

    def __init__(self, reason: str, column: int) -> None:
        super().__init__(f"{reason} (column {column})")
        self.reason = reason
        self.column = column


@dataclass(slots=True, frozen=True)
class Literal:
    value: Value
    column: int


@dataclass(slots=True, frozen=True)
class Name:
    """`path`: the words between the dots."""

    path: tuple[str, ...]
    column: int

    def __str__(self) -> str:
        return ".".join(self.path)


@dataclass(slots=True, frozen=True)
class Unary:
    operator: str
    operand: Node
    column: int


@dataclass(slots=True, frozen=True)
class Binary:
    operator: str
    left: Node
    right: Node
    column: int


@dataclass(slots=True, frozen=True)
class Among:
    """`in`: one of these."""

    left: Node
    members: tuple[Node, ...]
    column: int


@dataclass(slots=True, frozen=True)
class Apply:
    function: str
    arguments: tuple[Node, ...]
    column: int


Node: TypeAlias = Literal | Name | Unary | Binary | Among | Apply

# --- reading -------------------------------------------------------------------------------------------------------

_TOKEN: Final = re.compile(
    r"""\s*(?:
    (?P<number>[0-9]{1,12}(?:\.[0-9]{1,6})?)(?P<unit>[smh]\b)?
    | (?P<word>[^\W\d]\w*)
    | (?P<text>"[^"]*"|'[^']*')
    | (?P<sign><=|>=|==|!=|[-+*/%<>()\[\],.])
    )""",
    re.VERBOSE,
)
_UNITS: Final = {None: 1.0, "s": 1.0, "m": 60.0, "h": 3_600.0}
_WORDS: Final[Mapping[str, Value]] = {"true": True, "false": False, "none": None}
RESERVED: Final = frozenset({*_WORDS, "and", "or", "not", "in"})
# How strongly operators bind.
_BINDING: Final = {
    "or": 1, "and": 2, "==": 4, "!=": 4, "<": 4, "<=": 4, ">": 4, ">=": 4, "in": 4, "+": 5, "-": 5, "*": 6, "/": 6, "%": 6,
}  # fmt: skip
_COMPARISON: Final = 4


@dataclass(slots=True)
class _Token:
    kind: str  # "number" | "word" | "text" | "sign" | "end"
    text: str
    column: int
    value: Value = None


def _tokens(source: str) -> Iterator[_Token]:
    at = 0
    while source[at:].strip():
        found = _TOKEN.match(source, at)
        if found is None:
            column = at + len(source[at:]) - len(source[at:].lstrip()) + 1
            raise ExpressionError(f"{source[column - 1]!r} means nothing here", column)
        kind = next(one for one in ("number", "word", "text", "sign") if found[one] is not None)
        text, column = found[kind], found.start(kind) + 1
        value: Value = None
        if kind == "number":
            value = float(text) * _UNITS[found["unit"]]
        elif kind == "text":
            value = text[1:-1]
        yield _Token(kind, text, column, value)
        at = found.end()
    yield _Token("end", "", len(source) + 1)


class _Reader:
    """Precedence climbing."""

    def __init__(self, source: str) -> None:
        if len(source) > MAX_LENGTH:
            raise ExpressionError(f"longer than {MAX_LENGTH} characters", MAX_LENGTH + 1)
        self._tokens = list(_tokens(source))
        if len(self._tokens) > MAX_WORDS:
            raise ExpressionError(f"more than {MAX_WORDS} words and signs", self._tokens[MAX_WORDS].column)
        self._at = 0
        self._depth = 0

    def all(self) -> Node:
        node = self._expression(0)
        token = self._peek()
        if token.kind != "end":
            raise ExpressionError(f"an operator is missing before {token.text!r}", token.column)
        return node

    def _peek(self) -> _Token:
        return self._tokens[self._at]

    def _next(self) -> _Token:
        token = self._tokens[self._at]
        self._at += token.kind != "end"
        return token

    def _take(self, sign: str) -> _Token:
        token = self._next()
        if token.kind != "sign" or token.text != sign:
            raise ExpressionError(f"{sign!r} is missing", token.column)
        return token

    def _is(self, sign: str) -> bool:
        token = self._peek()
        return token.kind == "sign" and token.text == sign

    def _expression(self, least: int) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ExpressionError("too many brackets inside each other", self._peek().column)
        left = self._operand()
        while True:
            token = self._peek()
            negated = token.text == "not" and token.kind == "word" and self._tokens[self._at + 1].text == "in"
            operator = "in" if negated else token.text
            binding = _BINDING.get(operator, 0) if token.kind in ("sign", "word") else 0
            if binding <= least:
                break
            self._at += 1 + negated
            left = self._binary(left, operator, binding, token.column)
            if negated:
                left = Unary("not", left, token.column)
            if binding == _COMPARISON and _BINDING.get(self._peek().text) == _COMPARISON:
                raise ExpressionError("comparisons cannot be chained: write a < b and b < c", self._peek().column)
        self._depth -= 1
        return left

    def _binary(self, left: Node, operator: str, binding: int, column: int) -> Node:
        if operator == "in":
            return Among(left, self._members(), column)
        return Binary(operator, left, self._expression(binding), column)

    def _members(self) -> tuple[Node, ...]:
        self._take("[")
        return self._until("]")

    def _until(self, end: str) -> tuple[Node, ...]:
        found: list[Node] = []
        while not self._is(end):
            found.append(self._expression(0))
            if not self._is(end):
                self._take(",")
        self._take(end)
        return tuple(found)

    def _operand(self) -> Node:
        token = self._next()
        if token.kind in ("number", "text"):
            return Literal(token.value, token.column)
        if token.kind == "word" and token.text in _WORDS:
            return Literal(_WORDS[token.text], token.column)
        if token.kind == "word" and token.text == "not":
            return Unary("not", self._expression(3), token.column)
        if token.kind == "word" and token.text not in RESERVED:
            return self._apply(token) if self._is("(") else self._name(token)
        if token.kind == "sign" and token.text == "-":
            return Unary("-", self._expression(6), token.column)
        if token.kind == "sign" and token.text == "(":
            inner = self._expression(0)
            self._take(")")
            return inner
        said = f"{token.text!r}" if token.text else "the end"
        raise ExpressionError(f"a value is missing before {said}", token.column)

    def _apply(self, token: _Token) -> Node:
        self._take("(")
        arguments = self._until(")")
        if token.text not in FUNCTIONS:
            known = ", ".join(sorted(FUNCTIONS))
            raise ExpressionError(f"there is no function {token.text!r}; there are {known}", token.column)
        least, most, _ = FUNCTIONS[token.text]
        if not least <= len(arguments) <= most:
            wanted = str(least) if least == most else f"{least} to {most}"
            raise ExpressionError(f"{token.text} takes {wanted} values", token.column)
        return Apply(token.text, arguments, token.column)

    def _name(self, first: _Token) -> Node:
        path = [first.text]
        while self._is(".") or self._is("["):
            if self._next().text == ".":
                token = self._next()
                if token.kind not in ("word", "number"):
                    raise ExpressionError("a word is missing behind the dot", token.column)
                path.append(token.text)
            else:
                token = self._next()
                if token.kind != "text":
                    raise ExpressionError('a name in quotes is missing, such as queue["my queue"].free', token.column)
                path.append(token.text[1:-1])
                self._take("]")
        return Name(tuple(path), first.column)


@lru_cache(maxsize=4096)
def parse(source: str) -> Node:
    """Read an expression. Raises ExpressionError."""
    return _Reader(source).all()


def names(node: Node) -> Iterator[Name]:
    """Every name in it."""
    if isinstance(node, Name):
        yield node
    elif isinstance(node, Unary):
        yield from names(node.operand)
    elif isinstance(node, Binary):
        yield from names(node.left)
        yield from names(node.right)
    elif isinstance(node, Among):
        for one in (node.left, *node.members):
            yield from names(one)
    elif isinstance(node, Apply):
        for one in node.arguments:
            yield from names(one)


# --- computing -----------------------------------------------------------------------------------------------------


def evaluate(node: Node, lookup: Lookup) -> Value:
    """The value, where `lookup` knows the names. Raises ExpressionError when values do not go together."""
    if isinstance(node, Literal):
        return node.value
    if isinstance(node, Name):
        return lookup(node.path)
    if isinstance(node, Unary):
        return _unary(node, lookup)
    if isinstance(node, Among):
        left = evaluate(node.left, lookup)
        return any(_equal(left, evaluate(one, lookup)) for one in node.members)
    if isinstance(node, Apply):
        values = [evaluate(one, lookup) for one in node.arguments]
        return _applied(node, values)
    if node.operator == "and":
        return truth(evaluate(node.left, lookup)) and truth(evaluate(node.right, lookup))
    if node.operator == "or":
        return truth(evaluate(node.left, lookup)) or truth(evaluate(node.right, lookup))
    left, right = evaluate(node.left, lookup), evaluate(node.right, lookup)
    if node.operator in _ARITHMETIC:
        return _arithmetic(node, left, right)
    return _compared(node, left, right)


def truth(value: Value) -> bool:
    """Whether a value counts as true: not "", 0, false, and nothing that is not known."""
    return bool(value)


def shown(value: Value) -> str:
    """A value as text: whole numbers without a point, what is not known as nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float | int):
        return f"{value:.6f}".rstrip("0").rstrip(".") if value != int(value) else str(int(value))
    return value


def as_number(value: Value) -> float | None:
    """The number that a value is, or looks like."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float | int):
        return float(value)
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value)
    return None


_NUMBER: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?", re.ASCII)
_ARITHMETIC: Final = frozenset("+-*/%")


def _unary(node: Unary, lookup: Lookup) -> Value:
    value = evaluate(node.operand, lookup)
    if node.operator == "not":
        return not truth(value)
    if value is None:
        return None
    number = as_number(value)
    if number is None:
        raise ExpressionError(f"- takes a number, not {_quoted(value)}", node.column)
    return -number


def _arithmetic(node: Binary, left: Value, right: Value) -> Value:
    if left is None or right is None:
        return None
    operator = node.operator
    if operator == "+" and (isinstance(left, str) or isinstance(right, str)):
        return (shown(left) + shown(right))[:MAX_TEXT]
    one, other = as_number(left), as_number(right)
    if one is None or other is None:
        wrong = left if one is None else right
        raise ExpressionError(f"{operator} takes numbers, not {_quoted(wrong)}", node.column)
    if operator == "+":
        return one + other
    if operator == "-":
        return one - other
    if operator == "*":
        return min(max(one * other, -1e15), 1e15)
    if not other:
        raise ExpressionError("division by zero", node.column)
    return one / other if operator == "/" else one % other


def _equal(left: Value, right: Value) -> bool:
    if isinstance(left, bool) or isinstance(right, bool) or left is None or right is None:
        return left is right
    if isinstance(left, str) and isinstance(right, str):
        return left == right
    one, other = as_number(left), as_number(right)
    return one is not None and one == other


def _compared(node: Binary, left: Value, right: Value) -> bool:
    operator = node.operator
    if operator in ("==", "!="):
        return _equal(left, right) is (operator == "==")
    if left is None or right is None:
        return False
    if isinstance(left, str) and isinstance(right, str):
        order = (left > right) - (left < right)
    else:
        one, other = as_number(left), as_number(right)
        if one is None or other is None:
            raise ExpressionError(f"{_quoted(left)} and {_quoted(right)} have no order", node.column)
        order = (one > other) - (one < other)
    return {"<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[operator]


def _quoted(value: Value) -> str:
    return f'"{value}"' if isinstance(value, str) else shown(value) or "none"


# --- functions -----------------------------------------------------------------------------------------------------


def like(text: str, pattern: str) -> bool:
    """Whether a text has the form of a pattern: `*` stands for anything, `?` for one character.

    Never tries more than their lengths multiplied.
    """
    t = p = mark = 0
    star = -1
    while t < len(text):
        if p < len(pattern) and pattern[p] == "*":
            star, mark = p, t
            p += 1
        elif p < len(pattern) and pattern[p] in ("?", text[t]):
            t += 1
            p += 1
        elif star >= 0:
            p, mark = star + 1, mark + 1
            t = mark
        else:
            return False
    return not pattern[p:].strip("*")


def _number(values: list[Value]) -> Value:
    return as_number(values[0])


def _extreme(choose: Callable[[list[float]], float]) -> Callable[[list[Value]], Value]:
    def extreme(values: list[Value]) -> Value:
        found = [one for one in map(as_number, values) if one is not None]
        return choose(found) if found else None

    return extreme


def _round(values: list[Value]) -> Value:
    number = as_number(values[0])
    return None if number is None else float(round(number))


# Name -> (least and most values, what it does). Texts are made of numbers where texts are wanted.
FUNCTIONS: Final[Mapping[str, tuple[int, int, Callable[[list[Value]], Value]]]] = {
    "starts_with": (2, 20, lambda v: v[0] is not None and shown(v[0]).startswith(tuple(shown(one) for one in v[1:] if one))),
    "ends_with": (2, 20, lambda v: v[0] is not None and shown(v[0]).endswith(tuple(shown(one) for one in v[1:] if one))),
    "contains": (2, 2, lambda v: v[0] is not None and shown(v[1]) in shown(v[0])),
    "like": (2, 20, lambda v: v[0] is not None and any(like(shown(v[0]), shown(one)) for one in v[1:])),
    "length": (1, 1, lambda v: float(len(shown(v[0])))),
    "lower": (1, 1, lambda v: shown(v[0]).lower()),
    "upper": (1, 1, lambda v: shown(v[0]).upper()),
    "digits": (1, 1, lambda v: "".join(one for one in shown(v[0]) if one in "0123456789")),
    "first": (2, 2, lambda v: shown(v[0])[: max(0, int(as_number(v[1]) or 0))]),
    "last": (2, 2, lambda v: shown(v[0])[-int(as_number(v[1]) or 0) :] if (as_number(v[1]) or 0) >= 1 else ""),
    "number": (1, 1, _number),
    "text": (1, 1, lambda v: shown(v[0])),
    "round": (1, 1, _round),
    "min": (1, 20, _extreme(min)),
    "max": (1, 20, _extreme(max)),
    "known": (1, 1, lambda v: v[0] is not None),
    "default": (2, 2, lambda v: v[1] if v[0] is None or v[0] == "" else v[0]),
    "choose": (3, 3, lambda v: v[1] if truth(v[0]) else v[2]),
}  # fmt: skip


def _applied(node: Apply, values: list[Value]) -> Value:
    return FUNCTIONS[node.function][2](values)


# --- texts with expressions in them --------------------------------------------------------------------------------

Template: TypeAlias = "tuple[str | Node, ...]"


@lru_cache(maxsize=4096)
def template(source: str) -> Template:
    """Read a text with expressions in braces: "Mr {customer.name}". `{{` and `}}` are braces. Raises ExpressionError."""
    if len(source) > MAX_TEXT:
        raise ExpressionError(f"longer than {MAX_TEXT} characters", MAX_TEXT + 1)
    parts: list[str | Node] = []
    said, at = "", 0
    while at < len(source):
        if source[at : at + 2] in ("{{", "}}"):
            said += source[at]
            at += 2
        elif source[at] == "{":
            end = source.find("}", at)
            if end < 0:
                raise ExpressionError("'}' is missing", len(source) + 1)
            try:
                node = parse(source[at + 1 : end])
            except ExpressionError as error:
                raise ExpressionError(error.reason, error.column + at + 1) from None
            parts += [said, node] if said else [node]
            said, at = "", end + 1
        elif source[at] == "}":
            raise ExpressionError("'}' without '{'; write }} for a brace", at + 1)
        else:
            said += source[at]
            at += 1
    return (*parts, said) if said else tuple(parts)


def fill(source: str, lookup: Lookup, quote: Callable[[str], str] = str) -> str:
    """The text with the values of its expressions, each passed through `quote`. Raises ExpressionError."""
    said = [one if isinstance(one, str) else quote(shown(evaluate(one, lookup))) for one in template(source)]
    return "".join(said)[:MAX_TEXT]
