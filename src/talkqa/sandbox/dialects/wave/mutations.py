"""What changes records: create, patch, delete, archive, and the steps of an invoice's life.

Used by the emulator. A mutation that is refused answers `didSucceed: false` with every reason; an id that names nothing
is an error of the whole request.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from talkqa.model.record import FieldValue
from talkqa.model.schema import EntitySchema, FieldSchema
from talkqa.sandbox import draws
from talkqa.sandbox.dialects.wave.inputs import read_input, write_place
from talkqa.sandbox.dialects.wave.invoices import OPEN, Beside, InvoiceBook, Taxes
from talkqa.sandbox.dialects.wave.listings import Listing, listing_of
from talkqa.sandbox.dialects.wave.queries import Queries, not_found
from talkqa.sandbox.dialects.wave.records import Shown
from talkqa.sandbox.dialects.wave.sdl import BUSINESS
from talkqa.sandbox.dialects.wave.shapes import column, write_tree
from talkqa.sandbox.layout import Values
from talkqa.sandbox.store import EntityStore, Refused, Stored, SystemStore
from talkqa.sandbox.validation import Problem

INCOME_SUBTYPES = ("INCOME", "DISCOUNTS", "OTHER_INCOME")
EXPENSE_SUBTYPES = ("EXPENSE", "COST_OF_GOODS_SOLD", "PAYMENT_PROCESSING_FEES", "PAYROLL_EXPENSES")
_ACCOUNT_SIDES: Mapping[str, tuple[str, ...]] = {
    "incomeAccount.id": INCOME_SUBTYPES,
    "expenseAccount.id": EXPENSE_SUBTYPES,
}
_CODES: Mapping[str, str] = {"required": "REQUIRED", "unknown_reference": "NOT_FOUND", "duplicate": "NOT_UNIQUE"}
"""Of a reason for refusal; any other is INVALID."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How mutations of this system behave where nobody knows for sure."""

    no_errors_as_list: bool
    gone_as_input_error: bool
    address_replaced: bool
    items_shuffled: bool
    closed_patch_ignored: bool
    archived_patch_refused: bool
    product_needs_account: bool
    province_must_match: bool
    customer_with_invoices_archived: bool
    sent_invoices_kept: bool
    numbers_unique: bool


