"""From what was found of an entity, whatever it was found in, to its schema.

Used by the importers of OpenAPI documents and Sesam connectors.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from talkqa.model.rest import RestApi, RestEntity
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType
from talkqa.systems.importers import guesses
from talkqa.systems.importers.fields import FoundField

_ID_TYPES = (FieldType.STRING, FieldType.INTEGER, FieldType.REFERENCE, FieldType.OPAQUE)

_PLAIN_IDS = frozenset(("external", "tax", "vat", "org", "organisation", "organization", "national", "foreign"))
"""Ids that are mere texts."""


@dataclass(kw_only=True)
class EntityParts:
    """What was found of one entity."""

    name: str
    id_field: str
    """Empty where none was found."""
    read: Mapping[str, FoundField]
    """Path to field, as records are read."""
    created: Mapping[str, FoundField]
    """As records are created; empty where nothing is said about it."""
    updated: Mapping[str, FoundField]
    can_create: bool
    can_update: bool
    can_delete: bool
    rest: RestEntity
    modified_field: str = ""
    """Where what was read tells; else it is guessed."""
    gaps: list[str] = field(default_factory=list)


def settle_forms(parts: Sequence[EntityParts]) -> tuple[list[str], dict[str, Any]]:
    """How most values are written; and what to say about the others."""
    found = [item for part in parts for item in part.read.values()]
    times = Counter(item.form or "iso" for item in found if item.field.type is FieldType.DATETIME)
    days = Counter(item.form or "iso" for item in found if item.field.type is FieldType.DATE)
    decimals = Counter(item.as_text for item in found if item.field.type is FieldType.DECIMAL)
    ids = Counter(part.read[part.id_field].as_number for part in parts if part.id_field in part.read)
    forms = {
        "datetimes": times.most_common(1)[0][0] if times else "iso",
        "dates": days.most_common(1)[0][0] if days else "iso",
        "decimals": "text" if decimals and decimals.most_common(1)[0][0] else "number",
        "ids": "number" if ids and ids.most_common(1)[0][0] else "text",
    }
    gaps = []
    if len(decimals) > 1:
        gaps.append(f"decimals: some are numbers and some are texts; taken as {forms['decimals']}")
    if len(ids) > 1:
        gaps.append(f"ids: some are numbers and some are texts; taken as {forms['ids']}")
    return gaps, forms


def build_entity(parts: EntityParts, names: Sequence[str], api: RestApi) -> tuple[EntitySchema, list[str]]:
    """An entity, and what to look up about it.

    Args:
        parts: What was found.
        names: Of all entities, to recognise references.
        api: How most values are written.
    """
    gaps = [*parts.gaps]
    known = {**parts.created, **parts.updated, **parts.read}
    order = [*parts.read, *(path for path in known if path not in parts.read)]
    id_field = parts.id_field
    if not id_field:
        id_field = "id"
        gaps.append("id_field: which field is the id; taken for 'id'")
    stamps = [path for path in order if known[path].field.type is FieldType.DATETIME]
    modified = parts.modified_field or guesses.pick(stamps, guesses.MODIFIED) or ""
    created = guesses.pick([path for path in stamps if path != modified], guesses.CREATED)
    writer = guesses.pick([path for path in order if path not in stamps], guesses.MODIFIED_BY)
    own = {id_field, modified, created, writer}
    fields = [_settled(path, known[path], parts, own, {modified, created}) for path in order]
    if id_field not in known:
        fields.insert(0, FieldSchema(path=id_field, type=FieldType.ID, createable=False, updateable=False))
    fields = [_with_reference(item, names, gaps) if item.path not in own else item for item in fields]
    if not modified:
        gaps.append("modified_field: which field tells when a record was changed; without one every list is read whole")
    name_field = guesses.pick([item.path for item in fields if item.createable and _is_name(item)], guesses.NAMES)
    if name_field is None:
        gaps.append("name_field: which text a person knows a record by")
    archive = None
    if not parts.can_delete:
        archive = _archive(fields)
        what = f"taken for {dict([archive])}" if archive else "without one tests leave records behind"
        gaps.append(f"archive: nothing deletes a record; a field that retires it, {what}")
    defaults = {FieldType.DATETIME: api.datetimes, FieldType.DATE: api.dates}
    forms = tuple(
        (path, known[path].form or "iso")
        for path in order
        if known[path].field.type in defaults and (known[path].form or "iso") != defaults[known[path].field.type]
    )
    entity = EntitySchema(
        name=parts.name,
        fields=tuple(fields),
        id_field=id_field,
        modified_field=modified or None,
        modified_by_field=writer,
        created_field=created,
        name_field=name_field,
        createable=parts.can_create,
        updateable=parts.can_update,
        deletable=parts.can_delete,
        archive=archive,
        rest=replace(parts.rest, forms=forms),
    )
    return entity, gaps


def without_user(url: str) -> str:
    """A URL without the credentials in it: they belong to an account."""
    scheme, mark, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"


def _settled(
    path: str, found: FoundField, parts: EntityParts, own: set[str | None], stamps: set[str | None]
) -> FieldSchema:
    """A field with what the bodies of writes say about it."""
    item = found.field
    if path == (parts.id_field or "id"):
        kept = item.max_length
        return FieldSchema(
            path=path, type=FieldType.ID, max_length=kept, createable=False, updateable=False, nullable=False
        )
    created, updated = parts.created.get(path), parts.updated.get(path)
    createable = item.createable and (created is not None if parts.created else True)
    updateable = item.updateable and (updated is not None if parts.updated else True)
    required = createable and (created.field.required if created is not None else item.required)
    settled = replace(
        item,
        createable=createable and parts.can_create,
        updateable=updateable and parts.can_update,
        required=required and parts.can_create,
        nullable=item.nullable and not required,
    )
    if path in own:
        settled = replace(settled, createable=False, updateable=False)
    if not settled.createable and not settled.updateable:
        settled = replace(settled, required=False, nullable=path not in stamps, unique=False)
    return settled


def _with_reference(item: FieldSchema, names: Sequence[str], gaps: list[str]) -> FieldSchema:
    """A field whose name says that it holds another record's id."""
    words = guesses.words_of(item.path.replace(".", " "))
    stem, _, last = words.rpartition(" ")
    if item.type is FieldType.REFERENCE or not stem or last != "id" or item.type not in _ID_TYPES:
        return item
    entity = max(
        (name for name in names if (guesses.words_of(name) == stem or stem.endswith(f" {guesses.words_of(name)}"))),
        key=len,
        default=None,
    )
    if entity is None and stem in _PLAIN_IDS:
        return item
    if entity is None:
        gaps.append(f"references: {item.path!r} looks like another record's id; say whose")
        return replace(item, type=FieldType.OPAQUE, max_length=None) if not item.required else item
    return replace(item, type=FieldType.REFERENCE, references=(entity,), max_length=None)


def _is_name(item: FieldSchema) -> bool:
    return item.type in (FieldType.STRING, FieldType.TEXT, FieldType.EMAIL) and item.list_at is None


def _archive(fields: Iterable[FieldSchema]) -> tuple[str, bool] | None:
    flags = {
        guesses.words_of(item.path): item.path
        for item in fields
        if item.type is FieldType.BOOLEAN and item.updateable and item.list_at is None
    }
    return next(((flags[words], value) for words, value in guesses.ARCHIVED.items() if words in flags), None)
