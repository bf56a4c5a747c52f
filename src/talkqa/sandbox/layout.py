"""How the flat paths of an entity sit in the JSON bodies that an emulated system sends and takes.

Server side of the generic dialect; the engine's connectors have their own code for the same wire format.
"""

from collections.abc import Mapping
from typing import Any

from talkqa.model.record import FieldValue, Scalar
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType

Values = dict[str, FieldValue]


class Layout:
    """The places of an entity's fields in a JSON object."""

    def __init__(self, schema: EntitySchema) -> None:
        outer = {prefix for f in schema.fields for prefix in _prefixes(f.path)}
        fields = tuple(f for f in schema.fields if f.type is not FieldType.OPAQUE or f.path not in outer)
        self.fields: dict[str, FieldSchema] = {f.path.casefold(): f for f in fields}
        """By folded path, as such APIs do not mind letter case on input; without mere containers of other fields."""
        paths = {f.path for f in fields}
        lists = {f.list_at for f in fields if f.list_at}
        self._objects = frozenset(
            prefix for path in paths for prefix in _prefixes(path.casefold()) if prefix not in self.fields
        )
        self._scalars = tuple(
            (f.path, (f.path,) if paths & set(_prefixes(f.path)) else tuple(f.path.split(".")))
            for f in fields
            if not f.list_at
        )
        self._listed = tuple(
            (at, tuple((f.path, _inner(f.path, at)) for f in fields if f.list_at == at))
            for at in sorted(lists)
            if not paths & set(_prefixes(at))
        )
        literal = {f.path for f in fields if f.list_at and paths & set(_prefixes(f.list_at))}
        self._literal = tuple(sorted(literal))
        """Lists below a path that is itself a scalar: sent as plain lists under a dotted key."""

    def nest(self, values: Mapping[str, FieldValue]) -> dict[str, Any]:
        """The JSON object of a record; unset fields are null, empty lists are empty."""
        body: dict[str, Any] = {}
        for path, steps in self._scalars:
            _put(body, steps, values.get(path))
        for at, members in self._listed:
            columns = [(inner, _column(values.get(path))) for path, inner in members]
            length = max(len(column) for _, column in columns)
            _put(body, tuple(at.split(".")), [_item(columns, row) for row in range(length)])
        for path in self._literal:
            body[path] = list(_column(values.get(path)))
        return body

    def flatten(self, body: Mapping[str, Any]) -> tuple[Values, tuple[str, ...]]:
        """Canonical path to value for a body that was sent, and the paths that no field has, in order."""
        found: Values = {}
        unknown: list[str] = []
        for key, value in body.items():
            self._walk(key, value, found, unknown)
        return found, tuple(unknown)

    def _walk(self, path: str, value: Any, found: Values, unknown: list[str]) -> None:
        field = self.fields.get(path.casefold())
        if isinstance(value, dict):
            if field is not None and path.casefold() not in self._objects:
                found[field.path] = value  # type: ignore[assignment]  # refused later as a wrong type
                return
            for key, inner in value.items():
                self._walk(f"{path}.{key}", inner, found, unknown)
        elif isinstance(value, list):
            self._walk_list(path, value, found, unknown)
        elif field is not None:
            found[field.path] = (value,) if field.list_at and value is not None else value
        elif value is None and path.casefold() in self._objects:
            prefix = path.casefold() + "."
            found.update((f.path, None) for folded, f in self.fields.items() if folded.startswith(prefix))
        else:
            unknown.append(path)

    def _walk_list(self, path: str, items: list[Any], found: Values, unknown: list[str]) -> None:
        field = self.fields.get(path.casefold())
        if field is not None and not any(isinstance(item, dict) for item in items):
            found[field.path] = tuple(items) if field.list_at else items  # type: ignore[assignment]
            return
        if not items and path.casefold() in self._objects:
            self._walk(path, None, found, unknown)
            return
        rows: list[Values] = []
        for item in items:
            row: Values = {}
            if not isinstance(item, dict):
                unknown.append(path)
                return
            for key, inner in item.items():
                self._walk(f"{path}.{key}", inner, row, unknown)
            rows.append(row)
        for inner_path in sorted({inner for row in rows for inner in row}):
            found[inner_path] = tuple(_single(row.get(inner_path)) for row in rows)


def _prefixes(path: str) -> list[str]:
    steps = path.split(".")
    return [".".join(steps[:end]) for end in range(1, len(steps))]


def _inner(path: str, at: str) -> tuple[str, ...]:
    return tuple(path[len(at) + 1 :].split(".")) if path != at else ()


def _column(value: FieldValue) -> tuple[Scalar, ...]:
    return value if isinstance(value, tuple) else () if value is None else (value,)


def _item(columns: list[tuple[tuple[str, ...], tuple[Scalar, ...]]], row: int) -> Any:
    item: dict[str, Any] = {}
    for inner, column in columns:
        value = column[row] if row < len(column) else None
        if not inner:
            return value
        _put(item, inner, value)
    return item


def _put(body: dict[str, Any], steps: tuple[str, ...], value: Any) -> None:
    for step in steps[:-1]:
        body = body.setdefault(step, {})
    body[steps[-1]] = value


def _single(value: FieldValue) -> Scalar:
    return (value[0] if value else None) if isinstance(value, tuple) else value