class Mutations:
    """The write side of one system."""

    def __init__(
        self, store: SystemStore, queries: Queries, book: InvoiceBook, manners: Manners, business_id: str
    ) -> None:
        self._store = store
        self._queries = queries
        self._book = book
        self._manners = manners
        self._business_id = business_id
        self._forced: dict[str, Values] = {}
        self._made = self._make_all()

    def root(self, user: str) -> dict[str, Any]:
        """The fields of a mutation, done as a user."""
        return {name: partial(mutate, user) for name, mutate in self._made.items()}

    def derive(self, entity: EntityStore, values: Values, record_id: str) -> None:
        """What the system itself fills in before a record is stored."""
        name = entity.schema.name
        if entity.schema.field("business.id") is not None:
            values["business.id"] = self._business_id
        if name == "Invoice":
            self._book.derive(values, record_id)
        elif name == "Product":
            values["isSold"] = bool(values.get("incomeAccount.id"))
            values["isBought"] = bool(values.get("expenseAccount.id"))
        elif name == "Account":
            values["type.value"] = _type_of(values.get("subtype.value"))
            values["normalBalanceType"] = "CREDIT" if values["type.value"] == "INCOME" else "DEBIT"
        values.update(self._forced.pop(record_id, {}))

    def _make_all(self) -> dict[str, Callable[..., Shown]]:
        made: dict[str, Callable[..., Shown]] = {}
        for entity in self._store.entities.values():
            if entity.schema.name == BUSINESS:
                continue
            listing = listing_of(entity.schema)
            for verb, mutate in (
                ("Create", self._create),
                ("Patch", self._patch),
                ("Delete", self._delete),
                ("Archive", self._archive),
            ):
                made[f"{listing.single}{verb}"] = partial(self._answer, entity, listing, mutate)
            if listing.single == "invoice":
                for name, step in (
                    ("invoiceApprove", self._approve),
                    ("invoiceMarkSent", self._mark_sent),
                    ("invoiceSend", self._send),
                    ("invoiceClone", self._clone),
                    ("invoicePaymentCreateManual", self._pay),
                ):
                    made[name] = partial(self._answer, entity, listing, step)
        return made

    def _answer(
        self,
        entity: EntityStore,
        listing: Listing,
        mutate: Callable[[EntityStore, Mapping[str, Any], str], Stored | None],
        user: str,
        _info: Any,
        input: Mapping[str, Any],  # noqa: A002 - named by the schema
    ) -> Shown:
        try:
            record = mutate(entity, input, user)
        except Refused as refusal:
            self._book.forget()
            errors = [_told(entity.schema, problem) for problem in refusal.problems]
            return {"didSucceed": False, "inputErrors": errors, listing.single: None}
        shown = None if record is None else self._queries.show(entity.schema.name, record)
        none: list[Any] | None = [] if self._manners.no_errors_as_list else None
        return {"didSucceed": True, "inputErrors": none, listing.single: shown}

    # create and patch

    def _create(self, entity: EntityStore, sent: Mapping[str, Any], user: str) -> Stored:
        schema = entity.schema
        values = read_input(write_tree(schema, creating=True), sent, whole=False)
        problems = []
        if sent["businessId"] != self._business_id:
            problems.append(_problem("unknown_reference", "business.id", "there is no such business"))
        problems += self._prepare(entity, values, sent, None)
        self._check(entity, values, None, problems)
        return entity.create(_body(values), user)

    def _patch(self, entity: EntityStore, sent: Mapping[str, Any], user: str) -> Stored:
        record = self._found(entity, sent["id"])
        schema = entity.schema
        values = read_input(write_tree(schema, creating=False), sent, whole=self._manners.address_replaced)
        if schema.name == "Invoice" and self._book.status(record) not in OPEN:
            if self._manners.closed_patch_ignored:
                return record
            raise Refused(
                _problem("closed", "status", f"an invoice in status {self._book.status(record)} stays as it is")
            )
        problems = []
        if self._manners.archived_patch_refused and schema.archive and record.values.get(schema.archive[0]):
            problems.append(_problem("archived", schema.archive[0], "what is archived stays as it is"))
        problems += self._prepare(entity, values, sent, record)
        self._check(entity, values, record, problems)
        return entity.update(record, _body(values), user)

    def _check(self, entity: EntityStore, values: Values, record: Stored | None, problems: list[Problem]) -> None:
        """Raise what is wrong with a write, all of it at once."""
        try:
            entity.check(_body(values), record)
        except Refused as refusal:
            problems += [p for p in refusal.problems if p.field not in {known.field for known in problems}]
        if problems:
            raise Refused(*problems)

    def _prepare(
        self, entity: EntityStore, values: Values, sent: Mapping[str, Any], record: Stored | None
    ) -> list[Problem]:
        """Fill in defaults; gives what this system has against the write beyond its fields."""
        after = values if record is None else {**record.values, **values}
        problems = list(self._wrong_provinces(values, after))
        name = entity.schema.name
        if name == "Customer" and record is None and entity.schema.field("currency.code") is not None:
            values.setdefault("currency.code", self._book.currency)
        if name == "Product":
            problems += self._wrong_accounts(values, after)
        if name == "Invoice":
            problems += self._prepare_invoice(entity, values, sent, record)
        return problems

    def _wrong_provinces(self, values: Values, after: Values) -> Iterator[Problem]:
        for path, value in values.items():
            holder, found, _ = path.partition("province.code")
            country = after.get(f"{holder}country.code")
            if found and value and self._manners.province_must_match and str(value).partition("-")[0] != country:
                yield _problem("province", path, f"{value} is no province of {country}")

    def _wrong_accounts(self, values: Values, after: Values) -> Iterator[Problem]:
        accounts = self._store.entities.get("account")
        for path, allowed in _ACCOUNT_SIDES.items():
            account = accounts.get(str(values.get(path))) if accounts is not None else None
            if account is not None and account.values.get("subtype.value") not in allowed:
                yield _problem("subtype", path, f"an account of one of {', '.join(allowed)} is needed")
        if self._manners.product_needs_account and not any(after.get(path) for path in _ACCOUNT_SIDES):
            yield _problem("required", "incomeAccount.id", "a product is sold or bought")

    # invoices

    def _prepare_invoice(
        self, entity: EntityStore, values: Values, sent: Mapping[str, Any], record: Stored | None
    ) -> Iterator[Problem]:
        before = Beside() if record is None else self._book.beside(record.id)
        if record is None:
            values |= self._book.defaults(entity.schema, values)
        taxes: Taxes = before.taxes
        if sent.get("items") is not None:
            asked = [_tax_ids(item) for item in sent["items"]]
            taxes = self._book.fill_items(values, asked)
            if record is not None and self._manners.items_shuffled:
                taxes = _shuffle(values, taxes, (record.id, record.version))
            yield from self._wrong_items(values, taxes)
        discounts = tuple(sent["discounts"] or ()) if "discounts" in sent else before.discounts
        if len(discounts) > 1:
            yield _problem("discounts", "discounts", "at most one discount is taken")
        number = values.get("invoiceNumber")
        if number and self._manners.numbers_unique and _others_with(entity, number, record):
            yield _problem("duplicate", "invoiceNumber", f"the number {number} is taken")
        self._book.announce(Beside(taxes=taxes, discounts=discounts, paid=before.paid, sent=before.sent))

    def _wrong_items(self, values: Values, taxes: Taxes) -> Iterator[Problem]:
        if not all(self._book.is_sold(one) for one in column(values.get("items.product.id"))):
            yield _problem("not_sold", "items.product.id", "a product without an income account cannot be sold")
        known = self._store.entities.get("salestax")
        if any(known is None or known.get(tax) is None for ids in taxes for tax in ids):
            yield _problem("unknown_reference", "items.taxes.salesTax.id", "there is no such sales tax")

    def _approve(self, entity: EntityStore, sent: Mapping[str, Any], user: str) -> Stored:
        record = self._found(entity, sent["invoiceId"])
        return entity.update(record, {"status": "SAVED"}, user)

    def _mark_sent(self, entity: EntityStore, sent: Mapping[str, Any], user: str) -> Stored:
        record = self._found(entity, sent["invoiceId"])
        before = self._book.beside(record.id)
        self._book.announce(Beside(taxes=before.taxes, discounts=before.discounts, paid=before.paid, sent=True))
        self._forced[record.id] = {"status": "SAVED", "lastSentAt": sent.get("sentAt") or self._store.stamp()}
        return entity.touch(record, user)

    def _send(self, entity: EntityStore, sent: Mapping[str, Any], user: str) -> Stored:
        self._found(entity, sent["invoiceId"])
        raise Refused(_problem("mail", None, f"{user} may not send mail: the business has emailSendEnabled off"))

    def _clone(self, entity: EntityStore, sent: Mapping[str, Any], user: str) -> Stored:
        record = self._found(entity, sent["invoiceId"])
        kept = {f.path for f in entity.schema.fields if f.createable}
        values = {p: v for p, v in record.values.items() if p in kept and p not in ("invoiceNumber", "business.id")}
        values |= {"status": "DRAFT", **self._book.defaults(entity.schema, values)}
        before = self._book.beside(record.id)
        self._book.announce(Beside(taxes=before.taxes, discounts=before.discounts))
        return entity.create(_body(values), user)

    def _pay(self, entity: EntityStore, sent: Mapping[str, Any], user: str) -> Stored:
        record = self._found(entity, sent["invoiceId"])
        accounts = self._store.entities.get("account")
        if accounts is None or accounts.get(sent["paymentAccountId"]) is None:
            raise Refused(_problem("unknown_reference", "paymentAccount.id", "there is no such account"))
        before = self._book.beside(record.id)
        paid: Decimal = before.paid + sent["amount"]
        self._book.announce(Beside(taxes=before.taxes, discounts=before.discounts, paid=paid, sent=before.sent))
        self._forced[record.id] = {"status": "SAVED"}
        return entity.touch(record, user)

    # remove

    def _delete(self, entity: EntityStore, sent: Mapping[str, Any], user: str) -> None:
        record = self._found(entity, next(iter(sent.values())))
        name = entity.schema.name
        if name == "Customer" and self._has_invoices(record):
            if not self._manners.customer_with_invoices_archived:
                raise Refused(_problem("in_use", "id", "the customer has invoices"))
            self._forced[record.id] = {"isArchived": True}
            entity.touch(record, user)
            return
        if name == "Invoice" and self._manners.sent_invoices_kept and self._book.status(record) not in OPEN:
            raise Refused(_problem("closed", "id", "an invoice that was sent or paid cannot be deleted"))
        entity.delete(record, user)
        self._book.forget()

    def _archive(self, entity: EntityStore, sent: Mapping[str, Any], user: str) -> Stored:
        record = self._found(entity, sent["id"])
        self._forced[record.id] = dict([entity.schema.archive] if entity.schema.archive else [])
        return entity.touch(record, user)

    def _has_invoices(self, customer: Stored) -> bool:
        invoices = self._store.entities.get("invoice")
        field = invoices.schema.field("customer.id") if invoices is not None else None
        return invoices is not None and field is not None and any(True for _ in invoices.find(field, customer.id))

    def _found(self, entity: EntityStore, record_id: str) -> Stored:
        record = entity.get(record_id)
        if record is not None:
            return record
        if self._manners.gone_as_input_error:
            raise Refused(_problem("unknown_reference", "id", f"{entity.schema.name} not found"))
        raise not_found(entity.schema.name, record_id)


