"""Cutting the answer to a poll into records, and joining records into an answer; shared by recorder and replayer."""

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from talkqa.model.call import PollShape

FOREIGN = "talkqa_foreign"
"""Member of what is left of a record that is not ours: the keyed hash of what it held."""

_COUNT = re.compile(
    r"(?i)(?:@odata\.|_*)(?:total|count|(?:total|record|row|item)s?_?(?:count|size|number|records|items))"
)
"""Name of the member that tells how many records an answer holds, or the whole list."""

Path = tuple[str, ...]
Excerpt = Callable[[Mapping[str, Any]], dict[str, Any]]
"""Of a foreign record, as its system wrote it, what the run itself wrote into it."""
Reduce = Callable[[Mapping[str, Any], PollShape], dict[str, Any]]
"""`reduce_foreign` with its key."""


def find_at(value: Any, path: Path) -> Any:
    """What lies at a path of nested objects; None where the path ends early."""
    for step in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(step)
    return value


def put_at(value: dict[str, Any], path: Path, content: Any) -> None:
    """Put something at a path of nested objects, making objects on the way; a path that meets no object is left."""
    for step in path[:-1]:
        inner = value.setdefault(step, {})
        if not isinstance(inner, dict):
            return
        value = inner
    if path:
        value[path[-1]] = content


def read_items(body: Any, shape: PollShape) -> tuple[dict[str, Any], ...] | None:
    """The records of an answer; None where it is no answer of that shape."""
    items = find_at(body, shape.items)
    if not isinstance(items, list):
        return None
    return tuple(item for item in items if isinstance(item, dict))


def is_last(body: Any, shape: PollShape) -> bool:
    """Whether an answer is the last page of its poll; one without pages is."""
    return all(find_at(body, path) == value for path, value in shape.last_page)


def id_of(item: Mapping[str, Any], shape: PollShape) -> str:
    """The record's id as text; its digest where it has none."""
    found = find_at(item, shape.id)
    return digest_of(item) if found is None or isinstance(found, dict | list) else str(found)


def digest_of(value: Any) -> str:
    """Equal for equal JSON, whatever the order of its members."""
    return hashlib.sha256(_canonical(value)).hexdigest()[:24]


def empty_envelope(body: Mapping[str, Any], shape: PollShape) -> dict[str, Any]:
    """An answer without its records, and without any other list of objects: those may be somebody's records too."""
    envelope: dict[str, Any] = _without_lists(body)
    put_at(envelope, shape.items, [])
    return envelope


def fill_envelope(envelope: Mapping[str, Any], shape: PollShape, items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """An answer of one page that holds these records, and says so where it counts them."""
    body: dict[str, Any] = _counted(envelope, len(items))
    put_at(body, shape.items, list(items))
    for path, value in shape.last_page:
        put_at(body, path, value)
    return body


def nothing_of(_item: Mapping[str, Any]) -> dict[str, Any]:
    """Of a foreign record nothing was written by the run."""
    return {}


def reduce_foreign(
    item: Mapping[str, Any], shape: PollShape, *, key: bytes, excerpt: Excerpt = nothing_of
) -> dict[str, Any]:
    """What may be kept of a record that is not ours: id, stamp, and a hash that nobody can redo without the key.

    Args:
        item: The record.
        shape: Where its id and stamp are.
        key: Of the hash.
        excerpt: What of it the run itself wrote.
    """
    kept: dict[str, Any] = excerpt(item)
    for path in (shape.id, shape.modified):
        found = find_at(item, path) if path else None
        if found is not None and not isinstance(found, dict | list):
            put_at(kept, path, found)
    sealed = hmac.new(key, _canonical(item), hashlib.sha256).hexdigest()[:16]
    put_at(kept, (*shape.id[:-1], FOREIGN), sealed)
    return kept


def _counted(value: Any, count: int) -> Any:
    """A copy of the objects in an envelope, with every number of records put right: clients compare."""
    if not isinstance(value, dict):
        return value
    return {
        name: count if type(inner) is int and _COUNT.fullmatch(name) else _counted(inner, count)
        for name, inner in value.items()
    }


def _without_lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_lists(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [one for one in value if not isinstance(one, dict | list)]
    return value


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
