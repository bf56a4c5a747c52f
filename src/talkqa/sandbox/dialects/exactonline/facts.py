"""Where the emulated API has what, and how its properties are typed.

Used by the emulator alone; the client has its own table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from talkqa.model.schema import FieldSchema, FieldType


class Kind(StrEnum):
    """The type of a property, as the service describes it."""

    GUID = "Edm.Guid"
    STRING = "Edm.String"
    INT16 = "Edm.Int16"
    INT32 = "Edm.Int32"
    INT64 = "Edm.Int64"
    BYTE = "Edm.Byte"
    DOUBLE = "Edm.Double"
    BOOLEAN = "Edm.Boolean"
    DATETIME = "Edm.DateTime"
    BINARY = "Edm.Binary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One entity set."""

    name: str
    """As the API spells it."""
    entity: str
    """Folded name of the entity in the schema."""
    service: str
    area: str
    """How the service is spelled on sync and bulk paths, and where rights are asked for."""
    type: str
    sync: tuple[str, ...]
    """Names on the sync path, the older form included."""
    deleted_type: int
    filterable: frozenset[str] = frozenset()
    """Folded properties of which a list must be filtered by at least one; empty where none is demanded."""
    bytes: frozenset[str] = frozenset()
    """Properties that hold 0 or 1."""
    codes: frozenset[str] = frozenset()
    """References to rows that are named by a code."""
    lines: str = ""
    """Navigation property, and entity set, of the lines."""
    header: str = ""
    """Property by which a line names its header."""
    padded: Mapping[str, int] = field(default_factory=dict)
    """Properties that are filled with blanks: width, to the left where above 0, else to the right."""

    @property
    def right(self) -> str:
        """How rights are asked for."""
        return f"{self.area}/{self.name}"


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _folded(text: str) -> frozenset[str]:
    return frozenset(text.casefold().split())


_ALWAYS = "Created Modified"
_CLASSES = " ".join(f"Classification{number}" for number in range(1, 9))
_ITEM_CLASSES = " ".join(f"Class_{number:02d}" for number in range(1, 11))
_FREE = " ".join(
    f"Free{kind}Field_{number:02d}" for kind in ("Text", "Bool", "Date", "Number") for number in range(1, 11)
)

RESOURCES = (
    Resource(
        name="Accounts",
        entity="accounts",
        service="crm",
        area="CRM",
        type="Exact.Web.Api.Models.Account",
        sync=("Accounts",),
        deleted_type=2,
        filterable=_folded(
            f"{_ALWAYS} {_CLASSES} ID Code Name Email Phone City Country Postcode VATNumber SearchCode Status Blocked "
            "Parent MainContact StartDate EndDate"
        ),
        bytes=_set(
            "ConsolidationScenario CostPaid IsAccountant IsAgency IsAnonymised IsCompetitor IsMailing "
            "SeparateInvPerProject SeparateInvPerSubscription"
        ),
        codes=_set("PaymentConditionPurchase PaymentConditionSales PurchaseVATCode SalesVATCode State"),
        padded={"Code": 18, "InvoiceAccountCode": 18, "ResellerCode": 18, "Country": -3, "Language": -3},
    ),
    Resource(
        name="Contacts",
        entity="contacts",
        service="crm",
        area="CRM",
        type="Exact.Web.Api.Models.Contact",
        sync=("Contacts",),
        deleted_type=5,
        filterable=_folded(f"{_ALWAYS} ID Account Email FirstName LastName FullName Phone Mobile StartDate EndDate"),
        bytes=_set("IsAnonymised"),
        codes=_set("Title"),
        padded={"Code": 18, "Country": -3, "Language": -3},
    ),
    Resource(
        name="Items",
        entity="items",
        service="logistics",
        area="Logistics",
        type="Exact.Web.Api.Models.Item",
        sync=("Items",),
        deleted_type=9,
        filterable=_folded(f"{_ALWAYS} {_ITEM_CLASSES} {_FREE} ID Code Barcode Description StartDate EndDate"),
        bytes=_set(
            "CopyRemarks IsBatchItem IsBatchNumberItem IsMakeItem IsNewContract IsOnDemandItem IsRegistrationCodeItem "
            "IsTaxableItem IsTime IsWebshopItem"
        ),
        codes=_set(f"{_ITEM_CLASSES} SalesVatCode Unit"),
    ),
    Resource(
        name="Quotations",
        entity="quotations",
        service="crm",
        area="CRM",
        type="Exact.Web.Api.Models.Quotation",
        sync=("QuotationHeaders", "Quotations"),
        deleted_type=34,
        filterable=_folded(f"{_ALWAYS} QuotationID QuotationNumber OrderAccount Status QuotationDate YourRef"),
        codes=_set("PaymentCondition"),
        lines="QuotationLines",
        padded={"OrderAccountCode": 18, "DeliveryAccountCode": 18, "InvoiceAccountCode": 18},
    ),
    Resource(
        name="SalesOrders",
        entity="salesorders",
        service="salesorder",
        area="SalesOrder",
        type="Exact.Web.Api.Models.SalesOrder",
        sync=("SalesOrderHeaders", "SalesOrders"),
        deleted_type=32,
        filterable=_folded(f"{_ALWAYS} OrderID OrderNumber OrderedBy Status OrderDate YourRef"),
        codes=_set("PaymentCondition"),
        lines="SalesOrderLines",
    ),
    Resource(
        name="QuotationLines",
        entity="quotationlines",
        service="crm",
        area="CRM",
        type="Exact.Web.Api.Models.QuotationLine",
        sync=("QuotationLines",),
        deleted_type=35,
        codes=_set("CostCenter CostUnit UnitCode VATCode"),
        header="QuotationID",
    ),
    Resource(
        name="SalesOrderLines",
        entity="salesorderlines",
        service="salesorder",
        area="SalesOrder",
        type="Exact.Web.Api.Models.SalesOrderLine",
        sync=("SalesOrderLines",),
        deleted_type=33,
        bytes=_set("UseDropShipment"),
        codes=_set("CostCenter CostUnit UnitCode VATCode"),
        header="OrderID",
    ),
    Resource(
        name="Addresses",
        entity="addresses",
        service="crm",
        area="CRM",
        type="Exact.Web.Api.Models.Address",
        sync=("Addresses",),
        deleted_type=3,
        filterable=_folded(f"{_ALWAYS} ID Account Contact Type City Country Postcode"),
    ),
)

_NUMBERS = {FieldType.INTEGER: Kind.INT32, FieldType.DECIMAL: Kind.DOUBLE}
_OTHERS = {
    FieldType.BOOLEAN: Kind.BOOLEAN,
    FieldType.DATE: Kind.DATETIME,
    FieldType.DATETIME: Kind.DATETIME,
    FieldType.ID: Kind.GUID,
    FieldType.OPAQUE: Kind.BINARY,
}


def kind_of(resource: Resource, one: FieldSchema) -> Kind:
    """The type of a property."""
    name = one.path.rpartition(".")[2]
    if name in resource.bytes:
        return Kind.BYTE
    if one.type is FieldType.REFERENCE:
        return Kind.STRING if name in resource.codes else Kind.GUID
    if one.type is FieldType.PICKLIST:
        return Kind.INT16 if one.picklist and all(value.isdecimal() for value in one.picklist) else Kind.STRING
    return _NUMBERS.get(one.type) or _OTHERS.get(one.type, Kind.STRING)
