"""From the input of a mutation to flat values, and from a field back to its place in the input.

Used by the mutations. Pure.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from talkqa.model.record import Scalar
from talkqa.model.schema import EntitySchema, FieldSchema
from talkqa.sandbox.dialects.wave.shapes import Box, to_number, write_steps
from talkqa.sandbox.layout import Values


def read_input(tree: Box, sent: Mapping[str, Any], *, whole: bool) -> Values:
    """Canonical path to value of whatever was sent.

    Args:
        tree: The entity as an input takes it.
        sent: The input; what has no field in the tree is somebody else's.
        whole: Whether an object that is sent replaces the one before, so that what it leaves out is cleared.
    """
    values: Values = {}
    for key, value in sent.items():
        member = tree.members.get(key)
        if isinstance(member, Box):
            _read_box(member, value, values, whole=whole)
        elif member is not None and member.path != "discounts":
            values[member.path] = _plain(value)
    return values


def _read_box(box: Box, value: Any, values: Values, *, whole: bool) -> None:
    if box.is_list:
        rows = [read_input(box, item, whole=False) for item in value or ()]
        for leaf in _leaves(box):
            values[leaf.path] = tuple(_single(row.get(leaf.path)) for row in rows)
        return
    if value is None or whole:
        values.update(dict.fromkeys((leaf.path for leaf in _leaves(box)), None))
    values.update(read_input(box, value or {}, whole=whole))


def _leaves(box: Box) -> list[FieldSchema]:
    found: list[FieldSchema] = []
    for member in box.members.values():
        found += _leaves(member) if isinstance(member, Box) else [member]
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_plain(one) for one in value)
    return to_number(value) if isinstance(value, Decimal) else value


def _single(value: Any) -> Scalar:
    return None if isinstance(value, tuple) else value


def write_place(schema: EntitySchema, path: str | None) -> tuple[str, ...]:
    """Where a field sits in an input, as errors name it; a first element stands for a list."""
    if path is None:
        return ()
    field = schema.field(path)
    if field is None:
        return tuple(path.split("."))
    steps = write_steps(field)
    depth = len(field.list_at.split(".")) if field.list_at and len(steps) > 1 else 0
    return (*steps[:depth], "0", *steps[depth:]) if depth else steps
