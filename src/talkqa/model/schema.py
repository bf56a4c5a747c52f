"""What a system's entities look like: read from descriptors, derived from documents, or told by `describe`."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from talkqa.model.graphql import GraphqlApi, GraphqlEntity
from talkqa.model.rest import RestApi, RestEntity


class FieldType(StrEnum):
    """The kinds of value that fields hold, across vendors."""

    STRING = "string"
    TEXT = "text"
    EMAIL = "email"
    PHONE = "phone"
    URL = "url"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    PICKLIST = "picklist"
    REFERENCE = "reference"
    ID = "id"
    OPAQUE = "opaque"
    """Compound, binary or otherwise not written by a test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSchema:
    """One field of an entity."""

    path: str
    """Dotted; `items.product.id` runs through the list `items`."""
    type: FieldType
    aliases: tuple[str, ...] = ()
    """Other paths that documents use for the same property, such as the one by which it is written."""
    list_at: str | None = None
    """The prefix of `path` that is a list (`items`), where there is one."""
    max_length: int | None = None
    scale: int | None = None
    createable: bool = True
    updateable: bool = True
    nullable: bool = True
    required: bool = False
    """Mandatory on create."""
    references: tuple[str, ...] = ()
    """Entities of the same system that the value may name."""
    picklist: tuple[str, ...] = ()
    restricted: bool = False
    """Whether values outside `picklist` are refused."""
    unique: bool = False
    requires: str | None = None
    """The licence or feature without which the field does not exist."""
    unconfirmed: bool = False
    """True where the fact sheet marks the write flags as not confirmed."""

    @property
    def writable(self) -> bool:
        """Whether a test may set it on create and change it later."""
        return self.createable and self.updateable


@dataclass(frozen=True, kw_only=True)  # no slots: they would leave no room for the index of paths
class EntitySchema:
    """One entity of a system."""

    name: str
    fields: tuple[FieldSchema, ...]
    id_field: str = "id"
    modified_field: str | None = None
    modified_by_field: str | None = None
    created_field: str | None = None
    """Stamp of creation: tells what was there before a run from what came in it."""
    name_field: str | None = None
    createable: bool = True
    updateable: bool = True
    deletable: bool = True
    archive: tuple[str, bool] | None = None
    """Field and value that retire a record which cannot be deleted."""
    requires: str | None = None
    """The licence or feature without which the entity does not exist."""
    create_requires: str | None = None
    """The licence without which records exist but cannot be created."""
    caution: str = ""
    """Why tests may create records in a system that is not theirs only where that was allowed: `posts to ledgers`."""
    rest: RestEntity | None = None
    """How the rest dialect speaks of it; None for the generic way."""
    graphql: GraphqlEntity | None = None
    """How the graphql dialect speaks of it; None in other dialects."""

    def field(self, path: str) -> FieldSchema | None:
        """The field at a dotted path or an alias, letter case folded; None where the entity has no such field."""
        return self._by_path.get(path.casefold())

    @cached_property
    def _by_path(self) -> dict[str, FieldSchema]:
        aliases = {alias.casefold(): f for f in reversed(self.fields) for alias in f.aliases}
        return aliases | {f.path.casefold(): f for f in reversed(self.fields)}


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemSchema:
    """One system as configured for a run."""

    name: str
    """Canonical name."""
    entities: tuple[EntitySchema, ...]
    licences: tuple[str, ...] = ()
    """Every licence or feature that some part of it requires."""
    knows_users: bool = True
    """Whether records tell who wrote them last."""
    stamp_granularity_s: float = 1.0
    dialect: str = "rest"
    """How its API is spoken: rest, odata, graphql, or a vendor with rules of its own: salesforce, exactonline, wave."""
    rest: RestApi | None = None
    """How the rest dialect speaks to it; None for the generic way."""
    graphql: GraphqlApi | None = None
    """How the graphql dialect speaks to it; None in other dialects."""
    derived: bool = False
    """True where no descriptor exists and the schema was read off the documents."""

    def entity(self, name: str) -> EntitySchema | None:
        """The entity of that name, letter case folded; None where there is none."""
        folded = name.casefold()
        return next((e for e in self.entities if e.name.casefold() == folded), None)
