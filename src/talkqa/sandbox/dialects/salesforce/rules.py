"""What the system itself fills into records, and what it will not have done to them, entity by entity."""

from collections.abc import Callable, Mapping
from typing import Any

from talkqa.model.record import FieldValue, Scalar
from talkqa.sandbox.dialects.salesforce.refusals import Fault, refuse
from talkqa.sandbox.layout import Values
from talkqa.sandbox.store import EntityStore, Stored, SystemStore

ACTIVATED = "Activated"
DRAFT = "Draft"
CLOSED_TASK = "Completed"
CLOSED_STAGES = ("Closed Won", "Closed Lost")

_PREFILLED: Mapping[str, Mapping[str, Scalar]] = {
    "task": {"Status": "Not Started", "Priority": "Normal", "TaskSubtype": "Task"},
    "opportunity": {"ForecastCategoryName": "Pipeline"},
}
_NUMBERED: Mapping[str, tuple[str, str]] = {
    "order": ("OrderNumber", "{:08d}"),
    "orderitem": ("OrderItemNumber", "{:010d}"),
    "quote": ("QuoteNumber", "{:08d}"),
    "quotelineitem": ("LineNumber", "{:08d}"),
    "invoice": ("DocumentNumber", "INV-{:09d}"),
}
_LINES: Mapping[str, tuple[str, str]] = {
    "orderitem": ("OrderId", "order"),
    "quotelineitem": ("QuoteId", "quote"),
}
"""Folded entity of lines: the reference to what they belong to, and its folded entity."""
_CASCADES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "account": (("contact", "AccountId"), ("opportunity", "AccountId")),
    "opportunity": (("quote", "OpportunityId"),),
    "order": (("orderitem", "OrderId"),),
    "quote": (("quotelineitem", "QuoteId"),),
    "pricebook2": (("pricebookentry", "Pricebook2Id"),),
    "product2": (("pricebookentry", "Product2Id"),),
}
"""Folded entity: what is deleted with its records, and by which reference."""
_SOLD_IN = ("orderitem", "quotelineitem")
_FROZEN = ("AccountId", "ContractId", "Pricebook2Id")
"""What cannot be changed while an order is active."""


