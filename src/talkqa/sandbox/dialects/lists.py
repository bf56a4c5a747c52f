"""Lists in bodies of systems that replace a list as a whole: what an item leaves out is empty then."""

from collections.abc import Sequence
from typing import Any

from talkqa.model.schema import EntitySchema


def whole_lists(schema: EntitySchema, body: dict[str, Any]) -> dict[str, Any]:
    """A body whose lists name every writable member of their items, for a store that changes what is named alone."""
    whole = dict(body)
    for field in schema.fields:
        if field.list_at is None or field.list_at == field.path or not (field.createable or field.updateable):
            continue
        items = whole.get(field.list_at)
        if isinstance(items, list) and all(isinstance(item, dict) for item in items):
            steps = field.path[len(field.list_at) + 1 :].split(".")
            whole[field.list_at] = [_filled(item, steps) for item in items]
    return whole


def _filled(item: dict[str, Any], steps: Sequence[str]) -> dict[str, Any]:
    head, *rest = steps
    if not rest:
        return {head: None, **item}
    inner = item.get(head)
    return item if inner is not None and not isinstance(inner, dict) else {**item, head: _filled(inner or {}, rest)}
