"""The reference engine's own reading and writing of REST bodies: layout of lists, forms of values, reasons of errors.

Used by the REST connector; neither clients nor emulators share it.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from talkqa.model.record import FieldValue
from talkqa.model.rest import AS_IS, GENERIC_API, GENERIC_ENTITY, ErrorShape, RestApi, RestEntity
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType
from talkqa.sandbox.connectors.contract import Values

_TIMES = (FieldType.DATE, FieldType.DATETIME)
_MARKS = {"yyyy": "year", "MM": "month", "dd": "day", "HH": "hour", "mm": "minute", "ss": "second"}
_MARK = re.compile("|".join(_MARKS))


class Shape:
    """How one entity's bodies are read and written."""

    def __init__(self, schema: EntitySchema, api: RestApi, *, generic: bool) -> None:
        self.schema = schema
        self.api = api
        self.rest: RestEntity = schema.rest or (GENERIC_ENTITY if generic else RestEntity())
        self.id_steps = schema.id_field.split(".")
        stamp = schema.modified_field or ("_modified" if generic else "")
        self.stamp_path = stamp
        self.stamp_steps = stamp.split(".") if stamp else []
        paths = {f.path for f in schema.fields}
        self._lists = {f.path: f.list_at for f in schema.fields if f.list_at}
        self._dotted = frozenset(f.path for f in schema.fields if _below(f.path) & paths - {f.list_at or ""})
        """Paths below another path that is itself a field: their key holds the dots."""
        self._own = dict(self.rest.forms)
        self._changed = () if api == GENERIC_API else tuple(f for f in schema.fields if self._differs(f))

    def flat(self, body: Mapping[str, Any]) -> Values:
        """Neutral values by dotted path."""
        values = self._flat(body, "")
        for field in self._changed:
            path = field.path
            keyed = f"{path}.{self.api.reference_key}"
            if field.type is FieldType.REFERENCE and self.api.references == "object" and keyed in values:
                values[path] = values.pop(keyed)
            if values.get(path) is not None:
                values[path] = _over(values[path], lambda one, field=field: self._neutral(field, one))
        return values

    def nested(self, values: Mapping[str, FieldValue]) -> dict[str, Any]:
        """The JSON object that writes neutral values."""
        known = {field.path: field for field in self._changed}
        body: dict[str, Any] = {}
        for path, value in values.items():
            written: Any = value
            if path in known and value is not None:
                written = _over(value, lambda one, field=known[path]: self._formed(field, one))
            at = self._lists.get(path)
            plain = list(written) if isinstance(written, tuple) else written
            if path in self._dotted:
                body[path] = plain
            elif at is None or at == path:
                _place(body, path.split("."), plain)
            else:
                _spread(body, at, path[len(at) + 1 :], written)
        return body

    def stamp(self, text: str, form: str) -> str:
        """A neutral stamp as a query writes it."""
        return str(_to_form(text, form or self._form_of_stamp()))

    def _form_of_stamp(self) -> str:
        return self._own.get(self.stamp_path, self.api.datetimes)

    def _differs(self, field: FieldSchema) -> bool:
        return field.type in (*_TIMES, FieldType.DECIMAL, FieldType.INTEGER, FieldType.REFERENCE, FieldType.ID)

    def _neutral(self, field: FieldSchema, value: Any) -> Any:
        if field.type in _TIMES:
            moment = _from_form(value, self._form_of(field))
            if moment is None:
                return value
            return moment.date().isoformat() if field.type is FieldType.DATE else _iso(moment)
        if field.type in (FieldType.REFERENCE, FieldType.ID):
            return str(value) if type(value) is int else value
        if isinstance(value, str):
            try:
                return int(value) if value.lstrip("-").isdecimal() else float(value)
            except ValueError:
                return value
        return value

    def _formed(self, field: FieldSchema, value: Any) -> Any:
        if field.type in _TIMES:
            return _to_form(value, self._form_of(field))
        if field.type is FieldType.REFERENCE:
            written = int(value) if self.api.ids == "number" and str(value).isdecimal() else value
            return {self.api.reference_key: written} if self.api.references == "object" else written
        if field.type is FieldType.DECIMAL and self.api.decimals == "text" and type(value) in (int, float):
            text = f"{value:.10f}"
            return text.rstrip("0").rstrip(".")
        return value

    def _form_of(self, field: FieldSchema) -> str:
        return self._own.get(field.path, self.api.dates if field.type is FieldType.DATE else self.api.datetimes)

    def _flat(self, body: Mapping[str, Any], prefix: str) -> Values:
        values: Values = {}
        for key, value in body.items():
            path = prefix + key
            if isinstance(value, Mapping):
                values.update(self._flat(value, path + "."))
            elif isinstance(value, list):
                if not any(isinstance(item, Mapping) for item in value):
                    if value or path in self._lists:
                        values[path] = tuple(value)
                    continue
                rows = [self._flat(item, path + ".") for item in value]
                for inner in {inner: None for row in rows for inner in row}:
                    values[inner] = tuple(_one(row.get(inner)) for row in rows)
            else:
                values[path] = value
        return values


