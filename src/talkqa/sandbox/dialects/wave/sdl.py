"""The text of Wave's GraphQL schema, made from the fields of a system's schema.

Used by the emulator alone. Read types and input types differ as they do in the real API: see `shapes`.
"""

import re
from collections.abc import Iterator, Mapping

from talkqa.model.schema import EntitySchema, FieldSchema, FieldType, SystemSchema
from talkqa.sandbox.dialects.wave.listings import Listing, listing_of
from talkqa.sandbox.dialects.wave.shapes import Box, read_tree, reference_of, write_tree

BUSINESS = "Business"
INVOICE_STATUSES = ("DRAFT", "SAVED", "SENT", "VIEWED", "UNPAID", "PARTIAL", "PAID", "OVERDUE", "OVERPAID")
_FURTHER_VALUES: Mapping[str, tuple[str, ...]] = {
    "InvoiceStatus": INVOICE_STATUSES,
    "AccountSubtypeValue": ("CASH_AND_BANK", "MONEY_IN_TRANSIT", "RECEIVABLE"),
    "InvoiceSendMethod": ("NOT_SENT", "MARKED_SENT", "EXPORT_PDF"),
}
_ENUM_NAMES: Mapping[str, str] = {
    "country.code": "CountryCode",
    "currency.code": "CurrencyCode",
    "subtype.value": "AccountSubtypeValue",
    "type.value": "AccountTypeValue",
    "lastSentVia": "InvoiceSendMethod",
}
_BOX_NAMES: Mapping[str, str] = {
    "address": "Address",
    "province": "Province",
    "country": "Country",
    "currency": "Currency",
    "shippingDetails": "CustomerShippingDetails",
    "items": "InvoiceItem",
    "taxes": "InvoiceItemTax",
}
_SCALARS: Mapping[FieldType, str] = {
    FieldType.INTEGER: "Int",
    FieldType.DECIMAL: "Decimal",
    FieldType.BOOLEAN: "Boolean",
    FieldType.DATE: "Date",
    FieldType.DATETIME: "DateTime",
    FieldType.REFERENCE: "ID",
    FieldType.ID: "ID",
}
_NAME = re.compile(r"[_A-Za-z][_0-9A-Za-z]*")
_FIXED_TYPES: Mapping[str, Mapping[str, str]] = {
    "Money": {"value": "String!", "raw": "Int!", "currency": "Currency!"},
    "Currency": {"code": "{CurrencyCode}!", "symbol": "String!", "name": "String!"},
    "Country": {"code": "{CountryCode}!", "name": "String!"},
    "Province": {"code": "String!", "name": "String!"},
    "User": {
        "id": "ID",
        "defaultEmail": "String",
        "firstName": "String",
        "lastName": "String",
        "createdAt": "DateTime",
        "modifiedAt": "DateTime",
    },
    "OAuthApplication": {"id": "ID!", "name": "String!", "clientId": "String!"},
    "PageInfo": {"currentPage": "Int!", "totalPages": "Int", "totalCount": "Int"},
    "InputError": {"path": "[String!]", "message": "String", "code": "String"},
    "InvoiceDiscount": {
        "name": "String",
        "discountType": "InvoiceDiscountType",
        **dict.fromkeys(("amount", "percentage"), "Decimal"),
    },
}
_FIXED_INPUTS: Mapping[str, Mapping[str, str]] = {
    "InvoiceItemTaxInput": {"salesTaxId": "ID!", "amount": "Decimal"},
    "InvoiceDiscountInput": {
        "name": "String",
        "discountType": "InvoiceDiscountType!",
        **dict.fromkeys(("amount", "percentage"), "Decimal"),
    },
    "InvoiceApproveInput": {"invoiceId": "ID!"},
    "InvoiceCloneInput": {"invoiceId": "ID!"},
    "InvoiceMarkSentInput": {"invoiceId": "ID!", "sendMethod": "InvoiceSendMethod!", "sentAt": "DateTime"},
    "InvoiceSendInput": {
        "invoiceId": "ID!",
        "to": "[String!]!",
        "subject": "String",
        "message": "String",
        "attachPDF": "Boolean!",
        "fromAddress": "String",
        "ccMyself": "Boolean",
    },
    "InvoicePaymentCreateManualInput": {
        "invoiceId": "ID!",
        "paymentAccountId": "ID!",
        "amount": "Decimal!",
        "paymentDate": "Date!",
        "paymentMethod": "String!",
        "memo": "String",
        "exchangeRate": "Decimal!",
    },
}
_INVOICE_STEPS = ("invoiceApprove", "invoiceMarkSent", "invoiceSend", "invoiceClone", "invoicePaymentCreateManual")
_PAGES = {"page": "Int = 1", "pageSize": "Int = 10"}


