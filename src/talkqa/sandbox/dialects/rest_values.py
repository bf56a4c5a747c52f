"""Stored values in the forms of an emulated REST API, and back; strict about what clients send.

Used by the REST emulator. Clients have their own code for the same forms.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from talkqa.model.record import FieldValue
from talkqa.model.rest import AS_IS, RestApi, RestEntity
from talkqa.model.schema import FieldSchema, FieldType
from talkqa.sandbox.store import EntityStore, Refused, Stored
from talkqa.sandbox.validation import Problem

_DIRECTIVES = (("yyyy", "%Y"), ("MM", "%m"), ("dd", "%d"), ("HH", "%H"), ("mm", "%M"), ("ss", "%S"))
_DECIMAL = re.compile(r"[+-]?\d+(\.\d+)?")


class _Wrong(Exception):
    """Raised for a value that is not of the API's form; says what is."""


class WireValues:
    """The bodies of one entity."""

    def __init__(self, api: RestApi, rest: RestEntity, entity: EntityStore, *, known_users: bool) -> None:
        self._api = api
        self._rest = rest
        self._entity = entity
        self._known_users = known_users
        self._forms = {path.casefold(): form for path, form in rest.forms}
        self._plain = rest.unnamed_stamps
        self._bodies: dict[str, tuple[int, bytes]] = {}

    def body_of(self, record: Stored) -> bytes:
        """A version of a record as JSON."""
        if self._plain:
            return record.body
        known = self._bodies.get(record.id)
        if known is None or known[0] != record.version:
            text = json.dumps(self._render(record), ensure_ascii=False, separators=(",", ":"))
            known = self._bodies[record.id] = (record.version, text.encode())
        return known[1]

    def read(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """What was sent, for the store.

        Raises:
            Refused: with every value that is not of the API's form.
        """
        if self._plain:
            return body
        sent, unknown = self._entity.layout.flatten(body)
        clean: dict[str, Any] = dict.fromkeys(unknown)
        problems = []
        for path, value in sent.items():
            field = self._entity.layout.fields[path.casefold()]
            try:
                clean[path] = self._read(field, value)
            except _Wrong as error:
                message = f"{path} takes {error}, not {value!r}"
                problems.append(Problem(code="wrong_type", message=message, field=path))
        if problems:
            raise Refused(*problems)
        return clean

    def read_text(self, field: FieldSchema, text: str) -> str:
        """What a value in a query means, as the store compares it; the text itself where it is of no form."""
        if field.type not in (FieldType.DATE, FieldType.DATETIME):
            return text
        try:
            return str(self._read_time(field, int(text) if text.removeprefix("-").isdecimal() else text))
        except _Wrong:
            return text

    def read_since(self, text: str, form: str) -> datetime | None:
        """The moment of a changed-since filter; None where it is not of its form."""
        form = form or self._forms.get((self._entity.schema.modified_field or "").casefold(), self._api.datetimes)
        try:
            return _moment(int(text) if form.startswith("epoch") and text.removeprefix("-").isdecimal() else text, form)
        except _Wrong:
            return None

    def _render(self, record: Stored) -> dict[str, Any]:
        schema = self._entity.schema
        marks: dict[str, FieldValue] = {schema.id_field: record.id}
        if schema.modified_field:
            marks[schema.modified_field] = record.stamp
        if schema.modified_by_field:
            marks[schema.modified_by_field] = record.user if self._known_users else None
        mark = ".".join(self._rest.deleted)
        if mark and record.deleted:
            field = self._entity.layout.fields.get(mark.casefold())
            marks[mark] = record.stamp if field and field.type is FieldType.DATETIME else True
        values = {path: self._write(path, value) for path, value in {**record.values, **marks}.items()}
        body = {} if record.deleted and self._rest.bare_tombstones else self._entity.layout.nest(values)
        for path in (
            marks if not body else [path for path in marks if path.casefold() not in self._entity.layout.fields]
        ):
            _put(body, path.split("."), values[path])
        return body

    def _write(self, path: str, value: FieldValue) -> Any:
        field = self._entity.layout.fields.get(path.casefold())
        if field is None or value is None:
            return value
        if isinstance(value, tuple):
            return tuple(None if one is None else self._write_one(field, one) for one in value)
        return self._write_one(field, value)

    def _write_one(self, field: FieldSchema, value: Any) -> Any:
        if field.type in (FieldType.DATE, FieldType.DATETIME):
            return _in_form(value, self._form_of(field), day=field.type is FieldType.DATE)
        if field.type is FieldType.DECIMAL and self._api.decimals == "text":
            return f"{value:.{field.scale}f}" if field.scale is not None else _plain_number(value)
        if field.type is FieldType.REFERENCE or (
            field.type is FieldType.ID and field.path == self._entity.schema.id_field
        ):
            written = int(value) if self._api.ids == "number" and str(value).isdecimal() else value
            keyed = field.type is FieldType.REFERENCE and self._api.references == "object"
            return {self._api.reference_key: written} if keyed else written
        return value

    def _read(self, field: FieldSchema, value: FieldValue) -> Any:
        if isinstance(value, tuple):
            return [None if one is None else self._read_one(field, one) for one in value]
        return None if value is None else self._read_one(field, value)

    def _read_one(self, field: FieldSchema, value: Any) -> Any:
        if field.type in (FieldType.DATE, FieldType.DATETIME):
            return self._read_time(field, value)
        if field.type is FieldType.DECIMAL and self._api.decimals == "text":
            if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
                raise _Wrong("a decimal number as text")
            return float(value) if "." in value else int(value)
        if field.type is FieldType.REFERENCE:
            return self._read_reference(value)
        return value

    def _read_reference(self, value: Any) -> Any:
        if self._api.references == "object":
            if not isinstance(value, dict) or self._api.reference_key not in value:
                raise _Wrong(f"an object with {self._api.reference_key}")
            value = value[self._api.reference_key]
        if value is None or self._api.ids == "text":
            return value
        if isinstance(value, bool) or not isinstance(value, int):
            raise _Wrong("the number of a record")
        return str(value)

    def _read_time(self, field: FieldSchema, value: Any) -> Any:
        form = self._form_of(field)
        if form in (AS_IS, "iso") or value == "":
            return value  # the store is strict about these itself
        moment = _moment(value, form)
        if field.type is FieldType.DATE:
            return moment.date().isoformat()
        return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds").replace("+00:00", "Z")

    def _form_of(self, field: FieldSchema) -> str:
        default = self._api.dates if field.type is FieldType.DATE else self._api.datetimes
        return self._forms.get(field.path.casefold(), default)


def _in_form(value: str, form: str, *, day: bool) -> Any:
    if form in (AS_IS, "iso"):
        return value
    moment = datetime.fromisoformat(value).replace(tzinfo=UTC) if day else datetime.fromisoformat(value)
    if form == "epoch-ms":
        return round(moment.timestamp() * 1000)
    if form == "epoch-s":
        seconds = moment.timestamp()
        return int(seconds) if seconds.is_integer() else seconds
    return moment.strftime(_directives(form))


def _moment(value: Any, form: str) -> datetime:
    try:
        if form in ("epoch-s", "epoch-ms"):
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise _Wrong("a number of milliseconds" if form == "epoch-ms" else "a number of seconds")
            return datetime.fromtimestamp(value / 1000 if form == "epoch-ms" else value, UTC)
        if form in (AS_IS, "iso"):
            moment = datetime.fromisoformat(value)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        return datetime.strptime(value, _directives(form)).replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise _Wrong(f"a time as {form}") from error


def _directives(form: str) -> str:
    text = form.replace("%", "%%")
    for part, directive in _DIRECTIVES:
        text = text.replace(part, directive)
    return text


def _plain_number(value: Any) -> str:
    text = repr(value)
    return f"{value:.12f}".rstrip("0").rstrip(".") if "e" in text else text


def _put(body: dict[str, Any], steps: list[str], value: Any) -> None:
    for step in steps[:-1]:
        body = body.setdefault(step, {})
    body[steps[-1]] = value
