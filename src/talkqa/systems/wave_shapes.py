"""Wave's entities on the wire: what is asked for, what is written, and how both become flat records.

Used by the client of Wave alone. Wave takes another shape than it gives: `address.country.code` is read and
`address.countryCode` written. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from talkqa.model.record import FieldValue, Record, Scalar
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType
from talkqa.systems.graphql import place, read_path, select

_WRITTEN_AS: Mapping[tuple[str, str], str] = {
    ("province", "code"): "provinceCode",
    ("country", "code"): "countryCode",
    ("currency", "code"): "currency",
    ("subtype", "value"): "subtype",
}
_TEXTS = frozenset({FieldType.STRING, FieldType.TEXT, FieldType.EMAIL, FieldType.PHONE, FieldType.URL})
_TAXES = "items.taxes.salesTax.id"
"""Taxes of an item: a list in a list, which no flat record holds, but which must be sent back with its item."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveFacts:
    """How one entity is asked for."""

    single: str
    plural: str
    sort: str | None = None
    """By which the list is read; None where it takes no order."""
    since: bool = False
    """Whether the list can be limited to what was modified after a moment."""
    filters: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Path to the list's argument and its type."""
    removal_key: str = "id"
    """What the input of a removal calls the id."""
    page_size: int = 100

    @property
    def newest_first(self) -> bool:
        """Whether the order of the list stands in for a filter."""
        return self.sort is not None and not self.since


_ASCENDING = "MODIFIED_AT_ASC"
_FACTS: Mapping[str, WaveFacts] = {
    "Customer": WaveFacts(
        single="customer",
        plural="customers",
        sort=_ASCENDING,
        since=True,
        filters={"email": ("email", "String")},
    ),
    "Product": WaveFacts(single="product", plural="products", sort="MODIFIED_AT_DESC"),
    "Invoice": WaveFacts(
        single="invoice",
        plural="invoices",
        sort=_ASCENDING,
        since=True,
        filters={"invoiceNumber": ("invoiceNumber", "String"), "customer.id": ("customerId", "ID")},
        removal_key="invoiceId",
        page_size=50,  # nested lists cost much: 100 are too expensive on the real system
    ),
    "SalesTax": WaveFacts(single="salesTax", plural="salesTaxes", since=True),
}


