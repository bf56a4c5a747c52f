"""Which lists and single records hang below a business, and by what they can be filtered and sorted.

Used by the schema text and by the queries. What is not listed here goes by the habits of the API.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from talkqa.model.schema import EntitySchema

_MODIFIED = {"modifiedAtAfter": "DateTime", "modifiedAtBefore": "DateTime"}
_COMMON_SORTS = {"CREATED_AT": "createdAt", "MODIFIED_AT": "", "NAME": "name"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One entity below a business."""

    single: str
    plural: str
    filters: Mapping[str, str] = field(default_factory=dict)
    """Argument to its type in the schema's language."""
    sorts: Mapping[str, str] = field(default_factory=dict)
    """Beginning of a value of the sort enumeration to the path sorted by; empty for the stamp of the last change."""

    @property
    def removal_key(self) -> str:
        """What the input of a removal calls the id."""
        return "invoiceId" if self.single == "invoice" else "id"


_LISTINGS: Mapping[str, Listing] = {
    "Customer": Listing(
        single="customer", plural="customers", filters={"email": "String", **_MODIFIED}, sorts=_COMMON_SORTS
    ),
    "Product": Listing(
        single="product",
        plural="products",
        filters={"isSold": "Boolean", "isBought": "Boolean", "isArchived": "Boolean"},
        sorts=_COMMON_SORTS,
    ),
    "Invoice": Listing(
        single="invoice",
        plural="invoices",
        filters={
            "status": "InvoiceStatus",
            "customerId": "ID",
            "currency": "CurrencyCode",
            "sourceId": "String",
            "amountDue": "Decimal",
            "invoiceDateStart": "Date",
            "invoiceDateEnd": "Date",
            "invoiceNumber": "String",
            **_MODIFIED,
        },
        sorts={
            "AMOUNT_DUE": "amountDue.value",
            "AMOUNT_PAID": "amountPaid.value",
            "CREATED_AT": "createdAt",
            "CUSTOMER_NAME": "customer.id",
            "DUE_AT": "dueDate",
            "INVOICE_DATE": "invoiceDate",
            "INVOICE_NUMBER": "invoiceNumber",
            "MODIFIED_AT": "",
            "STATUS": "status",
            "TOTAL": "total.value",
        },
    ),
    "SalesTax": Listing(single="salesTax", plural="salesTaxes", filters={"isArchived": "Boolean", **_MODIFIED}),
    "Account": Listing(
        single="account",
        plural="accounts",
        filters={
            "types": "[AccountTypeValue!]",
            "subtypes": "[AccountSubtypeValue!]",
            "excludedSubtypes": "[AccountSubtypeValue!]",
            "isArchived": "Boolean",
        },
    ),
}


def listing_of(entity: EntitySchema) -> Listing:
    """Where an entity hangs below a business."""
    known = _LISTINGS.get(entity.name)
    if known is not None:
        return known
    single = entity.name[:1].lower() + entity.name[1:]
    return Listing(single=single, plural=f"{single}s")
