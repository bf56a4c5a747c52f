"""`$filter` of the emulated API: version 2 literals on top of a parser for version 4.

The parser knows neither `guid'...'`, `datetime'...'` and `12L` nor `substringof`; they are written anew before it sees
them.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from talkqa.sandbox.dialects.exactonline.errors import refuse
from talkqa.sandbox.dialects.exactonline.facts import Kind

Values = Callable[[str], Any]
"""From the name of a property to what a row holds: text, number, truth, milliseconds for a time, None."""

_NUMBERS = frozenset({Kind.INT16, Kind.INT32, Kind.INT64, Kind.BYTE, Kind.DOUBLE})
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_VERSION_2 = re.compile(
    r"\bguid'(?P<guid>[^']*)'|\bdatetime'(?P<moment>[^']*)'|'(?:[^']|'')*'|(?P<number>-?\b\d+(?:\.\d+)?)[LMDF]\b"
    r"|\b(?P<name>substringof|(?:all|any)\w+)\b",
    re.IGNORECASE,
)
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "substringof": lambda part, text: part.casefold() in text.casefold(),
    "startswith": lambda text, part: text.casefold().startswith(part.casefold()),
    "endswith": lambda text, part: text.casefold().endswith(part.casefold()),
    "trim": lambda text: text.strip(),
    "tolower": lambda text: text.lower(),
}
_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "Lt": lambda left, right: left < right,
    "LtE": lambda left, right: left <= right,
    "Gt": lambda left, right: left > right,
    "GtE": lambda left, right: left >= right,
}


class Filter:
    """One parsed filter."""

    def __init__(self, text: str, kinds: Mapping[str, Kind]) -> None:
        """Read a filter.

        Args:
            text: As sent, decoded.
            kinds: The properties that may be named, with their types.

        Raises:
            Refusal: for what cannot be read, is not known or is not supported.
        """
        self.text = text
        self._kinds = kinds
        self._tree = _parse(text)
        self.names = frozenset(self._names_in(self._tree))

    def accepts(self, values: Values) -> bool:
        """Whether a row is let through."""
        return self._value(self._tree, values) is True

    def lower_version(self) -> int:
        """The row version that a filter of a sync path asks from.

        Raises:
            Refusal: for any other filter: none is allowed there.
        """
        tree = self._tree
        named = type(tree).__name__ == "Compare" and type(tree.left).__name__ == "Identifier"
        if not named or tree.left.name != "Timestamp" or type(tree.comparator).__name__ not in {"Gt", "GtE"}:
            raise refuse(400, "This $filter parameter is not supported for this resource")
        return int(tree.right.val) + (type(tree.comparator).__name__ == "Gt")

    def _names_in(self, node: Any) -> Iterator[str]:
        """The properties that a part names.

        Raises:
            Refusal: for what is not known or not supported.
        """
        kind = type(node).__name__
        if kind == "Identifier":
            if node.name not in self._kinds:
                raise refuse(400, f"No property '{node.name}' exists in type at position 0.")
            yield node.name
        elif kind in _PARTS:
            self._check(node)
            for part in _PARTS[kind](node):
                yield from self._names_in(part)
        elif kind in {"Attribute", "CollectionLambda"}:
            raise refuse(400, "A navigation property cannot be used in $filter")
        elif kind not in _LITERALS:
            raise refuse(400, "Syntax error in $filter")

    def _check(self, node: Any) -> None:
        """Two properties cannot be compared, nor a property with a literal of another type."""
        if type(node).__name__ == "Call" and node.func.name not in _FUNCTIONS:
            raise refuse(400, f"Unknown function '{node.func.name}' in $filter")
        if type(node).__name__ != "Compare":
            return
        if type(node.comparator).__name__ not in {"Eq", "NotEq", *_ORDER}:
            raise refuse(400, "Syntax error in $filter")
        sides = [type(side).__name__ for side in (node.left, node.right)]
        if sides == ["Identifier", "Identifier"]:
            raise refuse(400, "Two properties cannot be compared with each other in $filter")
        for one, shape in ((node.left, sides[1]), (node.right, sides[0])):
            kind = self._kinds.get(one.name) if type(one).__name__ == "Identifier" else None
            if kind is not None and shape in _LITERALS and shape not in _allowed(kind):
                raise refuse(400, f"Operator incompatible with operand types '{kind}' and '{_LITERALS[shape]}'")

    def _value(self, node: Any, values: Values) -> Any:
        kind = type(node).__name__
        if kind == "Identifier":
            return values(node.name)
        if kind == "Call":
            arguments = [self._value(argument, values) for argument in node.args]
            return None if None in arguments else _FUNCTIONS[node.func.name](*arguments)
        if kind == "BoolOp":
            left = self._value(node.left, values) is True
            both = type(node.op).__name__ == "And"
            return (
                (left and self._value(node.right, values) is True)
                if both
                else (left or self._value(node.right, values) is True)
            )
        if kind == "UnaryOp":
            return self._value(node.operand, values) is not True
        if kind == "Compare":
            return _compare(
                type(node.comparator).__name__, self._value(node.left, values), self._value(node.right, values)
            )
        return _literal(node)


_PARTS: Mapping[str, Callable[[Any], Iterable[Any]]] = {
    "Compare": lambda node: (node.left, node.right),
    "BoolOp": lambda node: (node.left, node.right),
    "UnaryOp": lambda node: (node.operand,),
    "Call": lambda node: node.args,
}
_LITERALS = {
    "GUID": "Edm.Guid",
    "String": "Edm.String",
    "Integer": "Edm.Int32",
    "Float": "Edm.Double",
    "Boolean": "Edm.Boolean",
    "DateTime": "Edm.DateTime",
    "Null": "null",
}


def _allowed(kind: Kind) -> set[str]:
    if kind in _NUMBERS:
        return {"Integer", "Float", "Null"}
    return {
        Kind.GUID: {"GUID", "Null"},
        Kind.BOOLEAN: {"Boolean", "Null"},
        Kind.DATETIME: {"DateTime", "Null"},
    }.get(kind, {"String", "Null"})


def _literal(node: Any) -> Any:
    kind = type(node).__name__
    if kind == "GUID":
        return node.val.lower()
    if kind == "DateTime":
        return read_moment(node.val)
    return node.py_val


def read_moment(text: str) -> int:
    """Milliseconds of a literal without zone.

    Raises:
        Refusal: for one that names no moment.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise refuse(400, f"Unrecognized 'Edm.DateTime' literal 'datetime'{text}''") from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return round(moment.timestamp() * 1000)


