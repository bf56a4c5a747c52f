"""What every org holds from its first day.

The organisation, its users, the standard price book, and in every object the fields that the system itself keeps.
"""

from collections.abc import Callable
from dataclasses import replace

from talkqa.model.schema import EntitySchema, FieldSchema, FieldType
from talkqa.sandbox.dialects.emulator import USERS
from talkqa.sandbox.store import EntityStore, SystemStore


def furnish(store: SystemStore, user_name: Callable[[str], str], *, sandbox: bool) -> None:
    """Put into a new store what it does not hold yet; the records are the first user's.

    Args:
        store: Writes ids as the org does already.
        user_name: What a user signs in as.
        sandbox: Whether the org tells that it is a sandbox.
    """
    organisation: dict[str, str | bool] = {
        "Name": "Talk QA",
        "OrganizationType": "Enterprise Edition",
        "IsSandbox": sandbox,
        "InstanceName": "TQA1",
    }
    for name, entity in tuple(store.entities.items()):
        store.entities[name] = EntityStore(_completed(entity.schema), store)
    _fill(store, _ORGANISATION, [organisation])
    _fill(store, _USER, [_row_of(user, user_name(user)) for user in USERS])
    books = store.entities.get("pricebook2")
    if books is not None and "isstandard" in books.layout.fields:
        book = books.create({"Name": "Standard Price Book", "IsActive": True}, USERS[0])
        book.values["IsStandard"] = True


def _fill(store: SystemStore, schema: EntitySchema, rows: list[dict[str, str | bool]]) -> None:
    if schema.name.casefold() in store.entities:
        return  # the descriptor has its own
    entity = store.entities[schema.name.casefold()] = EntityStore(schema, store)
    for row in rows:
        entity.create(row, USERS[0])
    entity.schema = replace(schema, createable=False, updateable=False, deletable=False)


def _row_of(user: str, name: str) -> dict[str, str | bool]:
    return {"Username": name, "Name": f"Talk {user}", "Email": name, "IsActive": True}


def _told(path: str, kind: FieldType) -> FieldSchema:
    return FieldSchema(path=path, type=kind, createable=False, updateable=False, nullable=False)


_KEPT = (
    _told("Id", FieldType.ID),
    _told("IsDeleted", FieldType.BOOLEAN),
    _told("CreatedDate", FieldType.DATETIME),
    _told("CreatedById", FieldType.REFERENCE),
    _told("LastModifiedDate", FieldType.DATETIME),
    _told("LastModifiedById", FieldType.REFERENCE),
    _told("SystemModstamp", FieldType.DATETIME),
)


def _completed(schema: EntitySchema) -> EntitySchema:
    """An object with what the system keeps in each, whether or not its descriptor says so."""
    lacking = tuple(
        field for field in _KEPT if schema.field(field.path) is None and (schema.deletable or field.path != "IsDeleted")
    )
    return replace(
        schema,
        fields=(*schema.fields, *lacking),
        id_field=(schema.field(schema.id_field) or _KEPT[0]).path,
        modified_field=schema.modified_field or "LastModifiedDate",
        modified_by_field=schema.modified_by_field or "LastModifiedById",
        created_field=schema.created_field or "CreatedDate",
    )


_ORGANISATION = _completed(
    EntitySchema(
        name="Organization",
        fields=(
            FieldSchema(path="Name", type=FieldType.STRING, max_length=80),
            FieldSchema(path="OrganizationType", type=FieldType.PICKLIST),
            FieldSchema(path="IsSandbox", type=FieldType.BOOLEAN, nullable=False),
            FieldSchema(path="InstanceName", type=FieldType.STRING, max_length=5),
            FieldSchema(path="TrialExpirationDate", type=FieldType.DATETIME),
        ),
        name_field="Name",
    )
)
_USER = _completed(
    EntitySchema(
        name="User",
        fields=(
            FieldSchema(path="Username", type=FieldType.STRING, max_length=80),
            FieldSchema(path="Name", type=FieldType.STRING, max_length=121),
            FieldSchema(path="Email", type=FieldType.EMAIL, max_length=128),
            FieldSchema(path="IsActive", type=FieldType.BOOLEAN, nullable=False),
            FieldSchema(path="Division", type=FieldType.STRING, max_length=80),
        ),
        name_field="Name",
    )
)
