"""What rows show beyond what is stored in them: names of others, mirrored addresses, sums, statuses in words."""

from collections.abc import Mapping
from typing import Any

from talkqa.sandbox.dialects.exactonline.tables import Row, Worked

_QUOTATION_STATUS = {
    "5": "Rejected",
    "6": "Reviewed and closed",
    "10": "Recovery",
    "20": "Draft",
    "25": "Open",
    "35": "Processing",
    "40": "Printed",
    "50": "Accepted",
    "60": "Awaiting online acceptance",
    "70": "Accepted with error",
}
_ORDER_STATUS = {"12": "Open", "20": "Partial", "21": "Complete", "45": "Cancelled"}


def _through(reference: str, table: str, name: str) -> Worked:
    return lambda row: row.through(reference, table, name)


def _account(reference: str, *, code: bool = True) -> dict[str, Worked]:
    """Name, and code, of the account that a property names."""
    names: dict[str, Worked] = {f"{reference}Name": _through(reference, "Accounts", "Name")}
    return names | ({f"{reference}Code": _through(reference, "Accounts", "Code")} if code else {})


def _contact(reference: str) -> dict[str, Worked]:
    return {f"{reference}FullName": _through(reference, "Contacts", "FullName")}


def _words(name: str, words: Mapping[str, str]) -> dict[str, Worked]:
    return {f"{name}Description": lambda row: words.get(str(row.own(name)))}


def _full_name(row: Row) -> str | None:
    parts = (row.own(name) for name in ("FirstName", "MiddleName", "LastName"))
    return " ".join(str(part) for part in parts if part) or None


def _creator(row: Row) -> Any:
    user = next((one for one in ("harness", "engine") if row.company.user_id(one) == row.own("Creator")), None)
    return row.company.user_name(user) if user else None


def _amount(row: Row) -> float:
    """Of a line: the net price goes before the unit price."""
    quantity, unit, net = (row.own(name) for name in ("Quantity", "UnitPrice", "NetPrice"))
    price = net if isinstance(net, int | float) else unit if isinstance(unit, int | float) else 0.0
    return round(price * (quantity if isinstance(quantity, int | float) else 1.0), 2)


def _total(row: Row) -> float:
    lines = row.company.lines(row.table, row.id)
    return round(sum(_amount(line) for line in lines), 2)


def _line_number(header: str) -> Worked:
    def number(row: Row) -> int:
        parent = "Quotations" if header == "QuotationID" else "SalesOrders"
        lines = row.company.lines(row.company.tables[parent], str(row.own(header)))
        return 1 + [line.id for line in lines].index(row.id)

    return number


_SUMS: Mapping[str, Worked] = {"AmountDC": _total, "AmountFC": _total}
_CREATED: Mapping[str, Worked] = {"CreatorFullName": _creator}
DERIVED: Mapping[str, Mapping[str, Worked]] = {
    "Accounts": {
        **_CREATED,
        **_account("InvoiceAccount"),
        **_account("Reseller"),
        "Type": lambda _: "A",
        "IsSales": lambda row: row.own("Status") == "C",
    },
    "Contacts": {
        **_CREATED,
        "AccountName": _through("Account", "Accounts", "Name"),
        "Code": _through("Account", "Accounts", "Code"),
        "AccountIsCustomer": lambda row: row.through("Account", "Accounts", "Status") == "C",
        "AccountMainContact": _through("Account", "Accounts", "MainContact"),
        "AddressStreet": _through("Account", "Accounts", "AddressLine1"),
        "AddressLine2": _through("Account", "Accounts", "AddressLine2"),
        "City": _through("Account", "Accounts", "City"),
        "Country": _through("Account", "Accounts", "Country"),
        "Postcode": _through("Account", "Accounts", "Postcode"),
        "State": _through("Account", "Accounts", "State"),
        "FullName": _full_name,
        "IsMainContact": lambda row: row.through("Account", "Accounts", "MainContact") == row.id,
    },
    "Items": dict(_CREATED),
    "Quotations": {
        **_CREATED,
        **_SUMS,
        **_account("OrderAccount"),
        **_account("DeliveryAccount"),
        **_account("InvoiceAccount"),
        **_contact("OrderAccountContact"),
        **_contact("DeliveryAccountContact"),
        **_contact("InvoiceAccountContact"),
        **_words("Status", _QUOTATION_STATUS),
    },
    "SalesOrders": {
        **_CREATED,
        **_SUMS,
        "AmountFCExclVat": _total,
        **_account("OrderedBy", code=False),
        **_account("DeliverTo", code=False),
        **_account("InvoiceTo", code=False),
        **_contact("OrderedByContactPerson"),
        **_contact("DeliverToContactPerson"),
        **_contact("InvoiceToContactPerson"),
        **_words("Status", _ORDER_STATUS),
    },
    "QuotationLines": {
        "AmountDC": _amount,
        "AmountFC": _amount,
        "ItemDescription": _through("Item", "Items", "Description"),
        "LineNumber": _line_number("QuotationID"),
        "QuotationNumber": _through("QuotationID", "Quotations", "QuotationNumber"),
        "VersionNumber": _through("QuotationID", "Quotations", "VersionNumber"),
    },
    "SalesOrderLines": {
        "AmountDC": _amount,
        "AmountFC": _amount,
        "ItemCode": _through("Item", "Items", "Code"),
        "ItemDescription": _through("Item", "Items", "Description"),
        "LineNumber": _line_number("OrderID"),
        "OrderNumber": _through("OrderID", "SalesOrders", "OrderNumber"),
    },
    "Addresses": {},
}
"""Entity set to property to what it shows."""
