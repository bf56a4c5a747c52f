"""What Wave fills and works out for invoices: defaults, totals, and a status that follows the calendar.

Used by the mutations and the queries. Keeps beside each stored invoice what the store's flat values cannot hold: the
taxes of its items, its discounts, whether it was sent and what was paid.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from talkqa.model.protocols import Clock
from talkqa.model.record import FieldValue
from talkqa.model.schema import EntitySchema
from talkqa.sandbox.dialects.wave.records import Gallery, Shown
from talkqa.sandbox.dialects.wave.shapes import column, rounded, to_decimal, to_number
from talkqa.sandbox.layout import Values
from talkqa.sandbox.store import Stored, SystemStore

PAYMENT_DAYS = 30
"""After how many days an invoice is due that says nothing of it."""
OPEN = frozenset({"DRAFT", "SAVED"})
"""In which status an invoice can be changed."""
_TEXTS: Mapping[str, str] = {
    "title": "Invoice",
    "itemTitle": "Items",
    "unitTitle": "Quantity",
    "priceTitle": "Price",
    "amountTitle": "Amount",
}
_SWITCHES = ("hideName", "hideDescription", "hideUnit", "hidePrice", "hideAmount")
_TOTALS = ("subtotal", "taxTotal", "total", "amountPaid", "amountDue")

Taxes = tuple[tuple[str, ...], ...]
"""For each item the ids of its taxes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What is kept beside a stored invoice."""

    taxes: Taxes = ()
    discounts: tuple[Mapping[str, Any], ...] = ()
    paid: Decimal = Decimal(0)
    sent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """What a customer owes."""

    outstanding: Decimal = Decimal(0)
    overdue: Decimal = Decimal(0)


class InvoiceBook:
    """The invoices of one system."""

    def __init__(self, store: SystemStore, clock: Clock, currency: str) -> None:
        self._store = store
        self._clock = clock
        self.currency = currency
        """Of the business."""
        self._beside: dict[str, Beside] = {}
        self._next: Beside | None = None
        self._highest = 0
        self._owed: tuple[str, dict[str, Owed]] | None = None

    def today(self) -> str:
        """The day that defaults and due dates go by."""
        return self._clock.stamp().date().isoformat()

    def beside(self, invoice_id: str) -> Beside:
        """What is kept beside an invoice."""
        return self._beside.get(invoice_id) or Beside()

    def announce(self, beside: Beside) -> None:
        """Say what is to be kept beside the invoice that is written next."""
        self._next = beside

    def forget(self) -> None:
        """An invoice was removed, or its write refused."""
        self._next = None
        self._owed = None

    def defaults(self, entity: EntitySchema, values: Values) -> Values:
        """What a new invoice gets where nobody sent anything."""
        known = self._store.entities.get("customer")
        customer = known.get(str(values.get("customer.id"))) if known is not None else None
        day = str(values.get("invoiceDate") or self.today())
        filled: Values = {
            "status": "DRAFT",
            "currency.code": (customer.values.get("currency.code") if customer else None) or self.currency,
            "exchangeRate": 1,
            "invoiceNumber": str(self._highest + 1),
            "invoiceDate": day,
            "dueDate": _days_after(day, PAYMENT_DAYS),
            **_TEXTS,
            **dict.fromkeys(_SWITCHES, False),
        }
        return {path: value for path, value in filled.items() if entity.field(path) and values.get(path) is None}

    def fill_items(self, values: Values, taxes: list[tuple[str, ...] | None]) -> Taxes:
        """Complete the items that were sent from their products; returns the taxes of each."""
        products = [self._product(one) for one in column(values.get("items.product.id"))]
        for path, source in (("items.description", "description"), ("items.unitPrice", "unitPrice")):
            sent = column(values.get(path))
            values[path] = tuple(
                (sent[row] if row < len(sent) else None) or (product.values.get(source) if product else None)  # type: ignore[misc]
                for row, product in enumerate(products)
            )
        quantities = column(values.get("items.quantity"))
        values["items.quantity"] = tuple(
            1 if row >= len(quantities) or quantities[row] is None else quantities[row] for row in range(len(products))
        )
        return tuple(
            sent if sent is not None else _texts(product.values.get("defaultSalesTaxes.id") if product else None)
            for sent, product in zip(taxes, products, strict=True)
        )

    def is_sold(self, product_id: Any) -> bool:
        """Whether a product may stand on an invoice; one that is not there is somebody else's problem."""
        product = self._product(product_id)
        return product is None or bool(product.values.get("incomeAccount.id"))

    def derive(self, values: Values, invoice_id: str) -> None:
        """Work out totals before an invoice is stored."""
        if self._next is not None:
            self._beside[invoice_id] = self._next
        self.forget()
        beside = self.beside(invoice_id)
        number = str(values.get("invoiceNumber") or "")
        if number.isdecimal() and len(number) < 10:
            self._highest = max(self._highest, int(number))
        sums: list[Decimal] = []
        taxed: list[Decimal] = []
        quantities = column(values.get("items.quantity"))
        for row, price in enumerate(column(values.get("items.unitPrice"))):
            amount = rounded(to_decimal(price) * to_decimal(quantities[row] if row < len(quantities) else 1))
            taxes = beside.taxes[row] if row < len(beside.taxes) else ()
            sums.append(amount)
            taxed.append(sum((rounded(amount * self._rate(tax)) for tax in taxes), Decimal(0)))
        products = [self._product(one) for one in column(values.get("items.product.id"))]
        values["items.account.id"] = tuple(_text(p.values.get("incomeAccount.id")) if p else None for p in products)
        values["items.price"] = values.get("items.unitPrice")
        values["items.subtotal.value"] = tuple(map(to_number, sums))
        values["items.total.value"] = tuple(to_number(a + b) for a, b in zip(sums, taxed, strict=True))
        subtotal, tax = sum(sums, Decimal(0)), sum(taxed, Decimal(0))
        total = subtotal - _discount(beside, subtotal) + tax
        amounts = (subtotal, tax, total, beside.paid, total - beside.paid)
        for name, amount in zip(_TOTALS, amounts, strict=True):
            values[f"{name}.value"] = to_number(amount)
            values[f"{name}.currency.code"] = values.get("currency.code")
        values["pdfUrl"] = f"https://sandbox.invalid/invoices/{invoice_id}.pdf"
        values["viewUrl"] = f"https://sandbox.invalid/invoices/{invoice_id}"
        values["lastSentVia"] = "MARKED_SENT" if beside.sent else "NOT_SENT"

    def status(self, invoice: Stored) -> str:
        """The status today."""
        beside = self.beside(invoice.id)
        stored = str(invoice.values.get("status") or "DRAFT")
        total = to_decimal(_plain(invoice.values.get("total.value")))
        if stored == "DRAFT":
            return stored
        if beside.paid > 0 and beside.paid >= total:
            return "PAID" if beside.paid == total else "OVERPAID"
        if str(invoice.values.get("dueDate") or "9") < self.today():
            return "OVERDUE"
        if beside.paid > 0:
            return "PARTIAL"
        return "SENT" if beside.sent else stored

    def finish(self, gallery: Gallery, invoice: Stored, shown: Shown) -> None:
        """Add to what is shown of an invoice what its flat values do not hold."""
        shown["status"] = self.status(invoice)
        beside = self.beside(invoice.id)
        shown["discounts"] = [
            {**one, **{k: str(one[k]) for k in ("amount", "percentage") if one.get(k) is not None}}
            for one in beside.discounts
        ]
        amounts = column(invoice.values.get("items.subtotal.value"))
        for row, item in enumerate(shown.get("items") or ()):
            taxes = beside.taxes[row] if row < len(beside.taxes) else ()
            item["taxes"] = [
                {
                    "salesTax": lambda _info, tax=tax: gallery.named("SalesTax", tax),
                    "amount": gallery.money(
                        to_decimal(amounts[row]) * self._rate(tax), invoice.values.get("currency.code")
                    ),
                }
                for tax in taxes
            ]

    def owed_by(self, customer_id: str) -> Owed:
        """What a customer owes by invoices that are no drafts."""
        today = self.today()
        if self._owed is None or self._owed[0] != today:
            self._owed = (today, self._sum_up())
        return self._owed[1].get(customer_id, Owed())

    def _sum_up(self) -> dict[str, Owed]:
        found: dict[str, Owed] = {}
        entity = self._store.entities.get("invoice")
        for invoice in entity.changes("", 0, 1 << 30)[0] if entity is not None else ():
            status = self.status(invoice)
            if invoice.deleted or status == "DRAFT":
                continue
            customer, due = (
                str(invoice.values.get("customer.id")),
                to_decimal(_plain(invoice.values.get("amountDue.value"))),
            )
            before = found.get(customer, Owed())
            late = due if status == "OVERDUE" else Decimal(0)
            found[customer] = replace(before, outstanding=before.outstanding + due, overdue=before.overdue + late)
        return found

    def _product(self, product_id: Any) -> Stored | None:
        products = self._store.entities.get("product")
        return products.get(str(product_id)) if products is not None else None

    def _rate(self, tax_id: str) -> Decimal:
        taxes = self._store.entities.get("salestax")
        tax = taxes.get(tax_id) if taxes is not None else None
        return Decimal(0) if tax is None else to_decimal(_plain(tax.values.get("rate")))


def _discount(beside: Beside, subtotal: Decimal) -> Decimal:
    off = Decimal(0)
    for one in beside.discounts:
        fixed = one.get("discountType") == "FIXED"
        off += to_decimal(one.get("amount")) if fixed else subtotal * to_decimal(one.get("percentage")) / 100
    return rounded(off)


def _days_after(day: str, days: int) -> str:
    try:
        return (date.fromisoformat(day) + timedelta(days=days)).isoformat()
    except (ValueError, OverflowError):
        return day


def _plain(value: FieldValue) -> Any:
    return None if isinstance(value, tuple) else value


def _text(value: FieldValue) -> str | None:
    return None if value is None or isinstance(value, tuple) else str(value)


def _texts(value: FieldValue) -> tuple[str, ...]:
    return tuple(str(one) for one in column(value) if one is not None)
