"""Bodies that are sent to the emulated API: read in the types of the service, checked by its rules, stored.

Used by the emulator. What breaks a rule is refused with 500, what cannot be read with 400.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from talkqa.model.record import FieldValue, Scalar
from talkqa.model.schema import FieldType
from talkqa.sandbox.dialects.exactonline.errors import refuse, refuse_rule, refuse_value
from talkqa.sandbox.dialects.exactonline.facts import Kind
from talkqa.sandbox.dialects.exactonline.tables import Company, Row, Table
from talkqa.sandbox.layout import Values
from talkqa.sandbox.store import EntityStore, Refused, Stored
from talkqa.sandbox.validation import Problem

_DATE = re.compile(r"/Date\((-?\d{1,15})(?:[+-]\d{4})?\)/")
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_ACTIVE_CURRENCIES = frozenset({"CHF", "DKK", "EUR", "GBP", "NOK", "SEK", "USD"})
_CURRENCIES = ("PurchaseCurrency", "SalesCurrency")
_LARGE_EDITIONS = ("WarehouseID", "SelectionCode", "IncotermCode", "IncotermAddress", "IncotermVersion")
_USERS_OF = (
    ("Quotations", "OrderAccount"),
    ("Quotations", "DeliveryAccount"),
    ("Quotations", "InvoiceAccount"),
    ("SalesOrders", "OrderedBy"),
    ("SalesOrders", "DeliverTo"),
    ("SalesOrders", "InvoiceTo"),
)


class Writer:
    """Creates, changes and deletes rows."""

    def __init__(self, company: Company, quirk: Callable[[str], bool]) -> None:
        self._company = company
        self._quirk = quirk
        company.store.derive = self._fill

    def create(self, table: Table, content: bytes, user: str) -> Stored:
        """A new row, with its lines.

        Raises:
            Refusal: for what the body breaks.
        """
        body = _parse(content)
        lines = self._lines(table, body)
        values = self._read(table, body, creating=True)
        self._keep_rules(table, values, None)
        self._keep_rules_of_orders(table, values, lines)
        store = _store(table)
        stored = self._stored(lambda: store.create(values, user))
        for line in lines:
            self._add_line(self._company.tables[table.resource.lines], {**line, _header(table): stored.id}, user)
        if table.resource.header:
            self._company.line_ids.setdefault(str(values.get(table.resource.header)), []).append(stored.id)
            self._touch_header(table, values, user)
        return stored

    def update(self, table: Table, stored: Stored, content: bytes, user: str) -> None:
        """Change the properties named.

        Raises:
            Refusal: for what the body breaks.
        """
        values = self._read(table, _parse(content), creating=False)
        self._keep_rules(table, values, stored)
        self._stored(lambda: _store(table).update(stored, values, user))
        if table.resource.header:
            self._touch_header(table, stored.values, user)

    def delete(self, table: Table, stored: Stored, user: str) -> None:
        """Delete a row, and what belongs to it.

        Raises:
            Refusal: where it is in use.
        """
        if self._is_used(table, stored.id):
            raise self._broken("in_use", table.name)
        if table.name == "Accounts":
            contacts = [row for row in self._rows("Contacts") if row.own("Account") == stored.id]
            if contacts and not self._quirk("account-takes-contacts"):
                raise self._broken("in_use", table.name)
            for row in contacts:
                _store(row.table).delete(row.stored, user)
        for row in self._company.lines(table, stored.id) if table.resource.lines else ():
            _store(row.table).delete(row.stored, user)
        _store(table).delete(stored, user)

    def _read(self, table: Table, body: Mapping[str, Any], *, creating: bool) -> Values:
        """The values of a body; what is read-only falls by the wayside without a word."""
        values: Values = {}
        problems: list[Problem] = []
        for name, value in body.items():
            field = table.fields.get(name)
            if name in ("__metadata", table.resource.lines):
                continue
            if field is None:
                message = f"The property '{name}' does not exist on type '{table.resource.type}'."
                raise refuse(400, f"Error processing request stream. {message}")
            if name == table.key or not (field.createable if creating else field.updateable):
                if not self._quirk("read-only-ignored"):
                    problems.append(Problem(code="read_only", message=name, field=name))
                continue
            if name == field.path or field.path not in body:  # of two names of one property the plain one wins
                values[field.path] = self._value(table, name, value)
        if problems:
            raise refuse_rule(problems, dutch=self._quirk("dutch"))
        return values

    def _value(self, table: Table, name: str, value: Any) -> Scalar:
        """A value in its neutral form."""
        kind, field = table.kinds[name], table.fields[name]
        if value is None:
            return None
        made = _READERS[kind](value)
        if made is None:
            raise refuse_value(name, kind)
        if kind is Kind.DATETIME:
            return _date_of(int(made)) if name in table.dates else self._company.stamp_of_ms(int(made))
        if kind is Kind.GUID:
            unknown = not self._company.store.knows_reference(field, str(made))
            return None if unknown and self._quirk("foreign-guids-dropped") else made
        if kind is Kind.BYTE and field.type is not FieldType.INTEGER:
            return bool(made) if field.type is FieldType.BOOLEAN else str(made)
        return self._text(table, name, made) if isinstance(made, str) else made

    def _text(self, table: Table, name: str, text: str) -> str | None:
        """A text as it is kept: without padding, and cut where that is the manner."""
        if name in table.resource.padded:
            text = text.strip()
        room = table.fields[name].max_length
        return (text[:room] if room is not None and self._quirk("long-text-cut") else text) or None

    def _lines(self, table: Table, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        sent = body.get(table.resource.lines) if table.resource.lines else None
        sent = sent.get("results") if isinstance(sent, dict) else sent
        if sent is None:
            return []
        if not isinstance(sent, list) or not all(isinstance(line, dict) for line in sent):
            raise refuse_value(table.resource.lines, "Collection")
        return sent

    def _keep_rules(self, table: Table, values: Values, stored: Stored | None) -> None:
        problems: list[Problem] = []
        if table.name == "Contacts":
            now = {**(stored.values if stored else {}), **values}
            if not now.get("FirstName") and not now.get("LastName"):
                problems.append(Problem(code="required", message="LastName", field="LastName"))
        if table.name == "Accounts":
            code = values.get("Code")
            if isinstance(code, str) and not code.isdecimal():
                problems.append(Problem(code="not_a_number", message="Code", field="Code"))
            contact = self._company.record("Contacts", values.get("MainContact"))
            if contact is not None and (stored is None or contact.values.get("Account") != stored.id):
                problems.append(Problem(code="foreign_contact", message="MainContact", field="MainContact"))
        if self._quirk("basic-edition") and any(values.get(name) is not None for name in _LARGE_EDITIONS):
            named = next(name for name in _LARGE_EDITIONS if values.get(name) is not None)
            raise refuse(500, f"Not allow to update in Basic : {named}")
        if problems:
            raise refuse_rule(problems, dutch=self._quirk("dutch"))

    def _keep_rules_of_orders(self, table: Table, values: Values, lines: list[dict[str, Any]]) -> None:
        if not table.resource.lines:
            if table.resource.header:
                self._check_line(values)
            return
        by = "OrderAccount" if table.name == "Quotations" else "OrderedBy"
        account = self._company.record("Accounts", values.get(by))
        needs = self._quirk("quotations-need-customers") if table.name == "Quotations" else True
        if account is not None and needs and account.values.get("Status") != "C":
            raise self._broken("not_a_customer", by)
        if not lines:
            raise self._broken("required", table.resource.lines)
        of_lines = self._company.tables[table.resource.lines]
        for line in lines:
            read = self._read(of_lines, line, creating=True)
            self._check_line(read)
            try:
                _store(of_lines).check(read)
            except Refused as refused:
                problems = [one for one in refused.problems if one.field != _header(table)]
                if problems:
                    raise refuse_rule(problems, dutch=self._quirk("dutch")) from refused

    def _check_line(self, values: Values) -> None:
        item = self._company.record("Items", values.get("Item"))
        if item is not None and item.values.get("IsSalesItem") is not True:
            raise self._broken("not_for_sale", "Item")

    def _add_line(self, table: Table, line: Mapping[str, Any], user: str) -> None:
        values = self._read(table, line, creating=True)
        stored = self._stored(lambda: _store(table).create(values, user))
        self._company.line_ids.setdefault(str(values[table.resource.header]), []).append(stored.id)

    def _touch_header(self, table: Table, values: Mapping[str, FieldValue], user: str) -> None:
        if not self._quirk("lines-stamp-headers"):
            return
        name = "Quotations" if table.resource.header == "QuotationID" else "SalesOrders"
        header = self._company.record(name, values.get(table.resource.header))
        if header is not None:
            _store(self._company.tables[name]).touch(header, user)

    def _is_used(self, table: Table, record_id: str) -> bool:
        if table.name == "Accounts":
            return any(row.own(name) == record_id for of, name in _USERS_OF for row in self._rows(of))
        if table.name == "Items":
            lines = (row for of in ("QuotationLines", "SalesOrderLines") for row in self._rows(of))
            return any(row.own("Item") == record_id for row in lines)
        return False

    def _rows(self, name: str) -> list[Row]:
        return list(self._company.rows(self._company.tables[name]))

    def _stored(self, write: Callable[[], Stored]) -> Stored:
        try:
            return write()
        except Refused as refused:
            raise refuse_rule(refused.problems, dutch=self._quirk("dutch")) from refused

    def _broken(self, code: str, name: str) -> Exception:
        return refuse_rule([Problem(code=code, message=name, field=name)], dutch=self._quirk("dutch"))

    def _fill(self, store: EntityStore, values: Values, record_id: str, before: Stored | None, user: str) -> None:
        """What the service itself puts into a record; the store asks before each write."""
        values.update(self._company.overrides.pop(record_id, {}))
        if before is None:
            _put(store, values, "Created", self._company.store.stamp())
            _put(store, values, "Creator", self._company.user_id(user))
            self._fill_new(store, values)
        name = store.schema.name.casefold()
        if name == "accounts" and self._quirk("inactive-currencies-emptied"):
            for one in _CURRENCIES:
                if values.get(one) is not None and values[one] not in _ACTIVE_CURRENCIES:
                    values[one] = None

    def _fill_new(self, store: EntityStore, values: Values) -> None:
        name = store.schema.name.casefold()
        today = self._company.store.stamp()[:10]
        defaults: dict[str, FieldValue] = {}
        if name == "accounts":
            defaults = {"Code": self._next(store, "Code"), "Status": "A", "StartDate": today}
        elif name == "items":
            defaults = {"IsSalesItem": self._quirk("items-are-sold"), "Unit": "pc", "StartDate": today}
        elif name == "quotations":
            account = values.get("OrderAccount")
            defaults = {"DeliveryAccount": account, "InvoiceAccount": account, "Currency": "EUR", "Status": "20"}
            defaults |= {"QuotationNumber": self._next(store, "QuotationNumber"), "VersionNumber": 1}
            defaults |= {"QuotationDate": today}
        elif name == "salesorders":
            account = values.get("OrderedBy")
            defaults = {"DeliverTo": account, "InvoiceTo": account, "Currency": "EUR", "Status": "12"}
            defaults |= {"DeliveryStatus": "12", "InvoiceStatus": "12", "ApprovalStatus": "0"}
            defaults |= {"OrderNumber": self._next(store, "OrderNumber"), "OrderDate": today}
        elif name in {"quotationlines", "salesorderlines"}:
            defaults = {"Quantity": 1}
        for path, value in defaults.items():
            # A number that may not be empty was set to 0 just before.
            if values.get(path) is None or (path.endswith("Number") and not values[path]):
                _put(store, values, path, value)

    def _next(self, store: EntityStore, path: str) -> FieldValue:
        """The highest number so far and one more."""
        numbers = [str(one.values.get(path) or "") for one in store.all()]
        highest = max((int(text) for text in numbers if text.isdecimal()), default=0)
        return str(highest + 1) if path == "Code" else highest + 1


def _store(table: Table) -> EntityStore:
    if table.store is None:
        raise refuse(403, "Forbidden")
    return table.store


def _header(table: Table) -> str:
    return "QuotationID" if table.name == "Quotations" else "OrderID"


def _put(store: EntityStore, values: Values, path: str, value: FieldValue) -> None:
    if path.casefold() in store.layout.fields:
        values[path] = value


def _parse(content: bytes) -> dict[str, Any]:
    try:
        body = json.loads(content)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise refuse(400, "Error processing request stream. The request body is no JSON object.")
    return body


def _read_guid(value: Any) -> str | None:
    return value.lower() if isinstance(value, str) and _GUID.fullmatch(value) else None


def _read_text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _read_whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _read_code(value: Any) -> str | None:
    whole = _read_whole(value)
    return None if whole is None else str(whole)


def _read_byte(value: Any) -> int | None:
    whole = _read_whole(value)
    return whole if whole is not None and 0 <= whole <= 255 else None


def _read_double(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _read_boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _read_time(value: Any) -> int | None:
    if not isinstance(value, str):
        return None
    found = _DATE.fullmatch(value)
    if found:
        return int(found.group(1))
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    # A zone is not looked at: what is written is what the clock on the wall shows.
    return round(moment.replace(tzinfo=UTC).timestamp() * 1000)


def _date_of(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).date().isoformat()


_READERS: Mapping[Kind, Callable[[Any], Scalar]] = {
    Kind.GUID: _read_guid,
    Kind.STRING: _read_text,
    Kind.INT16: _read_code,
    Kind.INT32: _read_whole,
    Kind.INT64: _read_whole,
    Kind.BYTE: _read_byte,
    Kind.DOUBLE: _read_double,
    Kind.BOOLEAN: _read_boolean,
    Kind.DATETIME: _read_time,
    Kind.BINARY: _read_text,
}
