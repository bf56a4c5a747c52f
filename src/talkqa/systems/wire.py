"""Between flat records (dotted path to value) and the JSON objects of the generic dialect.

Used by `talkqa.systems.rest`. A path whose beginning is a property of its own travels as a literal dotted key, since
one JSON key cannot hold both a value and an object.
"""

from collections.abc import Mapping
from typing import Any

from talkqa.model.record import FieldValue, Scalar
from talkqa.model.schema import EntitySchema, FieldType


class WireShape:
    """How the records of one entity are laid out; made once per entity."""

    def __init__(self, entity: EntitySchema) -> None:
        paths = {item.path for item in entity.fields}
        # An opaque field is a mere container of the fields below it.
        plain = {item.path for item in entity.fields if item.type is not FieldType.OPAQUE}
        self._canonical = {path.casefold(): path for path in paths}
        self._lists = {item.path: item.list_at for item in entity.fields if item.list_at}
        self._keys = {path: _keys_of(path, plain) for path in paths}

    def canonical(self, path: str) -> str:
        """The path as the schema spells it; unknown paths stay as they are, for the system to refuse."""
        return self._canonical.get(path.casefold(), path)

    def list_of(self, path: str) -> str | None:
        """The list that a path runs through, where it runs through one."""
        return self._lists.get(self.canonical(path))

    def nest(self, values: Mapping[str, FieldValue]) -> dict[str, Any]:
        """The JSON object for flat values; value i of a tuple goes to element i of its list."""
        body: dict[str, Any] = {}
        for given, value in values.items():
            path = self.canonical(given)
            list_at = self._lists.get(path)
            if list_at is None:
                _put(body, self._keys.get(path, (path,)), list(value) if isinstance(value, tuple) else value)
            else:
                self._put_in_list(body, list_at, path, value)
        return body

    def _put_in_list(self, body: dict[str, Any], list_at: str, path: str, value: FieldValue) -> None:
        holder, keys = body, tuple(list_at.split("."))
        for key in keys[:-1]:
            holder = holder.setdefault(key, {})
        elements: list[Any] = holder.setdefault(keys[-1], [])
        rest = path[len(list_at) + 1 :]
        each = value if isinstance(value, tuple) else (value,)
        if not rest:
            elements[:] = each
            return
        for index, one in enumerate(each):
            if index == len(elements):
                elements.append({})
            _put(elements[index], tuple(rest.split(".")), one)


def lists_in(entity: EntitySchema, values: Mapping[str, FieldValue]) -> frozenset[str]:
    """The lists that values run through."""
    fields = (entity.field(path) for path in values)
    return frozenset(field.list_at for field in fields if field is not None and field.list_at is not None)


def keep_items(
    entity: EntitySchema, values: Mapping[str, FieldValue], current: Mapping[str, FieldValue]
) -> dict[str, FieldValue]:
    """Values with what must travel beside them where a list is replaced as a whole.

    A single value goes to the first item and leaves the others as they are; a tuple says how many items there are.

    Args:
        entity: Whose values.
        values: What is to be changed.
        current: What the record holds.
    """
    named = {field.path if (field := entity.field(path)) else path: value for path, value in values.items()}
    complete: dict[str, FieldValue] = dict(named)
    for at in lists_in(entity, values):
        columns = [field.path for field in entity.fields if field.list_at == at and field.updateable]
        for path in columns:
            held, sent = current.get(path), named.get(path)
            items = held if isinstance(held, tuple) else ()
            if path not in named:
                complete[path] = items
            elif not isinstance(sent, tuple):
                complete[path] = (sent, *items[1:])
        lengths = [len(sent) for path in columns if isinstance(sent := named.get(path), tuple)]
        for path in columns if lengths else ():
            column = complete.get(path)
            complete[path] = column[: max(lengths)] if isinstance(column, tuple) else column
    return complete


def flatten(body: Mapping[str, Any]) -> dict[str, FieldValue]:
    """Dotted path to value for a JSON object; a path through a list holds one value an element, None where it lacks."""
    values: dict[str, FieldValue] = {}
    _flatten(body, "", values)
    return values


def _flatten(body: Mapping[str, Any], prefix: str, values: dict[str, FieldValue]) -> None:
    for key, value in body.items():
        path = prefix + key
        if isinstance(value, dict):
            _flatten(value, f"{path}.", values)
        elif isinstance(value, list):
            _flatten_list(value, path, values)
        else:
            values[path] = value


def _flatten_list(elements: list[Any], path: str, values: dict[str, FieldValue]) -> None:
    if not any(isinstance(element, dict) for element in elements):
        values[path] = tuple(_leaves(elements))
        return
    rows = [flatten(element) if isinstance(element, dict) else {"": element} for element in elements]
    # An empty list inside an element says nothing that the other elements' values do not.
    for key in dict.fromkeys(key for row in rows for key, value in row.items() if value != ()):
        values[f"{path}.{key}".rstrip(".")] = tuple(_leaves([row.get(key) for row in rows]))


def _leaves(elements: list[Any]) -> list[Scalar]:
    """The scalars of nested lists and of objects in them, one after the other."""
    leaves: list[Scalar] = []
    for element in elements:
        if isinstance(element, list | tuple):
            leaves.extend(_leaves(list(element)))
        elif isinstance(element, dict):
            leaves.extend(_leaves(list(flatten(element).values())))
        else:
            leaves.append(element)
    return leaves


def _keys_of(path: str, paths: set[str]) -> tuple[str, ...]:
    parts = path.split(".")
    if any(".".join(parts[:end]) in paths for end in range(1, len(parts))):
        return (path,)
    return tuple(parts)


def _put(holder: dict[str, Any], keys: tuple[str, ...], value: Any) -> None:
    for key in keys[:-1]:
        holder = holder.setdefault(key, {})
    holder[keys[-1]] = value
