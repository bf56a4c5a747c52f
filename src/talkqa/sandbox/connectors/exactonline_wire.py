"""How the connector for Exact Online writes and reads: literals of a filter, `/Date(ms)/`, flags, codes, lines."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from talkqa.model.record import FieldValue
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType
from talkqa.sandbox.connectors.contract import Values

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONG_AGO = "datetime'1900-01-01T00:00:00'"
GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
PATHS = {
    "accounts": ("crm/Accounts", (2,)),
    "addresses": ("crm/Addresses", (3,)),
    "contacts": ("crm/Contacts", (5,)),
    "items": ("logistics/Items", (9,)),
    "quotationlines": ("crm/QuotationLines", (35,)),
    "quotations": ("crm/Quotations", (34,)),
    "salesorderlines": ("salesorder/SalesOrderLines", (33,)),
    "salesorders": ("salesorder/SalesOrders", (12, 32)),
}
"""Folded entity to its path and its numbers in the feed of deletions."""
_DATE = re.compile(r"/Date\((-?\d+)(?:[+-]\d{4})?\)/")
_FLAGS = frozenset(
    [
        "CostPaid",
        "IsAgency",
        "IsAnonymised",
        "IsCompetitor",
        "IsMailing",
        "SeparateInvPerProject",
        "SeparateInvPerSubscription",
        "CopyRemarks",
        "IsBatchItem",
        "IsBatchNumberItem",
        "IsMakeItem",
        "IsNewContract",
        "IsOnDemandItem",
        "IsRegistrationCodeItem",
        "IsTaxableItem",
        "IsTime",
        "IsWebshopItem",
        "UseDropShipment",
    ]
)
"""Truths that are written as 1 and 0."""
_BY_CODE = re.compile(
    r"Class_\d\d|CostCenter|CostUnit|PaymentCondition(Sales|Purchase)?|PurchaseVATCode|SalesV(AT|at)Code|State|Title|"
    r"Unit(Code)?|VATCode"
)
"""References that are codes and no GUIDs."""
_BLANKS = re.compile(r"\w+AccountCode|ResellerCode")
_BLANK_CODES = frozenset({"accounts", "contacts"})
"""Entities whose own code is told with blanks around it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How one entity is read and written."""

    entity: EntitySchema
    path: str
    deleted_types: tuple[int, ...]
    select: str
    line_list: str | None

    @classmethod
    def of(cls, entity: EntitySchema) -> Self:
        """Of an entity that `PATHS` knows."""
        path, deleted_types = PATHS[entity.name.casefold()]
        line_list = next((field.list_at for field in entity.fields if field.list_at is not None), None)
        names = [f.path for f in entity.fields if f.list_at is None and f.type is not FieldType.OPAQUE]
        return cls(
            entity=entity,
            path=path,
            deleted_types=deleted_types,
            select=",".join([*names, *([line_list] if line_list else [])]),
            line_list=line_list,
        )


def has_blanks(shape: Shape, path: str) -> bool:
    """Whether a property is told with blanks around it that nobody wrote."""
    own = path == "Code" and shape.entity.name.casefold() in _BLANK_CODES
    return own or _BLANKS.fullmatch(path) is not None


def read_values(shape: Shape, row: Mapping[str, Any], ahead: timedelta) -> Values:
    """The values of a row; `ahead` is how far stamps run before UTC."""
    values: Values = {}
    lines = row.get(shape.line_list or "")
    items = lines.get("results", []) if isinstance(lines, dict) else []
    for field in shape.entity.fields:
        if field.list_at is not None:
            name = field.path.rpartition(".")[2]
            values[field.path] = tuple(_scalar(shape, field, item.get(name), ahead) for item in items)
        elif field.path in row and field.type is not FieldType.OPAQUE:
            values[field.path] = _scalar(shape, field, row[field.path], ahead)
    return values


def _scalar(shape: Shape, field: FieldSchema, value: Any, ahead: timedelta) -> Any:
    if value is None or isinstance(value, dict | list):
        return None
    if field.type in (FieldType.DATE, FieldType.DATETIME):
        return _time(field, value, ahead)
    if field.type is FieldType.BOOLEAN:
        return bool(value)
    if field.type is FieldType.PICKLIST:
        return str(value).strip() or None
    return value.strip() if isinstance(value, str) and has_blanks(shape, field.path) else value


def _time(field: FieldSchema, value: Any, ahead: timedelta) -> Any:
    ms = ms_of(value)
    if ms is None:
        return value
    moment = EPOCH + timedelta(milliseconds=ms)
    if field.type is FieldType.DATE:
        return moment.date().isoformat()
    return (moment - ahead).isoformat().replace("+00:00", "Z")


def write_body(shape: Shape, values: Mapping[str, FieldValue], ahead: timedelta) -> dict[str, Any]:
    """The body that writes values."""
    body: dict[str, Any] = {}
    for path, value in values.items():
        field = shape.entity.field(path)
        if field is not None and field.list_at is not None:
            lines = body.setdefault(field.list_at, [])
            for at, one in enumerate(value if isinstance(value, tuple) else (value,)):
                if at == len(lines):
                    lines.append({})
                lines[at][field.path.rpartition(".")[2]] = _sent(field, one, ahead)
        else:
            one = (value[0] if value else None) if isinstance(value, tuple) else value
            body[path] = one if field is None else _sent(field, one, ahead)
    return body


def _sent(field: FieldSchema, value: Any, ahead: timedelta) -> Any:
    if value is None:
        return None
    if field.type is FieldType.DATE:
        return f"{value}T00:00:00"
    if field.type is FieldType.DATETIME:
        moment = datetime.fromisoformat(str(value)) + ahead
        return moment.replace(tzinfo=None).isoformat()
    if field.path in _FLAGS and isinstance(value, bool):
        return int(value)
    if _is_coded(field) and str(value).isdecimal():
        return int(value)
    return value


def _is_coded(field: FieldSchema) -> bool:
    """Whether a picklist's values are numbers on the wire."""
    return field.type is FieldType.PICKLIST and bool(field.picklist) and all(v.isdecimal() for v in field.picklist)


