"""How a described GraphQL system is spoken to: names of operations, arguments, where records are in answers.

Part of `SystemSchema` and `EntitySchema`; read from descriptors, whose `[graphql]` says what differs from the
conventions that the defaults are. Paths are keys of nested objects below an operation's own.
"""

from dataclasses import dataclass

Path = tuple[str, ...]

PAGINGS = ("cursor", "offset", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphqlEntity:
    """The operations of one entity; named with templates: `{Entity}`, `{entity}`, `{entities}`."""

    get: str = "{entity}"
    """Query for one record: `debtor(id: ID!)`."""
    list: str = "{entities}"
    create: str = "create{Entity}"
    update: str = "update{Entity}"
    delete: str = "delete{Entity}"
    create_input: str = "{Entity}Input"
    update_input: str = "{Entity}Input"


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphqlApi:
    """What all operations of a system have in common."""

    path: str = "/graphql"
    paging: str = "cursor"
    """cursor (`pageInfo` with `hasNextPage` and `endCursor`), offset (a number of records to pass over) or none."""
    size: int = 50
    """Records on a page."""
    size_argument: str = "first"
    position_argument: str = "after"
    records: Path = ("nodes",)
    """In a list: the records; empty where the list is them."""
    record: Path = ()
    """In one of these: the record (`node` of an edge)."""
    since: str = ""
    """Argument that limits a list to what changed at or after a moment; empty where there is none."""
    since_type: str = "DateTime"
    input_argument: str = "input"
    payload: Path = ()
    """In the answer of a creation or a change: the record; empty where the answer is it."""
    errors: str = ""
    """In such an answer, and in that of a deletion: a list of objects with `message` and `field`; empty where refusals
    are errors of the request alone."""
    deleted: str = ""
    """In the answer of a deletion: a plain member to ask for; empty where it has none to choose from."""