def with_items(schema: EntitySchema, values: Mapping[str, FieldValue], held: Mapping[str, FieldValue]) -> Values:
    """Values with the other columns of the lists they touch, cut to as many rows, where lists are replaced whole."""
    lists = {field.list_at: 0 for path in values if (field := schema.field(path)) is not None and field.list_at}
    for path, value in values.items():
        field = schema.field(path)
        if field is not None and field.list_at in lists:
            lists[field.list_at] = max(lists[field.list_at], len(value) if isinstance(value, tuple) else 1)
    columns = {field.path: held.get(field.path) for field in schema.fields if field.list_at in lists}
    kept = {
        path: column[: lists[at]]
        for path, column in columns.items()
        if path not in values and isinstance(column, tuple) and (at := _list_at(schema, path)) is not None
    }
    return {**kept, **values}


def _list_at(schema: EntitySchema, path: str) -> str | None:
    field = schema.field(path)
    return None if field is None else field.list_at


def look(body: Any, steps: Iterable[str]) -> Any:
    """What is at a path; None where nothing is."""
    for step in steps:
        body = body.get(step) if isinstance(body, Mapping) else None
    return body


def reasons(body: Any, shape: ErrorShape) -> list[tuple[str, str, str]]:
    """Code, message and field of each problem that an answer tells."""
    held = look(body, shape.items)
    if shape.kind == "fields":
        found = [("", str(said), str(name)) for name, said in (held.items() if isinstance(held, Mapping) else ())]
        return found or [("", str(look(body, shape.message) or ""), "")]
    problems = held if isinstance(held, list) else [held]
    paths = (shape.code, shape.message, shape.field)
    return [
        (texts[0], texts[1], texts[2])
        for one in problems
        if isinstance(one, Mapping)
        for texts in [[str((look(one, path) if path else None) or "") for path in paths]]
    ]


def _from_form(value: Any, form: str) -> datetime | None:
    try:
        if form in (AS_IS, "iso"):
            moment = datetime.fromisoformat(value)
        elif form in ("epoch-s", "epoch-ms"):
            return datetime.fromtimestamp(float(value) / (1000 if form == "epoch-ms" else 1), UTC)
        else:
            moment = _from_pattern(value, form)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _from_pattern(value: str, form: str) -> datetime:
    """By position: the parts of a pattern have as many letters as the text has digits."""
    found = {_MARKS[mark[0]]: int(value[mark.start() : mark.end()]) for mark in _MARK.finditer(form)}
    return datetime(**{"year": 1, "month": 1, "day": 1, **found}, tzinfo=UTC)


def _to_form(value: Any, form: str) -> Any:
    if form in (AS_IS, "iso") or not isinstance(value, str):
        return value
    moment = _from_form(value, "iso")
    if moment is None:
        return value
    if form in ("epoch-s", "epoch-ms"):
        ms = round(moment.timestamp() * 1000)
        return ms if form == "epoch-ms" else ms // 1000 if ms % 1000 == 0 else ms / 1000
    return _MARK.sub(lambda mark: str(getattr(moment, _MARKS[mark[0]])).zfill(len(mark[0])), form)


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds").replace("+00:00", "Z")


def _over(value: FieldValue, change: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(None if one is None else change(one) for one in value)
    return change(value)


def _below(path: str) -> set[str]:
    return {path[:at] for at, letter in enumerate(path) if letter == "."}


def _one(value: FieldValue) -> Any:
    return (value[0] if value else None) if isinstance(value, tuple) else value


def _place(body: dict[str, Any], steps: list[str], value: Any) -> None:
    for step in steps[:-1]:
        body = body.setdefault(step, {})
    body[steps[-1]] = value


def _spread(body: dict[str, Any], at: str, inner: str, value: FieldValue) -> None:
    """Put a column of values into the items of a list, which grows as needed."""
    steps = at.split(".")
    for step in steps[:-1]:
        body = body.setdefault(step, {})
    items = body.setdefault(steps[-1], [])
    for row, item in enumerate(value if isinstance(value, tuple) else (value,)):
        if row == len(items):
            items.append({})
        _place(items[row], inner.split("."), item)