def ms_of(value: object) -> int | None:
    """Milliseconds of a `/Date(ms)/`; None of all else."""
    found = _DATE.fullmatch(value) if isinstance(value, str) else None
    return int(found.group(1)) if found else None


def literal_of_ms(ms: int) -> str:
    """A moment as a filter compares with it."""
    moment = (EPOCH + timedelta(milliseconds=ms)).replace(tzinfo=None)
    return f"datetime'{moment.isoformat(timespec='milliseconds')}'"


def literal(field: FieldSchema, text: str, ahead: timedelta) -> str | None:  # noqa: PLR0911 - one a kind
    """A text form as a literal of the field's type; None where no value of the type has that form."""
    if field.type in (FieldType.REFERENCE, FieldType.ID) and not _BY_CODE.fullmatch(field.path):
        return f"guid'{text}'" if GUID.fullmatch(text) else None
    if field.type is FieldType.BOOLEAN:
        truth = {"true": True, "false": False}.get(text)
        if truth is None:
            return None
        return str(int(truth)) if field.path in _FLAGS else text
    if field.type in (FieldType.INTEGER, FieldType.DECIMAL) or _is_coded(field):
        return text if re.fullmatch(r"-?\d+(\.\d+)?", text) else None
    if field.type in (FieldType.DATE, FieldType.DATETIME):
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return None
        moment = moment if field.type is FieldType.DATE else moment + ahead
        return f"datetime'{moment.replace(tzinfo=None).isoformat()}'"
    return "'" + text.replace("'", "''") + "'"


def text_of(value: FieldValue) -> str:
    """The text form of a value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
