"""What the system tells of its objects: the list of them, and each with its fields."""

import re
from collections.abc import Mapping
from typing import Any

from talkqa.model.schema import FieldSchema, FieldType
from talkqa.sandbox.dialects.salesforce.ids import key_prefix
from talkqa.sandbox.dialects.salesforce.rows import is_filterable
from talkqa.sandbox.store import EntityStore

_TYPES: Mapping[FieldType, tuple[str, str]] = {
    FieldType.STRING: ("string", "xsd:string"),
    FieldType.TEXT: ("textarea", "xsd:string"),
    FieldType.EMAIL: ("email", "xsd:string"),
    FieldType.PHONE: ("phone", "xsd:string"),
    FieldType.URL: ("url", "xsd:string"),
    FieldType.INTEGER: ("int", "xsd:int"),
    FieldType.DECIMAL: ("double", "xsd:double"),
    FieldType.BOOLEAN: ("boolean", "xsd:boolean"),
    FieldType.DATE: ("date", "xsd:date"),
    FieldType.DATETIME: ("datetime", "xsd:dateTime"),
    FieldType.PICKLIST: ("picklist", "xsd:string"),
    FieldType.REFERENCE: ("reference", "tns:ID"),
    FieldType.ID: ("id", "tns:ID"),
    FieldType.OPAQUE: ("anyType", "xsd:anyType"),
}
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_USERS = frozenset({"ownerid", "createdbyid", "lastmodifiedbyid", "activatedbyid"})


def summarise(entity: EntityStore, version: str) -> dict[str, Any]:
    """One object as the list of objects tells it."""
    schema = entity.schema
    at = f"/services/data/{version}/sobjects/{schema.name}"
    label = _label(schema.name)
    return {
        "name": schema.name,
        "label": label,
        "labelPlural": f"{label}s",
        "keyPrefix": key_prefix(schema.name),
        "createable": schema.createable,
        "updateable": schema.updateable,
        "deletable": schema.deletable,
        "undeletable": schema.deletable,
        "queryable": True,
        "searchable": True,
        "retrieveable": True,
        "replicateable": True,
        "mergeable": schema.name in ("Account", "Contact"),
        "triggerable": True,
        "custom": schema.name.endswith("__c"),
        "urls": {"sobject": at, "describe": f"{at}/describe", "rowTemplate": f"{at}/{{ID}}"},
    }


def describe(entity: EntityStore, version: str) -> dict[str, Any]:
    """One object with its fields."""
    children = {"childRelationships": [], "recordTypeInfos": [_MASTER]}
    fields = [_field(entity, field) for field in entity.layout.fields.values()]
    return {**summarise(entity, version), **children, "fields": fields}


_MASTER = {
    "active": True,
    "available": True,
    "defaultRecordTypeMapping": True,
    "master": True,
    "name": "Master",
    "developerName": "Master",
    "recordTypeId": "012000000000000AAA",
}


def _field(entity: EntityStore, field: FieldSchema) -> dict[str, Any]:
    schema = entity.schema
    kind, soap = _TYPES[field.type]
    if field.type is FieldType.STRING and field.picklist:
        kind = "combobox"
    if field.type is FieldType.OPAQUE and field.path.endswith("Address"):
        kind, soap = "address", "urn:address"
    filled = not field.nullable and not field.required
    numeric = field.type is FieldType.DECIMAL
    whole = field.type is FieldType.INTEGER
    length = 0 if numeric or whole else field.max_length or 0
    sortable = is_filterable(field)
    return {
        "name": field.path,
        "label": _label(field.path),
        "type": kind,
        "soapType": soap,
        "length": length,
        "byteLength": 3 * length,
        "nillable": field.nullable and not field.required,
        "createable": field.createable and field.path != schema.id_field,
        "updateable": field.updateable and field.path != schema.id_field,
        "defaultedOnCreate": filled,
        "calculated": False,
        "autoNumber": filled and field.type is FieldType.STRING and not field.createable,
        "unique": field.unique,
        "externalId": False,
        "idLookup": field.path == schema.id_field,
        "nameField": field.path == schema.name_field,
        "filterable": sortable,
        "sortable": sortable,
        "groupable": sortable and not numeric,
        "aggregatable": sortable,
        "custom": field.path.endswith("__c"),
        "precision": (field.max_length or 0) if numeric else 0,
        "scale": field.scale or 0,
        "digits": (field.max_length or 0) if whole else 0,
        "defaultValue": False if field.type is FieldType.BOOLEAN else None,
        "referenceTo": _targets(field),
        "relationshipName": _relationship(field),
        "polymorphicForeignKey": len(field.references) > 1,
        "restrictedPicklist": field.restricted,
        "dependentPicklist": False,
        "controllerName": None,
        "picklistValues": [
            {"active": True, "defaultValue": False, "label": value, "validFor": None, "value": value}
            for value in field.picklist
        ],
        "compoundFieldName": None,
        "inlineHelpText": None,
        "permissionable": not filled and not field.required,
    }


def _targets(field: FieldSchema) -> list[str]:
    if field.type is not FieldType.REFERENCE:
        return []
    return list(field.references) or (["User"] if field.path.casefold() in _USERS else [])


def _relationship(field: FieldSchema) -> str | None:
    if field.type is not FieldType.REFERENCE or not field.path.endswith("Id"):
        return None
    return field.path.removesuffix("Id")


def _label(name: str) -> str:
    return _WORD.sub(" ", name.removesuffix("__c")).replace("_", " ")