def _compare(operator: str, left: Any, right: Any) -> bool:
    """The database folds letter case."""
    if isinstance(left, str) and isinstance(right, str):
        left, right = left.casefold(), right.casefold()
    if operator == "Eq":
        return bool(left == right)
    if operator == "NotEq":
        return bool(left != right)
    if left is None or right is None:
        return False
    return _ORDER[operator](left, right)


@lru_cache(maxsize=512)
def _parse(text: str) -> Any:
    # Imported when the first filter comes: it takes as long as the rest of the sandbox.
    from odata_query.exceptions import ODataException  # noqa: PLC0415
    from odata_query.grammar import ODataLexer, ODataParser  # noqa: PLC0415

    told = _VERSION_2.sub(_as_version_4, text)
    try:
        return ODataParser().parse(ODataLexer().tokenize(told))
    except (ODataException, ValueError, IndexError) as error:
        raise refuse(400, f"Syntax error in $filter ({type(error).__name__})") from error


def _as_version_4(found: re.Match[str]) -> str:
    """What the parser reads in place of what it does not know; texts stay as they are.

    A name in a namespace is neither looked up among the functions of version 4 nor taken for a keyword by its first
    letters, as `AllowMailing` is.
    """
    told = found.groupdict()
    if told["guid"] is not None:
        if _GUID.fullmatch(told["guid"]) is None:
            raise refuse(400, f"Unrecognized 'Edm.Guid' literal {found.group()}")
        return told["guid"]
    if told["moment"] is not None:
        moment = datetime.fromtimestamp(read_moment(told["moment"]) / 1000, UTC)
        return moment.replace(tzinfo=None).isoformat(timespec="milliseconds")
    if told["number"] is not None:
        return told["number"]
    return f"v2.{told['name']}" if told["name"] is not None else found.group()
