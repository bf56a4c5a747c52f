# ruff: noqa: D102 - what each decision is, the correct engine says
"""Faults of values on their way: cut, misread, retyped, or those of another record.

Used by the catalogue. Each changes a value before it is written to the target; one, before it is written back.
"""

import json
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import ClassVar

from talkqa.model.flow import Side
from talkqa.model.record import FieldValue, Scalar
from talkqa.model.schema import FieldType
from talkqa.sandbox.behaviour import Behaviour
from talkqa.sandbox.conversion import is_empty
from talkqa.sandbox.faults.faulty import Aim, RowFault
from talkqa.sandbox.faults.places import NUMBERS, TIMES, is_followed_back, is_promised, is_single, is_text
from talkqa.sandbox.pairing import Direction, Pairing
from talkqa.sandbox.rows import Group

_KEPT_CHARACTERS = 4
"""What a truncated text is left with."""
_ROOM = 12
"""Characters that a text needs room for before its truncation shows in any value that a test would write."""


class ValueSpoilt(RowFault):
    """Spoils a value before it is written to the target."""

    back: ClassVar[bool] = False
    """Whether it spoils what comes back to the source instead."""

    def spoil(self, value: FieldValue) -> FieldValue:
        """What is written in place of a value."""
        raise NotImplementedError

    def outgoing(self, pairing: Pairing, group: Group, side: Side, record_id: str, value: FieldValue) -> FieldValue:
        value = self.inner.outgoing(pairing, group, side, record_id, value)
        if (group.side is side) is not self.back or is_empty(value) or not self.hits(pairing, group):
            return value
        return tuple(self._spoil(item) for item in value) if isinstance(value, tuple) else self.spoil(value)

    def _spoil(self, item: Scalar) -> Scalar:
        spoilt = self.spoil(item)
        return None if isinstance(spoilt, tuple) else spoilt


class TextSpoilt(ValueSpoilt):
    """Spoils a text that would be copied as it is."""

    @classmethod
    def fits(cls, group: Group) -> bool:
        return is_text(group) and is_promised(group)

    def spoil(self, value: FieldValue) -> FieldValue:
        return self.spoil_text(value) if isinstance(value, str) else value

    def spoil_text(self, text: str) -> str:
        """What is written in place of a text."""
        raise NotImplementedError


class TextTruncated(TextSpoilt):
    """Cuts a text to a few characters."""

    @classmethod
    def fits(cls, group: Group) -> bool:
        member = group.members[0]
        return super().fits(group) and all((f.max_length or _ROOM) >= _ROOM for f in (member.source, member.target))

    def spoil_text(self, text: str) -> str:
        return text[:_KEPT_CHARACTERS]


class TextTruncatedBack(TextTruncated):
    """Cuts a text that comes back from the target."""

    back = True

    @classmethod
    def arguments(cls, pairing: Pairing, direction: Direction) -> Iterable[str | None]:
        # Of an undocumented flow nobody can say what an edit of the target promises the source.
        return super().arguments(pairing, direction) if direction.flow.properties else ()

    @classmethod
    def fits(cls, group: Group) -> bool:
        return super().fits(group) and is_followed_back(group)


class TextMisread(TextSpoilt):
    """Reads UTF-8 as Latin-1."""

    def spoil_text(self, text: str) -> str:
        return text.encode().decode("latin-1")


class ZerosLost(TextSpoilt):
    """Takes what looks like a number for one."""

    def spoil_text(self, text: str) -> str:
        return text.lstrip("0") or "0" if text[:1] == "0" and text.isdecimal() else text


class TextTrimmed(TextSpoilt):
    """Folds runs of blanks, and cuts those at the ends."""

    def spoil_text(self, text: str) -> str:
        return " ".join(text.split())


class TextFolded(TextSpoilt):
    """Makes all letters small."""

    def spoil_text(self, text: str) -> str:
        return text.lower()


class WrongType(ValueSpoilt):
    """Writes a text as JSON would show it, quotes included, and anything else as a text."""

    @classmethod
    def fits(cls, group: Group) -> bool:
        return (is_text(group) and is_promised(group)) or (
            is_single(group) and group.target.type in NUMBERS and not group.target.list_at
        )

    def spoil(self, value: FieldValue) -> FieldValue:
        return json.dumps(value, ensure_ascii=False)


class TimeShifted(ValueSpoilt):
    """Takes local time for UTC: a moment comes an hour early, a day as the day before."""

    @classmethod
    def fits(cls, group: Group) -> bool:
        return is_single(group) and group.target.type in TIMES

    def spoil(self, value: FieldValue) -> FieldValue:
        if not isinstance(value, str):
            return value
        if len(value) == 10:
            return (date.fromisoformat(value) - timedelta(days=1)).isoformat()
        moment = datetime.fromisoformat(value) - timedelta(hours=1)
        return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


class NumberRounded(ValueSpoilt):
    """Cuts what stands behind the point."""

    @classmethod
    def fits(cls, group: Group) -> bool:
        fields = (group.members[0].source, group.target)
        return is_single(group) and all(f.type is FieldType.DECIMAL and f.scale != 0 for f in fields)

    def spoil(self, value: FieldValue) -> FieldValue:
        return int(value) if isinstance(value, float) else value


class ValueLeaked(RowFault):
    """Writes the value of the record before into all later ones."""

    def __init__(self, inner: Behaviour, aim: Aim) -> None:
        super().__init__(inner, aim)
        self._last: dict[tuple[str, str], tuple[str, FieldValue]] = {}

    @classmethod
    def fits(cls, group: Group) -> bool:
        return is_single(group) and not group.target.unique and group.target.type is not FieldType.BOOLEAN

    def outgoing(self, pairing: Pairing, group: Group, side: Side, record_id: str, value: FieldValue) -> FieldValue:
        value = self.inner.outgoing(pairing, group, side, record_id, value)
        if group.side is side or not self.hits(pairing, group):
            return value
        last_id, last = self._last.get((pairing.id, group.key), (record_id, value))
        if last_id == record_id:
            self._last[pairing.id, group.key] = (record_id, value)
            return value
        return last


class ReferenceCrossed(RowFault):
    """Refers to whatever record the first one referred to."""

    def __init__(self, inner: Behaviour, aim: Aim) -> None:
        super().__init__(inner, aim)
        self._first: dict[str, FieldValue] = {}

    @classmethod
    def fits(cls, group: Group) -> bool:
        return group.members[0].refers

    def outgoing(self, pairing: Pairing, group: Group, side: Side, record_id: str, value: FieldValue) -> FieldValue:
        value = self.inner.outgoing(pairing, group, side, record_id, value)
        return (
            value if group.side is side or not self.hits(pairing, group) else self._first.setdefault(group.key, value)
        )
