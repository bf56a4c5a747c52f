"""What may have happened to a value on its way: the relations that discovery knows, the plainest first.

A relation holds for a pair of properties or it does not; nothing here knows which values belong to which probe. An
expression is offered only where a document could print it and the oracle confirms it for every pair of values.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from talkqa.model.record import Scalar
from talkqa.model.schema import FieldSchema, FieldType
from talkqa.model.transform import Call, Expression, Literal, Transform, Value
from talkqa.systems.sentinels import is_telling, token_of
from talkqa.verify.compare import compare
from talkqa.verify.oracle import OracleUnknown, evaluate

NO_TYPE = "N/A"
"""The data type of a row whose value changes on its way in a manner that no document can print."""
LEAST_PIECE = 8
"""Characters that a text shares with another before one counts as a piece of the other."""
_LEAST_MADE = 6
"""Characters that a value has that an expression made."""
_TEXTS = frozenset({FieldType.STRING, FieldType.TEXT, FieldType.EMAIL, FieldType.URL, FieldType.PHONE})
_TIMES = frozenset({FieldType.DATE, FieldType.DATETIME})
_NUMBERS = frozenset({FieldType.INTEGER, FieldType.DECIMAL})
_CELLS = {
    FieldType.INTEGER: '"integer"',
    FieldType.DECIMAL: '"decimal"',
    FieldType.BOOLEAN: '"boolean"',
}
_DATE_FORMATS = (
    *("%d-%m-%Y", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d"),
    *("%d%m%Y", "%d-%m-%y", "%d.%m.%y", "%m/%d/%y", "%y%m%d", "%Y-%m-%d"),
    *("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%d.%m.%Y %H:%M", "%d-%m-%Y %H:%M", "%d/%m/%Y %H:%M", "%Y%m%d%H%M%S"),
)
_DROPPED = (" ", "-", ".", "+", "/", "@")
"""Characters that systems leave out of numbers, codes and phones."""
_FACTORS = (100, 1000, 60, 10, 3600)

Values = Sequence[tuple[Scalar, Scalar]]
"""Pairs of a source value and what the target held then; none of them is empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """The two properties of a row that may be one."""

    source: FieldSchema
    target: FieldSchema


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """What holds between a source value and a target value."""

    rank: int
    """Plainer ones are lower; of two that hold, the plainer is meant."""
    words: str
    """What the target holds, after `holds`: `the same value`."""
    holds: Callable[[Ends, Scalar, Scalar], bool]
    transform: Transform | None = None
    whole: bool = True
    """Whether all of the source value can be told from the target's."""

    def cell(self, ends: Ends) -> str:
        """The data type cell of a document's row."""
        if self.transform is not None:
            return self.transform.text
        return _CELLS.get(ends.target.type, '"string"') if self is SAME else NO_TYPE


def find_relation(ends: Ends, values: Values) -> Relation | None:
    """The plainest relation that holds for all pairs of values; None where none does.

    Where several expressions make the same of all these values, none of them is known to be the one.
    """
    found = (relation for relation in RELATIONS if all(relation.holds(ends, s, t) for s, t in values))
    plainest = next(found, None)
    if plainest is None or plainest.transform is None:
        return plainest
    if any(other.transform is not None for other in found):
        return replace(plainest, words="its value in a form that several expressions explain", transform=None)
    return plainest


def print_expression(expression: Expression) -> str:
    """An expression as documents print it: a JSON list whose value sign is `_.`."""
    return json.dumps(_plain(expression), ensure_ascii=False, separators=(",", ":"))


def _plain(expression: Expression) -> object:
    match expression:
        case Literal(value=value):
            return value
        case Value(path=path):
            return "_." + ".".join(path)
        case Call(operator=operator, arguments=arguments):
            return [operator, *map(_plain, arguments)]


# What holds


def _same(ends: Ends, source: Scalar, target: Scalar) -> bool:
    found = compare(source, target, expected_field=ends.source, actual_field=ends.target, declared=None)
    return found.equal and found.certain


def _texts(source: Scalar, target: Scalar) -> tuple[str, str] | None:
    """Both values where both are texts, of which one could be told from others."""
    if isinstance(source, str) and isinstance(target, str) and len(target) >= LEAST_PIECE:
        return source, target
    return None


def _in_other_case(_ends: Ends, source: Scalar, target: Scalar) -> bool:
    texts = _texts(source, target)
    return texts is not None and texts[0].casefold() == texts[1].casefold()


def _reversed(_ends: Ends, source: Scalar, target: Scalar) -> bool:
    texts = _texts(source, target)
    return texts is not None and texts[0][::-1].casefold() == texts[1].casefold()