class WaveShape:
    """The wire form of one entity; made once a client."""

    def __init__(self, entity: EntitySchema) -> None:
        self.entity = entity
        single = entity.name[:1].lower() + entity.name[1:]
        self.facts = _FACTS.get(entity.name) or WaveFacts(single=single, plural=f"{single}s")
        self._leaves = tuple(
            (item, tuple(item.path.split("."))) for item in entity.fields if item.type is not FieldType.OPAQUE
        )
        taxes = (_TAXES,) if entity.field(_TAXES) else ()
        self.selection = select((*(item.path for item, _ in self._leaves), *taxes))
        self._written = {
            ".".join(write_steps(item)): item.path for item in entity.fields if item.createable or item.updateable
        }

    def stamp_of(self, node: Mapping[str, Any]) -> str | None:
        """When a record was modified last, to the millisecond, so that stamps compare as texts."""
        named = self.entity.modified_field
        stamp = _stamp(node.get(named)) if named else None
        return stamp if stamp is None or len(stamp) != 20 else f"{stamp[:-1]}.000Z"

    def record(self, system: str, node: Mapping[str, Any]) -> Record:
        """The flat record of an answer."""
        node = ordered(node)
        return Record(
            system=system,
            entity=self.entity.name,
            id=str(node.get(self.entity.id_field) or ""),
            values={item.path: _read(item, read_path(node, steps)) for item, steps in self._leaves},
            modified=self.stamp_of(node),
        )

    def field(self, path: str) -> FieldSchema | None:
        """The field that a path, an alias or a place in an input names."""
        return self.entity.field(path) or self.entity.field(self._written.get(path, ""))

    def field_named(self, steps: tuple[str, ...]) -> str:
        """The canonical path for a place in an input, as errors name it; what is not known stays as it is."""
        path = ".".join(step for step in steps if not step.isdigit())
        found = self.field(path)
        return path if found is None else found.path

    def compose(self, values: Mapping[str, FieldValue], node: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The input that writes some properties.

        An object or a list is sent whole: an API that replaces it would else clear the rest of it.

        Args:
            values: Path to value; a single value of a list goes to its first element.
            node: The record as it is now; None for a new one.
        """
        composed: dict[str, Any] = {}
        columns: dict[str, list[tuple[FieldSchema, FieldValue]]] = {}
        plain: list[tuple[tuple[str, ...], Any]] = []
        for path, value in values.items():
            item = self.field(path)
            if item is not None and item.list_at is not None:
                columns.setdefault(item.list_at, []).append((item, value))
            else:
                plain.append((tuple(path.split(".")) if item is None else write_steps(item), _written(item, value)))
        for top in dict.fromkeys(steps[0] for steps, _ in plain if len(steps) > 1):
            self._restate(top, node or {}, composed)
        for steps, value in plain:
            place(composed, steps, value)
        for list_at, sent in columns.items():
            self._compose_list(list_at, sent, ordered(node or {}), composed)
        return composed

    def needs_current(self, values: Mapping[str, FieldValue]) -> bool:
        """Whether a change of these properties has to send what the record holds beside them."""
        fields = (self.field(path) for path in values)
        return any(item is not None and (item.list_at or len(write_steps(item)) > 1) for item in fields)

    def _restate(self, top: str, node: Mapping[str, Any], composed: dict[str, Any]) -> None:
        for item in self.entity.fields:
            steps = write_steps(item)
            if item.updateable and item.list_at is None and steps[0] == top and len(steps) > 1:
                held = _read(item, read_path(node, tuple(item.path.split("."))))
                if held is not None:
                    place(composed, steps, _written(item, held))

    def _compose_list(
        self,
        list_at: str,
        sent: list[tuple[FieldSchema, FieldValue]],
        node: Mapping[str, Any],
        composed: dict[str, Any],
    ) -> None:
        held = read_path(node, tuple(list_at.split(".")))
        rows = [one for one in held if isinstance(one, dict)] if isinstance(held, tuple) else []
        flat = len(write_steps(sent[0][0])) == list_at.count(".") + 1
        if flat:
            ids = [row.get("id") for row in rows]
            given = [one for one in _column(sent[0][1]) if one is not None]
            place(composed, write_steps(sent[0][0]), [*given, *ids[len(given) :]] if given else [])
            return
        elements = [self._restate_element(list_at, row) for row in rows]
        depth = list_at.count(".") + 1
        for item, value in sent:
            for at, one in enumerate(_column(value)):
                if at == len(elements):
                    elements.append({})
                place(elements[at], write_steps(item)[depth:], _written(item, one))
        place(composed, tuple(list_at.split(".")), elements)

    def _restate_element(self, list_at: str, row: Mapping[str, Any]) -> dict[str, Any]:
        element: dict[str, Any] = {}
        depth = list_at.count(".") + 1
        for item in self.entity.fields:
            if item.list_at == list_at and item.updateable and item.type is not FieldType.OPAQUE:
                held = _scalar(item, read_path(row, tuple(item.path.split("."))[depth:]))
                if held is not None:
                    place(element, write_steps(item)[depth:], _written(item, held))
        if isinstance(row.get("taxes"), list):
            # Left out, the taxes of the product would come back.
            ids = [read_path(tax, ("salesTax", "id")) for tax in row["taxes"]]
            element["taxes"] = [{"salesTaxId": one} for one in ids if one]
        return element


def write_steps(item: FieldSchema) -> tuple[str, ...]:
    """Where a field sits in an input."""
    steps = tuple(item.path.split("."))
    if len(steps) < 2:
        return steps
    code = _WRITTEN_AS.get((steps[-2], steps[-1]))
    if code is not None:
        return (*steps[:-2], code)
    if steps[-1] != "id":
        return steps
    if item.list_at == ".".join(steps[:-1]):
        word = steps[-2].removesuffix("es") if steps[-2].endswith("xes") else steps[-2].removesuffix("s")
        return (*steps[:-2], f"{word}Ids")
    return (*steps[:-2], f"{steps[-2]}Id")


def ordered(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """The record with its items in an order of their own: the system's order says nothing, and changes."""
    items = node.get("items")
    if not isinstance(items, list) or len(items) < 2:
        return node
    return {**node, "items": sorted(items, key=_item_key)}


def _item_key(item: Any) -> tuple[str, str, Decimal, Decimal]:
    texts = tuple(str(read_path(item, steps) or "") for steps in (("product", "id"), ("description",)))
    numbers = tuple(_decimal(read_path(item, (name,))) or Decimal(0) for name in ("quantity", "unitPrice"))
    return (*texts, *numbers)  # type: ignore[return-value]


def before(stamp: str, seconds: float) -> str:
    """A moment some seconds earlier, as Wave takes it."""
    moment = datetime.fromisoformat(stamp).astimezone(UTC) - timedelta(seconds=seconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _read(item: FieldSchema, value: Any) -> FieldValue:
    if isinstance(value, tuple):
        return tuple(_scalar(item, one) for one in value)
    if item.list_at is not None and value is None:
        return ()
    return _scalar(item, value)


def _scalar(item: FieldSchema, value: Any) -> Scalar:
    if value is None or (value == "" and item.type in _TEXTS):
        return None
    if item.type in (FieldType.DECIMAL, FieldType.INTEGER):
        number = _decimal(value)
        if number is None:
            return None
        return int(number) if number == number.to_integral_value() else float(number)
    if item.type is FieldType.DATETIME:
        return _stamp(value)
    return value if isinstance(value, str | int | float | bool) else None


def _decimal(value: Any) -> Decimal | None:
    try:
        number = Decimal(str(value).replace(",", ""))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _stamp(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return value
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    precision = "milliseconds" if moment.microsecond else "seconds"
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")


def _written(item: FieldSchema | None, value: FieldValue) -> Any:
    if isinstance(value, tuple):
        return [_written(item, one) for one in value]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if item is not None and item.type is FieldType.DECIMAL and number:
        return f"{Decimal(str(value)):f}"
    return value


def _column(value: FieldValue) -> tuple[Scalar, ...]:
    return value if isinstance(value, tuple) else (value,)