def write_sdl(system: SystemSchema) -> str:
    """The schema in GraphQL's own language; equal systems give equal texts."""
    return _Writer(system).write()


class _Writer:
    def __init__(self, system: SystemSchema) -> None:
        self._system = system
        self._types: dict[str, dict[str, str]] = {}
        self._inputs: dict[str, dict[str, str]] = {}
        self._enums: dict[str, tuple[str, ...]] = {"InvoiceDiscountType": ("FIXED", "PERCENTAGE")}
        self._sorts: dict[str, tuple[str, ...]] = {}

    def write(self) -> str:
        for name, values in _FURTHER_VALUES.items():
            self._add_enum(name, values)
        mutations: dict[str, str] = {}
        self._types[BUSINESS] = {"id": "ID!", "name": "String!", "emailSendEnabled": "Boolean!"}
        for entity in self._system.entities:
            self._add_box(entity, read_tree(entity), entity.name)
        for entity in self._system.entities:
            if entity.name != BUSINESS:
                listing = listing_of(entity)
                self._add_listing(entity, listing)
                mutations |= dict(self._mutations(entity, listing))
        self._add_page(BUSINESS)
        self._types["Query"] = self._query()
        self._types["Mutation"] = mutations
        self._add_fixed()
        return "\n".join(self._blocks())

    def _add_box(self, entity: EntitySchema, box: Box, name: str) -> None:
        members = self._types.setdefault(name, {})
        for key, member in box.members.items():
            if not isinstance(member, Box):
                kind = self._scalar(entity, member)
                sure = "!" if member.path == entity.id_field else ""
                members.setdefault(key, "[InvoiceDiscount!]" if member.path == "discounts" else f"{kind}{sure}")
                continue
            kind = reference_of(self._system, member) or _box_name(entity, member)
            if kind != reference_of(self._system, member):
                self._add_box(entity, member, kind)
            members.setdefault(key, f"[{kind}!]" if member.is_list else kind)

    def _scalar(self, entity: EntitySchema, item: FieldSchema) -> str:
        closed = item.type is FieldType.PICKLIST and item.restricted and bool(item.picklist)
        if closed and all(_NAME.fullmatch(value) for value in item.picklist):
            tail = ".".join(item.path.split(".")[-2:])
            name = _ENUM_NAMES.get(tail) or entity.name + _pascal(item.path)
            self._add_enum(name, item.picklist)
            return name
        return "String" if item.path.endswith("amount.value") else _SCALARS.get(item.type, "String")

    def _add_enum(self, name: str, values: tuple[str, ...]) -> None:
        self._enums[name] = tuple(dict.fromkeys((*self._enums.get(name, ()), *values)))

    def _add_listing(self, entity: EntitySchema, listing: Listing) -> None:
        self._add_page(entity.name)
        arguments = dict(_PAGES)
        if listing.sorts:
            name = f"{entity.name}Sort"
            self._enums[name] = tuple(f"{key}_{way}" for key in listing.sorts for way in ("ASC", "DESC"))
            # Declared as mandatory, and yet clients do without it.
            arguments["sort"] = f"[{name}!]! = [CREATED_AT_ASC]"
        arguments |= {key: kind for key, kind in listing.filters.items() if self._knows(kind)}
        business = self._types[BUSINESS]
        business[f"{listing.plural}({_arguments(arguments)})"] = f"{entity.name}Connection"
        business[f"{listing.single}(id: ID!)"] = entity.name

    def _knows(self, kind: str) -> bool:
        name = kind.strip("[]!")
        return name in self._enums or name in {"String", "Boolean", "ID", "Date", "DateTime", "Decimal"}

    def _add_page(self, name: str) -> None:
        self._types[f"{name}Connection"] = {"pageInfo": "PageInfo!", "edges": f"[{name}Edge!]!"}
        self._types[f"{name}Edge"] = {"node": f"{name}!"}

    def _mutations(self, entity: EntitySchema, listing: Listing) -> Iterator[tuple[str, str]]:
        if entity.createable:
            yield self._mutation(entity, listing, "Create", self._input(entity, creating=True))
        if entity.updateable:
            yield self._mutation(entity, listing, "Patch", self._input(entity, creating=False))
        if entity.deletable:
            yield self._mutation(entity, listing, "Delete", {listing.removal_key: "ID!"})
        elif entity.archive is not None:
            yield self._mutation(entity, listing, "Archive", {"id": "ID!"})
        if listing.single == "invoice":
            for name in _INVOICE_STEPS:
                pascal = name[:1].upper() + name[1:]
                self._types[f"{pascal}Output"] = _output({"invoice": entity.name})
                yield f"{name}(input: {pascal}Input!)", f"{pascal}Output"

    def _mutation(self, entity: EntitySchema, listing: Listing, verb: str, members: dict[str, str]) -> tuple[str, str]:
        self._inputs[f"{entity.name}{verb}Input"] = members
        shown = {} if verb == "Delete" else {listing.single: entity.name}
        self._types[f"{entity.name}{verb}Output"] = _output(shown)
        return f"{listing.single}{verb}(input: {entity.name}{verb}Input!)", f"{entity.name}{verb}Output"

    def _input(self, entity: EntitySchema, *, creating: bool) -> dict[str, str]:
        members = {"businessId": "ID!"} if creating else {"id": "ID!"}
        self._fill_input(entity, write_tree(entity, creating=creating), members, creating=creating)
        return members

    def _fill_input(self, entity: EntitySchema, box: Box, members: dict[str, str], *, creating: bool) -> None:
        for key, member in box.members.items():
            if isinstance(member, Box):
                name = f"{_box_name(entity, member)}Input"
                inner = self._inputs.setdefault(name, {})
                self._fill_input(entity, member, inner, creating=creating)
                if member.path == "items":
                    inner["taxes"] = "[InvoiceItemTaxInput!]"
                members.setdefault(key, f"[{name}!]" if member.is_list else name)
                continue
            kind = self._scalar(entity, member)
            if member.path == "discounts":
                kind = "[InvoiceDiscountInput!]"
            elif member.list_at is not None and member.path.count(".") == 1 and key.endswith("Ids"):
                kind = f"[{kind}!]"
            needed = member.required and (creating or member.list_at is not None)
            members.setdefault(key, f"{kind}!" if needed else kind)

    def _query(self) -> dict[str, str]:
        fields = {
            "user": "User",
            "oAuthApplication": "OAuthApplication",
            f"businesses({_arguments({**_PAGES, 'isArchived': 'Boolean'})})": f"{BUSINESS}Connection",
            "business(id: ID!)": BUSINESS,
            "countries": "[Country!]!",
            "province(code: String!)": "Province",
            "currencies": "[Currency!]!",
        }
        for name, enum in (("country", "CountryCode"), ("currency", "CurrencyCode")):
            fields[f"{name}(code: {enum if enum in self._enums else 'String'}!)"] = name.capitalize()
        return fields

    def _add_fixed(self) -> None:
        for name, members in _FIXED_TYPES.items():
            known = self._types.setdefault(name, {})
            for key, kind in members.items():
                enum = kind.strip("{}!")
                known[key] = kind.replace("{" + enum + "}", enum if enum in self._enums else "String")
        for name, members in _FIXED_INPUTS.items():
            self._inputs.setdefault(name, {}).update(members)

    def _blocks(self) -> Iterator[str]:
        yield "scalar Date scalar DateTime scalar Decimal"
        for name, values in self._enums.items():
            yield f"enum {name} {{ {' '.join(values)} }}"
        for word, kinds in (("type", self._types), ("input", self._inputs)):
            for name, members in kinds.items():
                if members:
                    inside = "\n".join(f"  {key}: {kind}" for key, kind in members.items())
                    yield f"{word} {name} {{\n{inside}\n}}"


def _box_name(entity: EntitySchema, box: Box) -> str:
    leaf = box.path.rsplit(".", 1)[-1]
    if leaf not in _BOX_NAMES and "value" in box.members and _is_money(box.members["value"]):
        return "Money"
    return _BOX_NAMES.get(leaf) or entity.name + _pascal(box.path)


def _is_money(member: Box | FieldSchema) -> bool:
    return not isinstance(member, Box) and member.type is not FieldType.PICKLIST


def _pascal(path: str) -> str:
    return "".join(step[:1].upper() + step[1:] for step in path.split("."))


def _arguments(arguments: Mapping[str, str]) -> str:
    return ", ".join(f"{name}: {kind}" for name, kind in arguments.items())


def _output(shown: Mapping[str, str]) -> dict[str, str]:
    return {"didSucceed": "Boolean!", "inputErrors": "[InputError!]", **shown}
