"""Writes: from the JSON of a request to the store, by the system's own rules."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from talkqa.model.schema import FieldSchema, FieldType
from talkqa.sandbox.dialects.salesforce.ids import expand
from talkqa.sandbox.dialects.salesforce.refusals import ApiFault, gather, refuse
from talkqa.sandbox.dialects.salesforce.rows import Rows
from talkqa.sandbox.dialects.salesforce.rules import Rules, duplicate_fault, look_alikes
from talkqa.sandbox.layout import Values
from talkqa.sandbox.store import EntityStore, Refused, Stored

_LINE_END = re.compile(r"\r\n|\r|\n")
_NOT_CREATABLE = ("METHOD_NOT_ALLOWED", "HTTP Method not allowed for this resource.")
_NOT_ALLOWED = ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "entity type cannot be inserted or deleted")


def read_body(body: bytes) -> dict[str, Any]:
    """The JSON object of a request.

    Raises:
        ApiFault: where there is none.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    if isinstance(content, dict):
        return content
    raise refuse(400, "JSON_PARSER_ERROR", "The HTTP entity body is required to be a JSON object, but none was found")


class Writing:
    """Creates, changes and deletes the records of one system."""

    def __init__(self, rows: Rows, rules: Rules, quirk: Callable[[str], bool]) -> None:
        self._rows = rows
        self._rules = rules
        self._quirk = quirk

    def create(self, entity: EntityStore, body: Mapping[str, Any], user: str, *, allow_duplicates: bool) -> Stored:
        """Store a new record.

        Raises:
            ApiFault: where the system will not have it.
        """
        record = entity.create(self.check(entity, body, None, allow_duplicates=allow_duplicates), user)
        self._rules.total(entity, record.values, user)
        return record

    def update(
        self, entity: EntityStore, record: Stored, body: Mapping[str, Any], user: str, *, allow_duplicates: bool
    ) -> Stored:
        """Change a record.

        Raises:
            ApiFault: where the system will not have it.
        """
        changed = entity.update(record, self.check(entity, body, record, allow_duplicates=allow_duplicates), user)
        self._rules.total(entity, changed.values, user)
        return changed

    def delete(self, entity: EntityStore, record: Stored, user: str) -> None:
        """Put a record into the bin, with what belongs to it.

        Raises:
            ApiFault: where it cannot be deleted.
        """
        self.check_delete(entity, record)
        for store, belonging in self._rules.belongings(entity, record):
            if store.get(belonging.id) is not None:
                self._bin(store, belonging, user)
                for inner, below in self._rules.belongings(store, belonging):
                    self._bin(inner, below, user)
        self._bin(entity, record, user)
        self._rules.total(entity, record.values, user)

    def check_delete(self, entity: EntityStore, record: Stored) -> None:
        """See that a record could be deleted.

        Raises:
            ApiFault: where it could not.
        """
        if not entity.schema.deletable:
            raise self._not_allowed()
        self._rules.check_delete(entity, record)

    def check(
        self, entity: EntityStore, body: Mapping[str, Any], record: Stored | None, *, allow_duplicates: bool
    ) -> dict[str, Any]:
        """See that a record could be created or changed so; nothing is stored.

        Returns:
            The body as the store takes it.

        Raises:
            ApiFault: where it could not.
        """
        if record is None and not entity.schema.createable:
            raise self._not_allowed()
        if record is not None and not entity.schema.updateable:
            raise self._not_allowed()
        prepared = self._prepare(entity, body, record)
        full = prepared if record is not None else self._rules.prefill(entity, prepared)
        try:
            values = entity.check(full, record)
        except Refused as refused:
            raise gather(entity.schema.name, refused.problems, entity.layout.fields) from None
        self._rules.check(entity, values, record)
        self._check_duplicates(entity, values, record, allow_duplicates=allow_duplicates)
        return full

    def _check_duplicates(
        self, entity: EntityStore, values: Values, record: Stored | None, *, allow_duplicates: bool
    ) -> None:
        full = {**(record.values if record else {}), **values}
        if self._quirk("duplicate-rules") and not allow_duplicates:
            found = look_alikes(entity, full, record.id if record else None)
            if found:
                raise ApiFault(400, duplicate_fault(entity, found))
        if self._quirk("division-names-taken") and entity.schema.name.casefold() == "division":
            field = entity.layout.fields["name"]
            taken = [one for one in entity.find(field, str(full.get("Name"))) if record is None or one.id != record.id]
            if taken:
                raise refuse(400, "DUPLICATE_VALUE", f"duplicate value found: Name of {taken[0].id}", "Name")

    def _prepare(self, entity: EntityStore, body: Mapping[str, Any], record: Stored | None) -> dict[str, Any]:
        """A body as the store takes it: names as they are, text trimmed, ids in full, moments to the second."""
        prepared: dict[str, Any] = {}
        for key, value in body.items():
            folded = key.casefold()
            if folded == "attributes" and record is None:
                continue
            if folded in ("attributes", entity.schema.id_field.casefold()):
                message = f"The {key} field should not be specified in the sobject data."
                raise refuse(400, "INVALID_FIELD", message, key)
            field = entity.layout.fields.get(folded)
            prepared[field.path if field else key] = self._clean(field, value) if field else value
        return prepared

    def _clean(self, field: FieldSchema, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        trimmed = value.strip()
        if not trimmed:
            return None
        if field.type is FieldType.REFERENCE:
            full = expand(trimmed)
            if full is None:
                raise refuse(400, "MALFORMED_ID", f"{field.path}: id value of incorrect type: {trimmed}", field.path)
            trimmed = full
        elif field.type is FieldType.DATETIME:
            trimmed = _to_the_second(trimmed)
        elif field.type is FieldType.EMAIL and self._quirk("fold-email"):
            trimmed = trimmed.lower()
        elif field.type is FieldType.TEXT and self._quirk("crlf"):
            trimmed = _LINE_END.sub("\r\n", trimmed)
        return trimmed

    def _bin(self, entity: EntityStore, record: Stored, user: str) -> None:
        self._rows.keep(record)
        entity.delete(record, user)

    def _not_allowed(self) -> ApiFault:
        if self._quirk("method-not-allowed"):
            return refuse(405, *_NOT_CREATABLE)
        return refuse(400, *_NOT_ALLOWED)


def _to_the_second(text: str) -> str:
    try:
        return datetime.fromisoformat(text).replace(microsecond=0).isoformat() if len(text) > 10 else text
    except ValueError:
        return text  # the store says what is wrong with it
