"""Values that both ends of a flow can hold: what a probe carries and what an edit writes."""

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from talkqa.checklist.partitions import looked_for
from talkqa.checklist.phrases import quotable
from talkqa.model.flow import Flow, PropertyRow
from talkqa.model.record import FieldValue, Scalar
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType
from talkqa.model.transform import Call, Expression, Literal, Transform
from talkqa.systems.sentinels import Sentinels
from talkqa.verify.oracle import OracleUnknown, evaluate

_HEAD = 3
"""Characters before the place where a literal is put in, and the most that such a literal has."""
_TEXTS = frozenset({FieldType.STRING, FieldType.TEXT})
_WRITTEN = _TEXTS | {FieldType.EMAIL, FieldType.PHONE, FieldType.URL, FieldType.PICKLIST}
"""Types whose values are texts."""
_NUMBERS = frozenset({FieldType.INTEGER, FieldType.DECIMAL})
_SHAPES = {
    FieldType.INTEGER: re.compile(r"-?\d+"),
    FieldType.DECIMAL: re.compile(r"-?\d+(\.\d+)?"),
    FieldType.BOOLEAN: re.compile(r"true|false", re.IGNORECASE),
    FieldType.DATE: re.compile(r"\d{4}-\d\d-\d\d"),
}
_WIDTHS = {FieldType.BOOLEAN: 5, FieldType.DATE: 10, FieldType.DATETIME: 20}
"""Characters that a value takes as text."""
_CASTS = {
    "integer": FieldType.INTEGER,
    "decimal": FieldType.DECIMAL,
    "float": FieldType.DECIMAL,
    "boolean": FieldType.BOOLEAN,
}


@dataclass(frozen=True, slots=True)
class NoCommonValueError(Exception):
    """Raised where no value is known that both ends would take."""

    why: str

    def __str__(self) -> str:
        return self.why


def common_field(own: FieldSchema, others: Iterable[FieldSchema], declared: str | None = None) -> FieldSchema:
    """A field as narrow as all of these together; values drawn for it fit each of them.

    Raises:
        NoCommonValueError: where the fields exclude each other.
    """
    result = own
    for other in others:
        result = _narrow(result, other)
    cast = _CASTS.get(declared or "")
    if cast and result.type in _TEXTS:
        room = result.max_length
        result = replace(result, type=cast, max_length=None, scale=2 if cast is FieldType.DECIMAL else None)
        result = _in_text(result, room)
    return result


def _narrow(one: FieldSchema, other: FieldSchema) -> FieldSchema:
    scales = [n for n in (one.scale, other.scale) if n is not None]
    kind = _narrower_type(one, other)
    closed = [set(f.picklist) for f in (one, other) if f.restricted and f.picklist]
    picklist, restricted = one.picklist, one.restricted
    if closed:
        picklist = tuple(v for f in (one, other) for v in f.picklist if all(v in values for values in closed))
        picklist, restricted, kind = tuple(dict.fromkeys(picklist)), True, FieldType.PICKLIST
        if not picklist:
            raise NoCommonValueError(f"{one.path} and {other.path} have no value in common")
    numbers = [f for f in (one, other) if f.type in _NUMBERS]
    result = replace(
        one,
        type=kind,
        max_length=_least(f.max_length for f in numbers) if kind in _NUMBERS else None,
        scale=min(scales) if scales else None,
        picklist=picklist,
        restricted=restricted,
    )
    return _in_text(result, _least(f.max_length for f in (one, other) if f.type not in _NUMBERS))


def _least(lengths: Iterable[int | None]) -> int | None:
    return min((n for n in lengths if n), default=None)


def _in_text(field: FieldSchema, room: int | None) -> FieldSchema:
    """The field, so narrow that its values fit into a text of so many characters.

    Raises:
        NoCommonValueError: where none does.
    """
    if room is None:
        return field
    if field.type in _NUMBERS:
        return _number_in_text(field, room)
    if field.type is FieldType.PICKLIST and field.picklist:
        picklist = tuple(v for v in field.picklist if len(v) <= room)
        if picklist:
            return replace(field, picklist=picklist, max_length=room)
    elif room >= _WIDTHS.get(field.type, 0):
        return replace(field, max_length=room)
    raise NoCommonValueError(f"{room} characters are too few for a value of {field.path}")


def _number_in_text(field: FieldSchema, room: int) -> FieldSchema:
    # a decimal's length counts its digits, and the text holds the point too
    scale = 0 if field.type is FieldType.INTEGER else min(2 if field.scale is None else field.scale, max(0, room - 2))
    digits = min(room - 1 if scale else room, field.max_length or room)
    if field.type is FieldType.INTEGER:
        return replace(field, max_length=digits)
    return replace(field, max_length=digits, scale=scale)


