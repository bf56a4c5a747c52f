"""The values that probes carry: in every property one that no other property of the exploration carries.

A pure function of the sentinels, the key and what was handed out before. Where a property has too few values for that
(truth values, picklists), it gets a code word over the writes of the exploration instead, another one for each.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from talkqa.model.record import Scalar
from talkqa.model.schema import FieldSchema, FieldType
from talkqa.systems.sentinels import Sentinels
from talkqa.verify.values import fit

WORDS: tuple[tuple[bool, bool, bool], ...] = (
    (False, True, True),
    (False, False, True),
    (True, False, False),
    (True, True, False),
    (False, True, False),
    (True, False, True),
)
"""Truth values over three writes: first probe, second probe, the first again. The first four move at the third, and
the first two are not each other's opposite."""
_TRIES = 400
_NUMBERS = frozenset({FieldType.INTEGER, FieldType.DECIMAL})
_TIMES = frozenset({FieldType.DATE, FieldType.DATETIME})
_UNINVENTED = frozenset({FieldType.ID, FieldType.REFERENCE, FieldType.OPAQUE})
_WHOLE_NUMBERS = (10_000, 89_999)
"""Integers that as many systems as possible take; five digits are not met by chance."""
_HUNDREDTHS = (1_011, 8_999)
"""Decimals likewise, in hundredths: shares, degrees and amounts alike are below 90."""


class Assigner:
    """Hands out values for one exploration."""

    def __init__(self, sentinels: Sentinels, key: str) -> None:
        self._sentinels = sentinels
        self._key = key
        self._taken: set[str] = set()
        self._words: dict[str, tuple[bool, ...]] = {}

    def assign(self, fields: Iterable[FieldSchema], write: int) -> dict[str, Scalar]:
        """Values for all these properties that a test can invent some for.

        Args:
            fields: Of one record; as narrow as the values have to be.
            write: Of the writes to this side: 0 the first probe, 1 the second, 2 the first again.
        """
        values: dict[str, Scalar] = {}
        positions: Counter[FieldType] = Counter()
        for one in sorted(fields, key=lambda one: one.path):
            value = self.value(one, write, positions[one.type])
            positions[one.type] += 1
            if value is not None:
                values[one.path] = value
        return values

    def value(self, field: FieldSchema, write: int, position: int = 0) -> Scalar:
        """A value for one property; None where nothing can be invented."""
        if field.type is FieldType.BOOLEAN:
            return self._words.setdefault(field.path, WORDS[position % len(WORDS)])[write % 3]
        if field.type is FieldType.PICKLIST and field.picklist:
            return _pick(field.picklist, write, position)
        if field.type in _UNINVENTED or (field.type is FieldType.PICKLIST and field.restricted):
            return None
        last: Scalar = None
        for attempt in range(_TRIES):
            last = fit(self._draw(field, write * _TRIES + attempt), field)
            if last is None or _mark(last) not in self._taken:
                break
        if last is not None:
            self._taken.add(_mark(last))
        return last

    def _draw(self, field: FieldSchema, counter: int) -> Scalar:
        if field.type in _NUMBERS:
            return self._number(field, counter)
        return self._sentinels.value(field, self._key, counter)

    def _number(self, field: FieldSchema, counter: int) -> Scalar:
        wide = replace(field, type=FieldType.INTEGER, max_length=9, scale=None)
        drawn = self._sentinels.value(wide, self._key, counter)
        number = drawn if isinstance(drawn, int) else 0
        length = 9 if field.max_length is None else field.max_length
        if field.type is FieldType.DECIMAL:
            scale = 2 if field.scale is None else field.scale
            length = 9 if field.max_length is None else field.max_length - scale
            if scale >= 2 and length >= 2:
                low, high = _HUNDREDTHS
                hundredths = low + number % (high - low)
                return (hundredths + (hundredths % 10 == 0)) / 100  # two places, so that a rounding shows
        low, high = _WHOLE_NUMBERS if length >= 5 else (10 ** max(length - 1, 0), 10 ** max(length, 1) - 1)
        return low + number % max(high - low, 1)


def _pick(picklist: Sequence[str], write: int, position: int) -> str:
    """One of the values, another one at each write, and other ones for the next property."""
    stride = 1 + position // len(picklist) % max(len(picklist) - 1, 1)
    return picklist[(position + write * stride) % len(picklist)]


def _mark(value: Scalar) -> str:
    """What two values of different properties must not share: the day of a moment, a number's digits, a text."""
    text = str(value).casefold()
    return text[:10] if len(text) >= 10 and text[4:5] == "-" and text[7:8] == "-" else text
