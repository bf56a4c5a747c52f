"""Where faults of rows change something: what kind of value a row carries, and which ways.

Used by the faults beside this module. A fault that changes nothing anybody could see is none.
"""

from dataclasses import replace
from datetime import UTC, datetime

from talkqa.model.record import Scalar
from talkqa.model.schema import FieldSchema, FieldType
from talkqa.sandbox.conversion import Unfit, is_same
from talkqa.sandbox.pairing import Direction
from talkqa.sandbox.rows import Group, Member

TEXTS = frozenset({FieldType.STRING, FieldType.TEXT})
NUMBERS = frozenset({FieldType.DECIMAL, FieldType.INTEGER})
TIMES = frozenset({FieldType.DATE, FieldType.DATETIME})
_SAMPLES: tuple[Scalar, ...] = ("a b-c", "+47 555 01 234", "007", "X", "2024-03-01", "2024-03-01T10:20:30Z", 12.5, 7)
"""Values of which a transform, if it does anything, changes one."""
_NOW = datetime(2024, 3, 1, tzinfo=UTC)


def is_single(group: Group) -> bool:
    """Whether one row that carries a value, and no reference, feeds the target."""
    member = group.members[0]
    return len(group.members) == 1 and not member.refers and not member.one_way


def is_text(group: Group) -> bool:
    """Whether a text is carried without a transform."""
    member = group.members[0]
    texts = {member.source.type, member.target.type} <= TEXTS
    listed = member.source.picklist or member.target.picklist
    return is_single(group) and texts and not listed and member.transform is None


def is_promised(group: Group) -> bool:
    """Whether nobody but a fault changes the value on its way: a documented row without a data type may do so."""
    return not group.documented or group.members[0].cast is not None


def is_followed(group: Group) -> bool:
    """Whether an edit of the source can be seen to arrive."""
    return is_single(group) and group.members[0].source.updateable and group.target.updateable


def is_followed_back(group: Group) -> bool:
    """Whether an edit of the target can be seen to come back."""
    member = group.members[0]
    undone = member.transform is None or member.back is not None or member.source.type in TIMES
    return is_followed(group) and undone and member.source.list_at is None


def is_changed_by_transform(member: Member) -> bool:
    """Whether the transform of a row makes anything of some value that its source holds."""
    if member.transform is None:
        return False
    bare = replace(member, transform=None)
    for sample in _SAMPLES:
        made, copied = member.forward(sample, _NOW), bare.forward(sample, _NOW)
        if isinstance(made, Unfit) or isinstance(copied, Unfit):
            continue
        if _holds(member.source, sample) and not is_same(made, copied):
            return True
    return False


def _holds(field: FieldSchema, value: Scalar) -> bool:
    if field.type in NUMBERS:
        return not isinstance(value, str)
    if field.type in TIMES:
        return isinstance(value, str) and value.startswith("2024-")
    return isinstance(value, str)


def is_refusable(group: Group) -> bool:
    """Whether the source may hold a text that the target refuses for its length."""
    source, target = group.members[0].source, group.target
    texts = {source.type, target.type} <= TEXTS and is_followed(group)
    room = source.max_length or float("inf")
    return texts and target.max_length is not None and room > target.max_length


def makes_records(direction: Direction) -> bool:
    """Whether a flow ever creates a target record."""
    rules = direction.rules
    return bool(rules.every or rules.predicates or rules.creates_unmatched or rules.connections)