def _narrower_type(one: FieldSchema, other: FieldSchema) -> FieldType:
    kinds = {one.type, other.type}
    if len(kinds) == 1:
        return one.type
    if kinds <= _TEXTS:
        return FieldType.STRING
    if kinds <= _NUMBERS:
        return FieldType.INTEGER
    if kinds == {FieldType.DATE, FieldType.DATETIME}:
        return FieldType.DATE
    if kinds & _TEXTS:
        return next(iter(kinds - _TEXTS))
    if FieldType.PICKLIST in kinds and not (one.restricted or other.restricted):
        return next(iter(kinds - {FieldType.PICKLIST}))
    raise NoCommonValueError(f"{one.path} is {one.type} and {other.path} is {other.type}")


def fit(value: Scalar, field: FieldSchema) -> Scalar:
    """The value in the form that a field of this type takes: numbers as text for a text field."""
    if value is None:
        return None
    if field.type in _WRITTEN and not isinstance(value, str):
        return str(value).lower() if isinstance(value, bool) else str(value)
    if field.type is FieldType.DATETIME and isinstance(value, str) and len(value) == 10:
        return f"{value}T00:00:00Z"
    if field.type is FieldType.INTEGER and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def as_type(value: Scalar, field: FieldSchema) -> Scalar:
    """A value of another system in the type that a field takes; unchanged where it cannot be read as one."""
    text = value.strip() if isinstance(value, str) else str(value).lower()
    shape = _SHAPES.get(field.type)
    if field.type is FieldType.DATE and isinstance(value, str) and shape is not None and shape.match(text):
        return text[:10]
    if shape is None or not isinstance(value, str | bool) or shape.fullmatch(text) is None:
        return fit(value, field)
    if field.type is FieldType.BOOLEAN:
        return text.lower() == "true"
    return int(text) if field.type is FieldType.INTEGER else fit(float(text), field)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowValues:
    """Draws values for the source and target of one flow."""

    flow: Flow
    source: EntitySchema
    target: EntitySchema
    sentinels: Sentinels

    def rows_on(self, path: str, *, source_side: bool) -> tuple[PropertyRow, ...]:
        """The documented rows on one path of one side."""
        folded = path.casefold()
        paths = ((r, r.source if source_side else r.target) for r in self.flow.properties)
        return tuple(r for r, own in paths if folded in {own.casefold(), quotable(own).casefold()})

    def draw_source(self, path: str, key: str, counter: int = 0, *, telling: bool = False) -> Scalar:
        """A value for a source property that every documented target of it takes.

        Args:
            path: The source property.
            key: What the draw is keyed by.
            counter: Of the draws under this key.
            telling: Whether a value is preferred that shows damage: a rich one, which a transform changes.

        Raises:
            NoCommonValueError: where none is known.
        """
        own, field = self.narrow_source(path)
        rows = self.rows_on(path, source_side=True)
        draws = self._draws(own, field, key, counter, rich=telling)
        transforms = [r.transform for r in rows if r.transform is not None]
        tests = [self._takes(r) for r in rows if r.transform is not None]
        if telling and transforms:
            plain = list(draws)
            changed = (v for v in variants(plain, transforms, own) if any(_changes(t, v) for t in transforms))
            draws = itertools.chain(changed, plain)
        return fit(_first_taken(draws, tests, path), own)

    def draw_target(self, row: PropertyRow, key: str, counter: int, *, telling: bool = False) -> Scalar:
        """A value to write into a row's target so that its source can take it back; a rich one where it is to tell."""
        own, source = self.target.field(row.target), self.source.field(row.source)
        if own is None or source is None:
            raise NoCommonValueError(f"no schema for {row.source} or {row.target}")
        if row.transform is not None:
            raw = self.draw_source(row.source, key, counter, telling=telling)
            value = evaluate(row.transform, raw, None, now=None)
            if isinstance(value, tuple):
                raise NoCommonValueError(f"the transform of {row.target} gives a list")
            return fit(value, own)
        own, field = self.narrow_target(row)
        return fit(self.sentinels.value(field, key, counter, rich=telling), own)

    def narrow_source(self, path: str) -> tuple[FieldSchema, FieldSchema]:
        """A source property, and a field as narrow as it and all that it is copied to together.

        Raises:
            NoCommonValueError: where there is no such property, or they exclude each other.
        """
        own = self.source.field(path)
        if own is None:
            raise NoCommonValueError(f"{self.flow.source.name} has no property {path}")
        rows = self.rows_on(path, source_side=True)
        others = [f for r in rows if r.transform is None and (f := self._partner(r.target)) is not None]
        others += [f for r in self.flow.merge if r.source == path and (f := self._partner(r.target)) is not None]
        return own, common_field(own, others, next((r.declared_type for r in rows if r.declared_type in _CASTS), None))

    def narrow_target(self, row: PropertyRow) -> tuple[FieldSchema, FieldSchema]:
        """A row's target property, and a field as narrow as it and all that its value comes to.

        Raises:
            NoCommonValueError: where there is no such property, or they exclude each other.
        """
        own = self.target.field(row.target)
        if own is None:
            raise NoCommonValueError(f"{self.flow.target.name} has no property {row.target}")
        rows = self.rows_on(row.target, source_side=False)
        others = [f for r in rows if r.transform is None and (f := self.source.field(r.source)) is not None]
        # what comes back to the source goes on to every other target of it
        onward = [
            f
            for r in self.rows_on(row.source, source_side=True)
            if r.transform is None and (f := self._partner(r.target)) is not None
        ]
        return own, common_field(own, [*others, *onward], row.declared_type)

    def draw_pair(self, source_path: str, target_path: str, key: str, counter: int, *, telling: bool = False) -> Scalar:
        """A value that two properties, seen to travel, can both hold."""
        source, target = self.source.field(source_path), self.target.field(target_path)
        if source is None or target is None:
            raise NoCommonValueError(f"no schema for {source_path} or {target_path}")
        return self.sentinels.value(common_field(source, [target]), key, counter, rich=telling)

    def for_probe(self, key: str) -> dict[str, Scalar]:
        """A value for every documented source property that a test may write."""
        values: dict[str, Scalar] = {}
        for path in dict.fromkeys([*(r.source for r in self.flow.properties), *(m.source for m in self.flow.merge)]):
            own = self.source.field(path)
            if own is None or not own.createable or own.type in {FieldType.ID, FieldType.REFERENCE, FieldType.OPAQUE}:
                continue
            try:
                value = self.draw_source(path, key)
            except NoCommonValueError:
                continue  # the row's own check says so
            if value is not None:
                values[own.path] = value
        return values

    def _partner(self, path: str) -> FieldSchema | None:
        field = self.target.field(path)
        skip = {FieldType.ID, FieldType.REFERENCE, FieldType.OPAQUE}
        return None if field is None or field.type in skip else field

    def _draws(self, own: FieldSchema, field: FieldSchema, key: str, counter: int, *, rich: bool) -> Iterable[Scalar]:
        yield self.sentinels.value(field, key, counter, rich=rich)
        if own.type in _TEXTS:
            for kind in (FieldType.INTEGER, FieldType.DATE, FieldType.DATETIME, FieldType.DECIMAL):
                number = replace(own, type=kind, max_length=None, scale=2 if kind is FieldType.DECIMAL else None)
                yield self.sentinels.value(number, key, counter)

    def _takes(self, row: PropertyRow) -> Callable[[Scalar], bool]:
        """Whether a row's transform turns a source value into one that its target holds."""
        target = self.target.field(row.target)

        def takes(value: Scalar) -> bool:
            assert row.transform is not None  # noqa: S101 - rows with a transform alone are asked
            try:
                result = evaluate(row.transform, value, None, now=None)
            except OracleUnknown:
                return False
            return target is None or holds(result, target)

        return takes