def _cut(_ends: Ends, source: Scalar, target: Scalar) -> bool:
    texts = _texts(source, target)
    return texts is not None and len(texts[1]) < len(texts[0]) and texts[0].casefold().startswith(texts[1].casefold())


def _tail(_ends: Ends, source: Scalar, target: Scalar) -> bool:
    texts = _texts(source, target)
    return texts is not None and len(texts[1]) < len(texts[0]) and texts[0].casefold().endswith(texts[1].casefold())


def _within(_ends: Ends, source: Scalar, target: Scalar) -> bool:
    """The whole of a source text that is met by chance in no other, and more."""
    texts = _texts(source, target)
    if texts is None or len(texts[0]) < LEAST_PIECE or not any(map(is_telling, token_of(texts[0]))):
        return False
    return len(texts[0]) < len(texts[1]) and texts[0].casefold() in texts[1].casefold()


def _inverted(ends: Ends, source: Scalar, target: Scalar) -> bool:
    kinds = {ends.source.type, ends.target.type}
    return kinds == {FieldType.BOOLEAN} and isinstance(source, bool) and isinstance(target, bool) and source != target


def _multiplied(factor: Decimal) -> Callable[[Ends, Scalar, Scalar], bool]:
    def holds(ends: Ends, source: Scalar, target: Scalar) -> bool:
        if ends.source.type not in _NUMBERS or ends.target.type not in _NUMBERS:
            return False
        ours, theirs = _number(source), _number(target)
        return bool(ours and theirs) and ours is not None and ours * factor == theirs

    return holds


def _number(value: Scalar) -> Decimal | None:
    return Decimal(repr(value)) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _by_expression(
    transform: Transform, kinds: frozenset[FieldType], unless: str
) -> Callable[[Ends, Scalar, Scalar], bool]:
    """That the oracle makes the target value of the source value."""

    def holds(ends: Ends, source: Scalar, target: Scalar) -> bool:
        if ends.source.type not in kinds or ends.target.type not in _TEXTS or not isinstance(target, str):
            return False
        if unless and str(source).startswith(unless):
            return False
        try:
            made = evaluate(transform, source, None, now=None)
        except OracleUnknown:
            return False
        return made == target and len(target) >= _LEAST_MADE

    return holds


def _call(operator: str, *arguments: Expression) -> Transform:
    expression = Call(operator, arguments)
    return Transform(text=print_expression(expression), expression=expression)


def _expressed(
    rank: int, words: str, transform: Transform, kinds: frozenset[FieldType], *, unless: str = ""
) -> Relation:
    return Relation(rank=rank, words=words, holds=_by_expression(transform, kinds, unless), transform=transform)


def _without_first_word(pattern: str) -> Transform:
    """As documents print it: what does not match, such as a number without prefix, stays as it is."""
    rest = Call("join", (Literal(" "), Call("slice", (Literal(1), Call("split", (Literal(" "), Value()))))))
    return _call("if", Call("matches", (Literal(pattern), Value())), rest, Value())


_PLAIN_NUMBER = _call("string", Call("integer", (Value(),)))

SAME = Relation(rank=0, words="the same value", holds=_same)
INVERTED = Relation(rank=2, words="the opposite truth value", holds=_inverted)
WITHIN = Relation(rank=6, words="its text among other text", holds=_within, whole=False)
RELATIONS: tuple[Relation, ...] = (
    SAME,
    *(
        _expressed(1, f"the date as {form}", _call("datetime-format", Literal(form), Value()), _TIMES)
        for form in _DATE_FORMATS
    ),
    *(
        _expressed(1, f"its text without '{one}'", _call("replace", Literal(one), Literal(""), Value()), _TEXTS)
        for one in _DROPPED
    ),
    _expressed(1, "its number without the prefix", _without_first_word("+* *"), _TEXTS),
    _expressed(1, "its text without the first word", _without_first_word("* *"), _TEXTS, unless="+"),
    _expressed(1, "its number without leading zeros", _PLAIN_NUMBER, _TEXTS),
    Relation(rank=2, words="its text in other letter case", holds=_in_other_case),
    INVERTED,
    Relation(rank=3, words="its text written backwards", holds=_reversed),
    *(
        Relation(rank=4, words=f"{factor} times its number", holds=_multiplied(Decimal(factor)), whole=False)
        for factor in (*_FACTORS, -1)
    ),
    *(
        Relation(rank=4, words=f"its number by {factor}", holds=_multiplied(1 / Decimal(factor)), whole=False)
        for factor in _FACTORS
    ),
    Relation(rank=5, words="the beginning of its text", holds=_cut, whole=False),
    Relation(rank=5, words="the end of its text", holds=_tail, whole=False),
    WITHIN,
)
"""The plainest first."""