class Rules:
    """The rules of one system."""

    def __init__(self, store: SystemStore, user_id: Callable[[str], str]) -> None:
        self._store = store
        self._user_id = user_id
        self._numbers: dict[str, int] = {}

    def prefill(self, entity: EntityStore, body: Mapping[str, Any]) -> dict[str, Any]:
        """A new record's body with what is filled where nothing was sent."""
        sent = {key.casefold() for key in body}
        filled = {
            path: value
            for path, value in _PREFILLED.get(_name(entity), {}).items()
            if path.casefold() not in sent and path.casefold() in entity.layout.fields
        }
        return {**body, **filled}

    def derive(self, entity: EntityStore, values: Values, record_id: str, before: Stored | None, user: str) -> None:
        """Put into the values of a record what the system fills; see `SystemStore.derive`."""
        name = _name(entity)
        found: Values = {}
        if before is None:
            found["CreatedById"] = self._user_id(user)
            found["OwnerId"] = values.get("OwnerId") or self._user_id(user)
            if name in _NUMBERED:
                path, pattern = _NUMBERED[name]
                number = self._numbers[name] = self._numbers.get(name, 99) + 1
                found[path] = pattern.format(number)
        fill = _FILLS.get(name)
        if fill is not None:
            found.update(fill(self, values, record_id, before))
        for path, value in found.items():
            if path.casefold() in entity.layout.fields:
                values[path] = value

    def check(self, entity: EntityStore, values: Values, record: Stored | None) -> None:
        """See that a write that is right by itself is right among the other records.

        Args:
            entity: Where it goes.
            values: What would be written, cleaned.
            record: What would be changed; None for a new record.

        Raises:
            ApiFault: where it is not.
        """
        name = _name(entity)
        if name == "order":
            self._check_order(values, record)
        elif name in _LINES:
            self._check_line(name, {**(record.values if record else {}), **values}, record)

    def check_delete(self, entity: EntityStore, record: Stored) -> None:
        """See that a record may be deleted.

        Raises:
            ApiFault: where it may not.
        """
        name = _name(entity)
        if name == "order" and record.values.get("Status") == ACTIVATED:
            raise refuse(400, "DELETE_FAILED", "an activated order cannot be deleted; set its status to Draft first")
        if name == "product2" and any(self._holding(one, "Product2Id", record.id) for one in _SOLD_IN):
            raise refuse(400, "DELETE_FAILED", "Your attempt to delete the product could not be completed: it is used")
        if name in _LINES:
            self._check_line(name, record.values, record)

    def belongings(self, entity: EntityStore, record: Stored) -> list[tuple[EntityStore, Stored]]:
        """What is deleted together with a record."""
        found: list[tuple[EntityStore, Stored]] = []
        for name, path in _CASCADES.get(_name(entity), ()):
            store = self._store.entities.get(name)
            if store is not None:
                found += [(store, one) for one in self._holding(name, path, record.id)]
        return found

    def total(self, entity: EntityStore, values: Mapping[str, FieldValue], user: str) -> None:
        """Sum up anew what a line belongs to, after the line was written or deleted."""
        if _name(entity) not in _LINES:
            return
        path, owner = _LINES[_name(entity)]
        store = self._store.entities.get(owner)
        parent = store.get(str(values.get(path))) if store is not None else None
        if store is not None and parent is not None:
            store.touch(parent, user)

    def _check_order(self, values: Values, record: Stored | None) -> None:
        status = values.get("Status", record.values.get("Status") if record else None)
        was_active = record is not None and record.values.get("Status") == ACTIVATED
        lines = self._holding("orderitem", "OrderId", record.id) if record else []
        if status == ACTIVATED and not was_active and not lines:
            raise refuse(400, "FAILED_ACTIVATION", "An order must have at least one product.", "Status")
        if record is None or not was_active:
            return
        changed = [path for path in _FROZEN if path in values and values[path] != record.values.get(path)]
        if changed and status == ACTIVATED:
            message = "an activated order keeps its account, contract and price book"
            raise refuse(400, "FIELD_INTEGRITY_EXCEPTION", message, *changed)

    def _check_line(self, name: str, values: Mapping[str, FieldValue], record: Stored | None) -> None:
        path, owner = _LINES[name]
        parent = self._get(owner, values.get(path))
        entry = self._get("pricebookentry", values.get("PricebookEntryId"))
        if parent is None or entry is None:
            return
        if owner == "order" and parent.values.get("Status") == ACTIVATED:
            raise refuse(400, "FIELD_INTEGRITY_EXCEPTION", "the lines of an activated order cannot be changed", path)
        if record is None and parent.values.get("Pricebook2Id") != entry.values.get("Pricebook2Id"):
            message = f"the price book of the entry is not that of the {owner}"
            raise refuse(400, "FIELD_INTEGRITY_EXCEPTION", message, "PricebookEntryId")

    def _get(self, entity: str, record_id: FieldValue) -> Stored | None:
        store = self._store.entities.get(entity)
        return store.get(record_id) if store is not None and isinstance(record_id, str) else None

    def _holding(self, entity: str, path: str, record_id: str) -> list[Stored]:
        store = self._store.entities.get(entity)
        field = store.layout.fields.get(path.casefold()) if store else None
        return list(store.find(field, record_id)) if store and field else []

    def _fill_contact(self, values: Values, _id: str, _before: Stored | None) -> Values:
        parts = (values.get(path) for path in ("FirstName", "MiddleName", "LastName", "Suffix"))
        return {"Name": " ".join(str(part) for part in parts if part)}

    def _fill_task(self, values: Values, _id: str, before: Stored | None) -> Values:
        closed = values.get("Status") == CLOSED_TASK
        since = before.values.get("CompletedDateTime") if before is not None else None
        who = self._get("contact", values.get("WhoId"))
        what = self._get("account", values.get("WhatId"))
        return {
            "IsClosed": closed,
            "CompletedDateTime": (since or self._store.stamp()) if closed else None,
            "IsHighPriority": values.get("Priority") == "High",
            "AccountId": what.id if what else who.values.get("AccountId") if who else None,
        }

    def _fill_order(self, values: Values, record_id: str, before: Stored | None) -> Values:
        active = values.get("Status") == ACTIVATED
        lines = self._holding("orderitem", "OrderId", record_id)
        found: Values = {
            "StatusCode": ACTIVATED if active else DRAFT,
            "TotalAmount": round(sum(_number(line.values.get("TotalPrice")) for line in lines), 2),
        }
        if active and (before is None or before.values.get("Status") != ACTIVATED):
            found["ActivatedDate"] = self._store.stamp()
        return found

    def _fill_order_item(self, values: Values, _id: str, _before: Stored | None) -> Values:
        found = self._fill_line(values)
        price = _number(values.get("UnitPrice", found.get("UnitPrice")))
        total = round(price * _number(values.get("Quantity")), 2)
        return {**found, "TotalPrice": total, "AvailableQuantity": values.get("Quantity")}

    def _fill_quote_line(self, values: Values, _id: str, _before: Stored | None) -> Values:
        subtotal = round(_number(values.get("UnitPrice")) * _number(values.get("Quantity")), 2)
        total = round(subtotal * (1 - _number(values.get("Discount")) / 100), 2)
        return {**self._fill_line(values), "Subtotal": subtotal, "TotalPrice": total}

    def _fill_line(self, values: Values) -> Values:
        entry = self._get("pricebookentry", values.get("PricebookEntryId"))
        if entry is None:
            return {}
        price = entry.values.get("UnitPrice")
        kept = values.get("UnitPrice")
        unit_price = price if kept is None else kept
        return {"Product2Id": entry.values.get("Product2Id"), "ListPrice": price, "UnitPrice": unit_price}

    def _fill_quote(self, values: Values, record_id: str, _before: Stored | None) -> Values:
        opportunity = self._get("opportunity", values.get("OpportunityId"))
        lines = self._holding("quotelineitem", "QuoteId", record_id)
        subtotal = round(sum(_number(line.values.get("Subtotal")) for line in lines), 2)
        total = round(sum(_number(line.values.get("TotalPrice")) for line in lines), 2)
        more = _number(values.get("Tax")) + _number(values.get("ShippingHandling"))
        return {
            "AccountId": opportunity.values.get("AccountId") if opportunity else None,
            "LineItemCount": len(lines),
            "Subtotal": subtotal,
            "TotalPrice": total,
            "GrandTotal": round(total + more, 2),
            "Discount": round(100 * (1 - total / subtotal), 2) if subtotal else None,
        }

    def _fill_opportunity(self, values: Values, _id: str, _before: Stored | None) -> Values:
        stage, amount, probability = values.get("StageName"), values.get("Amount"), values.get("Probability")
        expected = round(_number(amount) * _number(probability) / 100, 2) if amount is not None else None
        won = stage == CLOSED_STAGES[0]
        category = "Closed" if won else "Omitted" if stage == CLOSED_STAGES[1] else "Pipeline"
        return {
            "IsClosed": stage in CLOSED_STAGES,
            "IsWon": won,
            "ForecastCategory": category,
            "ExpectedRevenue": expected,
        }

    def _fill_entry(self, values: Values, _id: str, _before: Stored | None) -> Values:
        product = self._get("product2", values.get("Product2Id"))
        return {path: product.values.get(path) for path in ("Name", "ProductCode")} if product else {}