def variants(values: Iterable[Scalar], transforms: Sequence[Transform], own: FieldSchema) -> Iterator[Scalar]:
    """Texts made of values so that a transform has something to do: its own literals put in, a zero in front."""
    literals = list(dict.fromkeys(text for t in transforms for text in _literals(t.expression)))
    for value in values:
        text = str(value)
        made = [f"{text[:_HEAD]}{literal}{text[_HEAD:]}" for literal in literals]
        made += [f"+31 {text[1:]}" if text[:1].isdigit() else f"+ {text}", f"0{text}"]
        for variant in made:
            if own.type in _TEXTS | {FieldType.PHONE} and len(variant) <= (own.max_length or len(variant)):
                yield variant
    if own.type in _TEXTS:  # last, because records share them: what an expression compares with
        compared = dict.fromkeys(text for t in transforms for text in looked_for(t.expression))
        yield from (text for text in compared if len(text) <= (own.max_length or len(text)))


def _literals(expression: Expression) -> Iterator[str]:
    if isinstance(expression, Literal) and isinstance(expression.value, str) and 0 < len(expression.value) <= _HEAD:
        yield expression.value
    elif isinstance(expression, Call):
        for argument in expression.arguments:
            yield from _literals(argument)


def _changes(transform: Transform, value: Scalar) -> bool:
    """Whether a transform makes another text of a value, so that a mere copy would show."""
    try:
        return str(evaluate(transform, value, None, now=None)) != str(value)
    except OracleUnknown:
        return False


def _first_taken(draws: Iterable[Scalar], tests: list[Callable[[Scalar], bool]], path: str) -> Scalar:
    for value in draws:
        if all(test(value) for test in tests):
            return value
    raise NoCommonValueError(f"no value for {path} is known that its transforms turn into one its targets hold")


def holds(value: FieldValue, field: FieldSchema) -> bool:
    """Whether a field can hold a value, as far as its schema tells."""
    if value is None or isinstance(value, tuple):
        return False
    text = str(value)
    shape = _SHAPES.get(field.type)
    if shape is not None:
        return shape.fullmatch(text) is not None
    if field.restricted and field.picklist and text not in field.picklist:
        return False
    return not field.max_length or len(text) <= field.max_length
