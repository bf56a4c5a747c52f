"""`$filter`, `$orderby` and pages of an emulated OData service, version 4, over the paths of stored records.

Used by the emulator alone. A path of the query (`address/city`) is the dotted path of a record.
"""

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

from talkqa.sandbox.dialects.odata.refusals import refuse

Row = Mapping[str, Any]
"""Dotted path to value; a tuple where the path runs through a list."""

_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "contains": lambda text, part: part in text,
    "startswith": lambda text, part: text.startswith(part),
    "endswith": lambda text, part: text.endswith(part),
    "tolower": lambda text: text.lower(),
    "toupper": lambda text: text.upper(),
    "trim": lambda text: text.strip(),
    "length": len,
}
_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "Lt": lambda left, right: left < right,
    "LtE": lambda left, right: left <= right,
    "Gt": lambda left, right: left > right,
    "GtE": lambda left, right: left >= right,
}


class Filter:
    """One parsed filter."""

    def __init__(self, text: str, paths: Iterable[str]) -> None:
        """Read a filter.

        Args:
            text: As sent, decoded.
            paths: What may be named, lists included.

        Raises:
            Refusal: for what cannot be read or is not known.
        """
        self._tree = _parse(text)
        self._paths = frozenset(paths)
        self._value(self._tree, dict.fromkeys(self._paths))  # names are looked at even where nothing is stored

    def accepts(self, row: Row) -> bool:
        """Whether a record is let through."""
        return self._value(self._tree, row) is True

    def _value(self, node: Any, row: Row) -> Any:  # noqa: PLR0911 - one way out for each kind of node
        kind = type(node).__name__
        if kind in ("Identifier", "Attribute"):
            return self._named(path_of(node), row)
        if kind == "Compare":
            return _compare(type(node.comparator).__name__, *(self._value(one, row) for one in (node.left, node.right)))
        if kind == "BoolOp":
            sides = [self._value(one, row) is True for one in (node.left, node.right)]
            return all(sides) if type(node.op).__name__ == "And" else any(sides)
        if kind == "UnaryOp" and type(node.op).__name__ == "Not":
            return self._value(node.operand, row) is not True
        if kind == "Call" and node.func.name in _FUNCTIONS:
            arguments = [self._value(one, row) for one in node.args]
            return None if None in arguments else _FUNCTIONS[node.func.name](*arguments)
        if kind == "CollectionLambda":
            return self._among(node, row)
        if hasattr(node, "py_val"):
            return node.val if kind == "GUID" else node.py_val
        raise refuse("bad_query", f"$filter has a {kind}, which is not supported here")

    def _named(self, path: str, row: Row) -> Any:
        if path not in row:
            raise refuse("bad_query", f"there is no property '{path}' to filter by", field=path)
        return row[path]

    def _among(self, node: Any, row: Row) -> bool:
        """Whether some item of a list, or each, is let through."""
        at, named = path_of(node.owner), getattr(node.lambda_, "identifier", None)
        columns = {path: row[path] or () for path in row if path.startswith(f"{at}.")}
        if not columns or named is None:
            raise refuse("bad_query", f"there is no list '{at}' to look into", field=at)
        length = max(map(len, columns.values()))
        items = [
            {f"{named.name}.{path[len(at) + 1 :]}": column[place] for path, column in columns.items()}
            for place in range(length)
        ]
        told = (self._value(node.lambda_.expression, item) is True for item in items)
        return any(told) if type(node.operator).__name__ == "Any" else all(told)


class Order:
    """One `$orderby`, and the keys behind it that tell equal records apart."""

    def __init__(self, text: str, paths: Iterable[str]) -> None:
        """Read an order; without one, records stand in the order of their ids.

        Raises:
            Refusal: for more than one property, or one that is not known.
        """
        path, _, way = text.strip().partition(" ")
        self._path = path.replace("/", ".")
        self._backwards = way.strip() == "desc"
        if self._path and (self._path not in set(paths) or way.strip() not in ("", "asc", "desc")):
            raise refuse("bad_query", f"cannot order by '{text}'", field=self._path)

    def sort(self, rows: Iterable[tuple[str, Row]]) -> list[tuple[list[Any], str, Row]]:
        """Key, id and values of each record, in order."""
        keyed = [(self._key(record_id, row), record_id, row) for record_id, row in rows]
        return sorted(keyed, key=lambda one: one[0], reverse=self._backwards)

    def after(self, rows: Sequence[tuple[list[Any], str, Row]], token: str) -> list[tuple[list[Any], str, Row]]:
        """What stands behind the record that a page ended with, wherever that one stands now.

        Raises:
            Refusal: for a token that nobody gave.
        """
        try:
            last = json.loads(base64.urlsafe_b64decode(token))
            return [one for one in rows if (one[0] < last if self._backwards else one[0] > last)]
        except (ValueError, TypeError):
            raise refuse("bad_query", "nobody gave this $skiptoken") from None

    def token(self, key: list[Any]) -> str:
        """What a next page begins behind."""
        return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()

    def _key(self, record_id: str, row: Row) -> list[Any]:
        value = row.get(self._path)
        return [value is not None, "" if value is None else value, record_id]


def path_of(node: Any) -> str:
    """The dotted path that a part of a query names."""
    if type(node).__name__ == "Attribute":
        return f"{path_of(node.owner)}.{node.attr}"
    if type(node).__name__ != "Identifier":
        raise refuse("bad_query", "$filter names a property in a way that is not supported here")
    return str(node.name)


def _compare(operator: str, left: Any, right: Any) -> bool:
    left, right = _alike(left, right), _alike(right, left)
    if operator in ("Eq", "NotEq"):
        return bool(left == right) is (operator == "Eq")
    if operator not in _ORDER:
        raise refuse("bad_query", f"{operator} is not supported here")
    if left is None or right is None:
        return False
    try:
        return _ORDER[operator](left, right)
    except TypeError:
        raise refuse("bad_query", "values of two kinds cannot be compared") from None


def _alike(value: Any, other: Any) -> Any:
    """A value in the kind of what it is compared with: times are kept as text."""
    if isinstance(other, datetime) and isinstance(value, str):
        value = datetime.fromisoformat(value)
    elif isinstance(other, date) and isinstance(value, str):
        return date.fromisoformat(value[:10])
    elif type(other) is int and isinstance(value, str) and value.isdecimal():
        return int(value)  # a member of an enumeration, asked for by its number
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value


@lru_cache(maxsize=512)
def _parse(text: str) -> Any:
    # Imported when the first filter comes: it takes as long as the rest of the sandbox.
    from odata_query.exceptions import ODataException  # noqa: PLC0415
    from odata_query.grammar import ODataLexer, ODataParser  # noqa: PLC0415

    try:
        return ODataParser().parse(ODataLexer().tokenize(text))
    except (ODataException, ValueError, IndexError) as error:
        raise refuse("bad_query", f"syntax error in $filter ({type(error).__name__})") from error