def _body(values: Values) -> dict[str, Any]:
    """Flat values as the store takes them."""
    return {path: list(value) if isinstance(value, tuple) else value for path, value in values.items()}


def _type_of(subtype: FieldValue) -> str:
    if subtype in INCOME_SUBTYPES:
        return "INCOME"
    return "EXPENSE" if subtype in EXPENSE_SUBTYPES else "ASSET"


def _tax_ids(item: Mapping[str, Any]) -> tuple[str, ...] | None:
    taxes = item.get("taxes")
    return None if taxes is None else tuple(tax["salesTaxId"] for tax in taxes)


def _shuffle(values: Values, taxes: Taxes, key: tuple[object, ...]) -> Taxes:
    """Put the items of a patched invoice into an order of the system's own."""
    paths = [path for path in values if path.startswith("items.")]
    order = sorted(range(len(taxes)), key=lambda row: draws.digest("items", *key, row))
    for path in paths:
        held = column(values[path])
        values[path] = tuple(held[row] if row < len(held) else None for row in order)
    return tuple(taxes[row] for row in order)


def _others_with(entity: EntityStore, number: Any, record: Stored | None) -> bool:
    field: FieldSchema | None = entity.schema.field("invoiceNumber")
    return field is not None and any(
        other.id != (record.id if record else None) for other in entity.find(field, str(number))
    )


def _problem(code: str, path: str | None, message: str) -> Problem:
    return Problem(code=code, message=message, field=path)


def _told(schema: EntitySchema, problem: Problem) -> dict[str, Any]:
    return {
        "path": ["input", *write_place(schema, problem.field)],
        "message": problem.message,
        "code": _CODES.get(problem.code, "INVALID"),
    }