Fill = Callable[[Rules, Values, str, Stored | None], Values]
_FILLS: Mapping[str, Fill] = {
    "contact": Rules._fill_contact,  # noqa: SLF001 - a table of the class's own methods
    "task": Rules._fill_task,  # noqa: SLF001
    "order": Rules._fill_order,  # noqa: SLF001
    "orderitem": Rules._fill_order_item,  # noqa: SLF001
    "quote": Rules._fill_quote,  # noqa: SLF001
    "quotelineitem": Rules._fill_quote_line,  # noqa: SLF001
    "opportunity": Rules._fill_opportunity,  # noqa: SLF001
    "pricebookentry": Rules._fill_entry,  # noqa: SLF001
}


def look_alikes(entity: EntityStore, values: Mapping[str, FieldValue], record_id: str | None) -> list[Stored]:
    """Records that the standard duplicate rule takes for the same person or company."""
    names = {"contact": ("FirstName", "LastName"), "account": ("Name",)}.get(_name(entity))
    if names is None:
        return []

    def same(record: Stored, paths: tuple[str, ...]) -> bool:
        pairs = [(values.get(path), record.values.get(path)) for path in paths]
        return all(str(one or "").casefold() == str(two or "").casefold() for one, two in pairs) and any(
            one for one, _ in pairs
        )

    everything, _ = entity.changes("", 0, 1 << 60)
    others = [one for one in everything if not one.deleted and one.id != record_id]
    return [one for one in others if same(one, names) or same(one, ("Email",))]


def duplicate_fault(entity: EntityStore, found: list[Stored]) -> Fault:
    """The error of a duplicate rule that found these records."""
    name = entity.schema.name
    matches = [
        {"matchConfidence": 100.0, "record": {"attributes": {"type": name}, "Id": record.id}} for record in found
    ]
    result = {
        "allowSave": True,
        "duplicateRule": f"Standard_{name}_Duplicate_Rule",
        "duplicateRuleEntityType": name,
        "errorMessage": "Use one of these records?",
        "matchResults": [
            {
                "entityType": name,
                "matchEngine": "FuzzyMatchEngine",
                "rule": f"Standard_{name}_Match_Rule_v1_1",
                "size": len(matches),
                "success": True,
                "matchRecords": matches,
            }
        ],
    }
    more = {"duplicateResult": result}
    return Fault(code="DUPLICATES_DETECTED", message="Use one of these records?", more=more)


def _name(entity: EntityStore) -> str:
    return entity.schema.name.casefold()


def _number(value: FieldValue) -> float:
    return value if isinstance(value, int | float) else 0.0
