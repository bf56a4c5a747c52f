"""What names usually mean: of fields, of query parameters, of members of an answer.

Used by the importers. A guess is told as one wherever it decides something that could be otherwise.
"""

import re
from collections.abc import Iterable

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_PATTERN = re.compile(r"\b(?:(yyyy|YYYY)([-./]?)(MM|mm)\2(dd|DD)|(dd|DD)([-./])(MM|mm)\6(yyyy|YYYY))\b")

MODIFIED = (
    *("modified", "updated", "changed", "last modified", "last updated", "last changed", "date modified"),
    *("date updated", "modified date", "updated date", "modification date", "last modified date", "last update"),
    *("updated time", "modified time", "update time", "last modified time", "change date", "last edited"),
)
CREATED = ("created", "date created", "created date", "creation date", "created time", "create time", "inserted")
MODIFIED_BY = (
    *("modified by", "updated by", "changed by", "last modified by", "last updated by", "last changed by"),
    *("edited by", "last edited by", "modified by id", "updated by id", "modifier"),
)
NAMES = (
    *("name", "title", "subject", "display name", "full name", "company name", "label", "number", "summary"),
    *("last name", "description", "email", "code", "reference"),
)
ARCHIVED = {"archived": True, "is archived": True, "inactive": True, "disabled": True, "active": False}
ARCHIVED |= {"is active": False, "enabled": False}
DELETED = ("deleted", "is deleted", "deleted at", "removed")
PHONES = frozenset({"phone", "mobile", "telephone", "fax", "cellphone"})

SIZES = (
    "limit",
    "per page",
    "page size",
    "size",
    "max results",
    "max",
    "take",
    "top",
    "page limit",
    "results per page",
)
OFFSETS = ("offset", "skip", "start", "start index", "from")
PAGES = ("page", "page number", "p", "page index")
CURSORS = (
    *("cursor", "page token", "after", "starting after", "next token", "continuation", "continuation token", "token"),
    *("next cursor", "page cursor"),
)
SINCES = re.compile(
    r"((last )?(updated|modified|changed)( at| on| date| time)? "
    r"(since|after|from|min|gt|gte|ge|start))|(since|modified since|if modified since|changes since|updated min|"
    r"(min|from|after|since) (last )?(updated|modified|changed)( at| on| date| time)?)"
)
ORDERS = ("sort", "sort by", "order by", "order", "ordering", "sort field", "orderby", "sortby")
DIRECTIONS = ("direction", "dir", "sort dir", "sort direction", "sort order", "order", "order direction", "sortorder")
SEARCHES = ("q", "query", "search", "term", "keyword", "search term", "filter text", "text")

TOKENS = (
    *("next cursor", "next page token", "next token", "next", "cursor", "continuation", "continuation token"),
    *("end cursor", "after"),
)
LINKS = ("next", "next page", "next link", "next url", "next page url", "next href")
FRAMES = ("paging", "pagination", "page", "meta", "links", "page info", "cursors", "next", "metadata")
LISTS = ("data", "items", "results", "records", "values", "value", "content", "entries", "list", "rows")

MESSAGES = ("message", "detail", "error description", "description", "msg", "reason", "title", "text", "error")
CODES = ("code", "error code", "type", "error", "key", "status code", "id")
FIELDS = ("field", "property", "path", "param", "parameter", "target", "source", "pointer", "attribute", "location")


def words_of(name: str) -> str:
    """A name in small letters, its words apart: `lastModified_At` is `last modified at`."""
    return " ".join(word.lower() for word in _WORDS.findall(name))


def plain_of(name: str) -> str:
    """The same, without a last word that says nothing beyond the type."""
    return re.sub(r" (at|on|utc|timestamp|datetime|ts|ms)$", "", words_of(name))


def pick(names: Iterable[str], wanted: Iterable[str]) -> str | None:
    """The first name that means what is wanted, what is wanted most first."""
    known: dict[str, str] = {}
    for name in names:
        known.setdefault(words_of(name), name)
        known.setdefault(plain_of(name), name)
    return next((known[one] for one in wanted if one in known), None)


def pattern_in(text: str) -> str | None:
    """A pattern of dates that a text mentions, in the letters of descriptors."""
    found = _PATTERN.search(text)
    if found is None:
        return None
    form = f"yyyy{found[2]}MM{found[2]}dd" if found[1] else f"dd{found[6]}MM{found[6]}yyyy"
    return None if form == "yyyy-MM-dd" else form


def entity_of(name: str) -> str:
    """An entity's name out of that of a schema, a path's step or a data type: `person_response` is `Person`."""
    words = [word for word in re.split(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])", name) if word]
    while len(words) > 1 and words[-1].lower() in _SUFFIXES:
        words.pop()
    return "".join(word[:1].upper() + word[1:] for word in words) or "Record"


def singular_of(name: str) -> str:
    """One of many: `people` is `person`, `companies` is `company`."""
    folded = name.lower()
    if folded in _PLURALS:
        return _PLURALS[folded]
    if folded.endswith("ies") and len(name) > 4:
        return name[:-3] + "y"
    if folded.endswith(("sses", "xes", "ches", "shes", "uses")):
        return name[:-2]
    return name[:-1] if folded.endswith("s") and not folded.endswith(("ss", "us", "is")) else name


_SUFFIXES = frozenset(
    ("response", "dto", "out", "read", "model", "schema", "entity", "resource", "object", "full", "detail", "output")
)
_PLURALS = {"people": "person", "children": "child", "men": "man", "women": "woman", "addresses": "address"}
