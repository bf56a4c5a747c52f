"""What Exact Online's API has where: paths, keys of the feed of deletions, values that are written in odd ways.

Used by the client alone.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape

from talkqa.systems.edm import Edm


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where one entity is found."""

    path: str
    """Below the division; spelled exactly."""
    sync: str
    """The same in the order of row versions, below the division."""
    deleted_types: frozenset[int] = frozenset()
    """How the feed of deletions names the entity."""
    padded: tuple[str, ...] = ()
    """Codes that are filled with blanks on the left."""
    kinds: Mapping[str, Edm]
    """Properties that are written in another way than their type suggests."""

    @property
    def right(self) -> str:
        """How the entity is named when rights are asked for (`CRM/Contacts`)."""
        return f"{self.sync.split('/')[1]}/{self.path.split('/')[1]}"

    @property
    def service(self) -> str:
        """The service that describes the entity (`crm`)."""
        return self.path.split("/", 1)[0]


def _kinds(*, flags: str = "", codes: str = "") -> dict[str, Edm]:
    return dict.fromkeys(flags.split(), Edm.FLAG) | dict.fromkeys(codes.split(), Edm.TEXT)


ENDPOINTS: Mapping[str, Endpoint] = {
    "quotations": Endpoint(
        path="crm/Quotations",
        sync="sync/CRM/QuotationHeaders",
        deleted_types=frozenset({34}),
        padded=("OrderAccountCode", "DeliveryAccountCode", "InvoiceAccountCode"),
        kinds=_kinds(codes="PaymentCondition"),
    ),
    "contacts": Endpoint(
        path="crm/Contacts",
        sync="sync/CRM/Contacts",
        deleted_types=frozenset({5}),
        padded=("Code",),
        kinds=_kinds(flags="IsAnonymised", codes="Title"),
    ),
    "accounts": Endpoint(
        path="crm/Accounts",
        sync="sync/CRM/Accounts",
        deleted_types=frozenset({2}),
        padded=("Code", "InvoiceAccountCode", "ResellerCode"),
        kinds=_kinds(
            flags="CostPaid IsAgency IsAnonymised IsCompetitor IsMailing SeparateInvPerProject "
            "SeparateInvPerSubscription",
            codes="PaymentConditionPurchase PaymentConditionSales PurchaseVATCode SalesVATCode State",
        ),
    ),
    "salesorders": Endpoint(
        path="salesorder/SalesOrders",
        sync="sync/SalesOrder/SalesOrderHeaders",
        deleted_types=frozenset({12, 32}),
        kinds=_kinds(codes="PaymentCondition"),
    ),
    "items": Endpoint(
        path="logistics/Items",
        sync="sync/Logistics/Items",
        deleted_types=frozenset({9}),
        kinds=_kinds(
            flags="CopyRemarks IsBatchItem IsBatchNumberItem IsMakeItem IsNewContract IsOnDemandItem "
            "IsRegistrationCodeItem IsTaxableItem IsTime IsWebshopItem",
            codes="SalesVatCode Unit " + " ".join(f"Class_{number:02d}" for number in range(1, 11)),
        ),
    ),
    "quotationlines": Endpoint(
        path="crm/QuotationLines",
        sync="sync/CRM/QuotationLines",
        deleted_types=frozenset({35}),
        kinds=_kinds(codes="CostCenter CostUnit UnitCode VATCode"),
    ),
    "salesorderlines": Endpoint(
        path="salesorder/SalesOrderLines",
        sync="sync/SalesOrder/SalesOrderLines",
        deleted_types=frozenset({33}),
        kinds=_kinds(flags="UseDropShipment", codes="CostCenter CostUnit UnitCode VATCode"),
    ),
    "addresses": Endpoint(
        path="crm/Addresses", sync="sync/CRM/Addresses", deleted_types=frozenset({3}), kinds=_kinds()
    ),
}
"""By folded name of the entity in documents."""

_TYPE = re.compile(r"<EntityType\b([^>]*)>(.*?)</EntityType>", re.DOTALL)
_SET = re.compile(r"<EntitySet\b([^>]*)>")
_PROPERTY = re.compile(r"<(?:Navigation)?Property\b([^>]*)>")
_ATTRIBUTE = re.compile(r'(\w+)\s*=\s*"([^"]*)"')


def read_metadata(text: str, set_name: str) -> Mapping[str, int | None] | None:
    """The properties of an entity as EDMX tells them: folded name to length, None where none is told.

    Plain pattern matching: of the document only names and lengths are needed, and it comes from outside. None where
    the entity is not in it.
    """
    types = {_attributes(head).get("Name", ""): inside for head, inside in _TYPE.findall(text)}
    sets = {told.get("Name", ""): told.get("EntityType", "") for told in map(_attributes, _SET.findall(text))}
    inside = types.get(sets.get(set_name, set_name).rpartition(".")[2])
    if inside is None:
        return None
    told = [_attributes(head) for head in _PROPERTY.findall(inside)]
    return {one["Name"].casefold(): _length(one.get("MaxLength", "")) for one in told if one.get("Name")}


def _attributes(head: str) -> dict[str, str]:
    return {name: unescape(value) for name, value in _ATTRIBUTE.findall(head)}


def _length(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and 0 < int(text) < 1_000_000 else None
