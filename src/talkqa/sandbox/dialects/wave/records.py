"""Stored records as Wave shows them: nested, decimals as text, references as the records they name.

Used by the queries and by the answers of mutations. One nested form a version of a record, made when first asked for.
"""

from collections.abc import Callable, Mapping
from typing import Any

from talkqa.model.schema import FieldType
from talkqa.sandbox.dialects.wave.shapes import (
    MONEY_PLACES,
    Box,
    Writing,
    column,
    read_tree,
    reference_of,
    rounded,
    to_decimal,
)
from talkqa.sandbox.layout import Values
from talkqa.sandbox.store import Stored, SystemStore

Shown = dict[str, Any]
"""Values, nested objects, and functions of (info, **arguments) for what is not the record's own."""
Finish = Callable[[Stored, Shown], None]
"""Adds to the nested form of a record what its entity has beyond its fields."""
_CODED = ("country", "province", "currency")

_NAMES: Mapping[str, str] = {
    "BE": "Belgium",
    "CA": "Canada",
    "DE": "Germany",
    "DK": "Denmark",
    "FR": "France",
    "GB": "United Kingdom",
    "NL": "Netherlands",
    "NO": "Norway",
    "SE": "Sweden",
    "US": "United States",
    "EUR": "Euro",
    "GBP": "Pound sterling",
    "NOK": "Norwegian krone",
    "USD": "United States dollar",
    "CAD": "Canadian dollar",
}
"""Of some codes; the others are shown by their code."""
_SYMBOLS: Mapping[str, str] = {"EUR": "€", "GBP": "£", "NOK": "kr", "USD": "$", "CAD": "$"}


class Gallery:
    """Shows the records of one system."""

    def __init__(self, store: SystemStore, writing: Writing, finishers: Mapping[str, Finish]) -> None:
        self._store = store
        self._writing = writing
        self.finishers = finishers
        """By entity; what else an entity shows."""
        self._trees = {entity.name: read_tree(entity) for entity in store.schema.entities}
        self._references = {
            (name, box.path): reference
            for name, tree in self._trees.items()
            for box in _boxes(tree)
            if (reference := reference_of(store.schema, box)) is not None
        }
        self.currency = "EUR"
        """Of amounts whose record names none."""
        self._shown: dict[tuple[str, str], tuple[object, Shown]] = {}

    def show(self, entity: str, record: Stored, *, day: str = "") -> Shown:
        """The nested form of a version; `day` is what else it depends on."""
        key = (entity, record.id)
        version = (record.version, day)
        known = self._shown.get(key)
        if known is not None and known[0] == version:
            return known[1]
        values = record.values | self._marks(entity, record)
        shown = self._object(entity, self._trees[entity], values, None) or {}
        finish = self.finishers.get(entity)
        if finish is not None:
            finish(record, shown)
        self._shown[key] = (version, shown)
        return shown

    def money(self, value: Any, code: Any) -> Shown:
        """An amount in a currency."""
        amount = rounded(to_decimal(value))
        currency = named_code(str(code or self.currency))
        return {"value": self._writing.money(amount), "raw": int(amount.scaleb(MONEY_PLACES)), "currency": currency}

    def named(self, entity: str, record_id: str) -> Shown:
        """A record that another one names; one that is gone is shown by its id alone."""
        store = self._store.entities.get(entity.casefold())
        record = store.get(record_id) if store is not None else None
        return {"id": record_id} if record is None else self.show(entity, record)

    def _marks(self, entity: str, record: Stored) -> Values:
        schema = self._store.entities[entity.casefold()].schema
        return {schema.id_field: record.id, schema.modified_field or "": record.stamp}

    def _object(self, entity: str, box: Box, values: Values, row: int | None) -> Shown | None:
        shown: Shown = {}
        for key, member in box.members.items():
            if isinstance(member, Box):
                shown[key] = self._inner(entity, member, values, row)
            else:
                value = values.get(member.path)
                if row is not None:
                    items = column(value)
                    value = items[row] if row < len(items) else None
                shown[key] = self._writing.leaf(member, None if isinstance(value, tuple) else value)
        if box.path and all(value in (None, "") for value in shown.values()):
            return None
        return shown

    def _inner(self, entity: str, box: Box, values: Values, row: int | None) -> Any:
        reference = self._references.get((entity, box.path))
        if box.is_list and row is None:
            leaves = [m.path for inner in _boxes(box) for m in inner.members.values() if not isinstance(m, Box)]
            length = max((len(column(values.get(path))) for path in leaves), default=0)
            if reference is not None:
                ids = [str(one) for one in column(values.get(f"{box.path}.id")) if one]
                return lambda _info: [self.named(reference, one) for one in ids]
            return [self._object(entity, box, values, at) or {} for at in range(length)]
        if reference is not None:
            held = values.get(f"{box.path}.id")
            items = column(held)
            return self._refer(reference, held if row is None else items[row] if row < len(items) else None)
        shown = self._object(entity, box, values, row)
        amount = box.members.get("value")
        if shown is None or isinstance(amount, Box):
            return shown
        if amount is not None and amount.type is FieldType.DECIMAL:
            held = values.get(amount.path)
            return self.money(held if row is None else column(held)[row], values.get("currency.code"))
        code = shown.get("code")
        return named_code(code) if box.path.endswith(_CODED) and isinstance(code, str) else shown

    def _refer(self, entity: str, record_id: Any) -> Any:
        if not record_id:
            return None
        return lambda _info: self.named(entity, str(record_id))


def named_code(code: str) -> Shown:
    """A country, province or currency."""
    return {"code": code, "name": _NAMES.get(code, code), "symbol": _SYMBOLS.get(code, code)}


def _boxes(box: Box) -> list[Box]:
    inner = [member for member in box.members.values() if isinstance(member, Box)]
    return [box, *(found for one in inner for found in _boxes(one))]
