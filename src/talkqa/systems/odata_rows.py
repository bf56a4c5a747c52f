"""Rows, pages and errors of both generations of OData, whatever their envelope.

Used by the clients that speak OData. Asks nothing.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from talkqa.model.record import FieldValue, Scalar
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType
from talkqa.systems.edm import Codec, Edm, edm_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a list."""

    rows: tuple[Mapping[str, Any], ...]
    following: str | None
    """Link to the next page; None on the last."""


def read_page(content: bytes) -> Page | None:
    """The rows of an answer, whatever its envelope; None where it is no JSON that holds rows.

    Verbose JSON puts them under `d` in three shapes (`results`, a bare list, one object), version 4 under `value`.
    """
    try:
        body = json.loads(content)
    except ValueError:
        return None
    if not isinstance(body, dict):
        return None
    following: object = body.get("@odata.nextLink")
    rows: object = body.get("value", body)
    if "d" in body:
        inner = body["d"]
        following = inner.get("__next") if isinstance(inner, dict) else None
        rows = inner.get("results", inner) if isinstance(inner, dict) else inner
    if isinstance(rows, dict):
        rows = [rows]
    if not isinstance(rows, list):
        return None
    found = tuple(row for row in rows if isinstance(row, dict))
    return Page(rows=found, following=following if isinstance(following, str) and following else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What an error body says."""

    code: str
    message: str
    targets: tuple[str, ...] = ()
    """Properties that it names as such."""


def read_fault(content: bytes) -> Fault | None:
    """The error that a body holds, verbose or plain; None where it holds none (HTML, nothing)."""
    try:
        body = json.loads(content)
    except ValueError:
        return None
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, str):  # as OAuth 2 and some gateways write it
        return Fault(code=error, message=str(body.get("error_description") or error))
    if not isinstance(error, dict):
        return None
    said = error.get("message")
    message = said.get("value") if isinstance(said, dict) else said
    details = error.get("details")
    named = [error, *(one for one in details if isinstance(one, dict))] if isinstance(details, list) else [error]
    targets = tuple(dict.fromkeys(str(one["target"]) for one in named if one.get("target")))
    return Fault(code=str(error.get("code") or ""), message=str(message or ""), targets=targets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one field sits in a row."""

    field: FieldSchema
    edm: Edm
    steps: tuple[str, ...]
    """Keys from the row down; from an item of the list down where the path runs through one."""


class Rows:
    """How the rows of one entity are laid out; made once an entity."""

    def __init__(self, entity: EntitySchema, kinds: Mapping[str, Edm]) -> None:
        """Lay out an entity.

        Args:
            entity: Its fields.
            kinds: Path to kind, where the type of the field does not tell it.
        """
        self.entity = entity
        self.places = tuple(
            Place(field=one, edm=kinds.get(one.path) or edm_of(one), steps=_steps(one)) for one in entity.fields
        )
        self._by_path = {place.field.path: place for place in self.places}
        self.lists = tuple(dict.fromkeys(one.list_at for one in entity.fields if one.list_at))
        self.expand = ",".join(at for at in self.lists if "." not in at)
        """Navigation properties; a list further down is part of a complex one, and there without being asked for."""
        plain = (p for p in self.places if not p.field.list_at and p.field.type is not FieldType.OPAQUE)
        self.columns = tuple(dict.fromkeys(place.steps[0] for place in plain))

    def place(self, path: str) -> Place | None:
        """Where a path sits, letter case folded."""
        field = self.entity.field(path)
        return None if field is None else self._by_path[field.path]

    def read(self, row: Mapping[str, Any], codec: Codec) -> dict[str, FieldValue]:
        """The values that a row holds, by canonical path; properties that the answer left out are left out."""
        values: dict[str, FieldValue] = {}
        for place in self.places:
            if place.field.type is FieldType.OPAQUE:
                continue
            if place.field.list_at is not None:
                items = items_of(step_down(row, place.field.list_at.split(".")))
                if items is not None:
                    column = tuple(codec.read(step_down(item, place.steps), place.edm) for item in items)
                    values[place.field.path] = column
            elif place.steps[0] in row:
                values[place.field.path] = codec.read(step_down(row, place.steps), place.edm)
        return values

    def write(self, values: Mapping[str, FieldValue], codec: Codec) -> dict[str, Any]:
        """The JSON body for values; paths that are not known go as they are, for the service to refuse."""
        body: dict[str, Any] = {}
        for path, value in values.items():
            place = self.place(path)
            if place is None:
                body[path] = list(value) if isinstance(value, tuple) else value
            elif place.field.list_at is not None:
                self._write_items(body, place, value, codec)
            else:
                one = value[0] if isinstance(value, tuple) and value else value
                _put(body, place.steps, None if isinstance(one, tuple) else codec.write(one, place.edm))
        return body

    def _write_items(self, body: dict[str, Any], place: Place, value: FieldValue, codec: Codec) -> None:
        items: list[dict[str, Any]] = body.setdefault(str(place.field.list_at), [])
        for index, one in enumerate(value if isinstance(value, tuple) else (value,)):
            if index == len(items):
                items.append({})
            _put(items[index], place.steps, codec.write(one, place.edm))


def items_of(value: object) -> list[Mapping[str, Any]] | None:
    """The items of an expanded navigation property; None where it was not expanded."""
    if isinstance(value, dict):
        value = value.get("results")
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else None


def _steps(field: FieldSchema) -> tuple[str, ...]:
    path = field.path[len(field.list_at) + 1 :] if field.list_at else field.path
    return tuple(path.split("."))


def step_down(row: object, steps: Iterable[str]) -> object:
    """What nested objects hold at the end of a path of keys; None where it ends before."""
    for step in steps:
        row = row.get(step) if isinstance(row, Mapping) else None
    return row


def _put(body: dict[str, Any], steps: Sequence[str], value: Scalar) -> None:
    for step in steps[:-1]:
        body = body.setdefault(step, {})
    body[steps[-1]] = value
