"""How the REST API of a custom system is spoken: paths, envelopes, paging, forms of values, errors.

Part of `SystemSchema` and `EntitySchema`; read from descriptors. A system that says nothing speaks `GENERIC_API` and
`GENERIC_ENTITY`, the dialect of talkqa's own sandbox.

Names in messages of an API are paths: a tuple of keys of nested JSON objects, empty for the body itself. URLs are
templates: `{id}` stands for a record's id, `{entity}` for the entity's name; a fixed query may follow.
"""

from dataclasses import dataclass

Path = tuple[str, ...]

AS_IS = "as-is"
"""A form: values travel as they are."""
FORMS = (AS_IS, "iso", "epoch-s", "epoch-ms")
"""Forms of dates and times; any other form is a pattern of `PATTERN_PARTS` and other characters (`dd.MM.yyyy`)."""
PATTERN_PARTS = ("yyyy", "MM", "dd", "HH", "mm", "ss")


@dataclass(frozen=True, slots=True, kw_only=True)
class RestAuth:
    """Who is let in."""

    kinds: tuple[str, ...] = ("bearer",)
    """Of `Auth.kind`: none, basic, bearer, api-key or client-credentials; the first is preferred."""
    header: str = ""
    """Of api-key: the header that carries it."""
    query: str = ""
    """Of api-key: the query parameter that carries it, where no header does."""
    token_path: str = "/oauth/token"  # noqa: S105 - a path
    """Of client-credentials: where tokens are had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorShape:
    """Where an answer that refuses says why."""

    kind: str = "list"
    """list: problems in a list; object: one problem; fields: an object of field names to messages."""
    items: Path = ("errors",)
    message: Path = ("message",)
    """In a problem; of `fields`: in the body, for a problem of no field."""
    code: Path = ("code",)
    field: Path = ("field",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """How a long list is read."""

    kind: str = "none"
    """none, offset, page, cursor (a token in the body) or link (a URL in the body, or the Link header of RFC 8288)."""
    param: str = ""
    """Of offset, page and cursor: the query parameter that says where to go on."""
    size_param: str = ""
    """The query parameter for the number of records in a page; empty where it cannot be asked for."""
    size: int = 100
    """How many are asked for, or come by themselves."""
    first: int = 1
    """Of page: the number of the first page."""
    next: Path = ()
    """Of cursor: the token in the body. Of link: the URL in the body; empty for the Link header."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """How a list is limited to what changed."""

    param: str
    form: str = ""
    """Of the stamp in the query; empty for that of the API's datetimes."""
    inclusive: bool = True
    """Whether a record changed at that very stamp is listed."""
    cursor: Path = ()
    """Where the body tells the value for the next time; empty where the stamps of the records do."""
    overlap_s: float = 0.0
    """How far to go back each time, for an API whose lists lag behind its records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Find:
    """How records are found by a value."""

    filters: tuple[tuple[str, str], ...] = ()
    """Field path and the query parameter that filters by it."""
    search: str = ""
    """A query parameter that searches in all fields."""
    where: tuple[str, str] | None = None
    """Two query parameters that name any field and its value, compared as text by the system."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """How something is written."""

    method: str
    path: str = ""
    """Empty for the collection (create) or the item (update, delete)."""
    envelope: Path = ()
    """Where in the request's body the record is."""
    whole: bool = False
    """Of update: the body is the whole record, and what it lacks is cleared."""
    content_type: str = "application/json"
    answer: str = "record"
    """What comes back: record, id (an object that holds nothing else of use), or nothing (a Location at best)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Where the API tells who asks."""

    path: str
    user: Path = ("id",)
    """As the API writes it into its modified-by fields."""
    name: Path = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RestEntity:
    """How one entity is spoken of."""

    path: str = "/{entity}"
    """The collection."""
    item: str = ""
    """One record; empty for the collection's path with `/{id}`."""
    get: bool = True
    """Whether one record can be asked for; else it is looked for in the list."""
    records: Path = ()
    """Where in a list's body the records are."""
    record: Path = ()
    """Where in an answer of one record it is."""
    paging: Paging = Paging()
    since: Since | None = None
    order: tuple[tuple[str, str], ...] = ()
    """Query that puts the least recently changed record first; empty where the order of lists is not known."""
    find: Find = Find()
    create: Write = Write(method="POST")
    update: Write = Write(method="PATCH")
    delete: Write = Write(method="DELETE")
    deleted: Path = ()
    """In a listed record: what says that it is deleted; empty where deleted records are not listed."""
    bare_tombstones: bool = False
    """Whether a deleted record is nothing but id, stamp and mark; a longer one with such a mark is alive."""
    conditional: bool = False
    """Whether single records carry an ETag and updates honour If-Match."""
    headers: tuple[tuple[str, str], ...] = ()
    forms: tuple[tuple[str, str], ...] = ()
    """Field path and its own form, where it is not that of the API."""
    unnamed_stamps: bool = False
    """Whether `_modified` and `_modified_by` stand in for fields that the schema does not name."""

    @property
    def item_path(self) -> str:
        """The template of one record's URL."""
        return self.item or self.path.partition("?")[0] + "/{id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestApi:
    """How a system is spoken to."""

    url: str = ""
    """Where the vendor says that it is; an account says where it really is."""
    auth: RestAuth = RestAuth()
    errors: ErrorShape = ErrorShape()
    datetimes: str = "iso"
    dates: str = "iso"
    decimals: str = "number"
    """number or text."""
    references: str = "plain"
    """plain: the id; object: an object that holds it."""
    reference_key: str = "id"
    """Of object: the key of the id."""
    ids: str = "text"
    """text or number: how ids and references to them are written."""
    headers: tuple[tuple[str, str], ...] = ()
    """Sent with every request."""
    ok: tuple[int, ...] = ()
    """The statuses of answers that are well; empty for all below 400."""
    describe: bool = False
    """Whether each entity describes itself under `/describe`."""
    caller: Caller | None = None


GENERIC_API = RestApi(datetimes=AS_IS, dates=AS_IS, describe=True)
GENERIC_ENTITY = RestEntity(
    records=("records",),
    paging=Paging(kind="cursor", param="after", size_param="limit", size=200, next=("next",)),
    since=Since(param="since", cursor=("cursor",)),
    find=Find(where=("where", "equals")),
    deleted=("deleted",),
    bare_tombstones=True,
    conditional=True,
    unnamed_stamps=True,
)
"""The dialect of custom systems that describe no other."""
