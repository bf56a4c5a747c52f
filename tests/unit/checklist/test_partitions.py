"""Which kinds of value a row is worth trying with."""

import pytest

from talkqa.checklist.partitions import (
    DATES,
    FRACTIONS,
    INTEGERS,
    LINES,
    PARTITIONS,
    SUITES,
    TEXTS,
    TRANSFORMED,
    TRUTHS,
    looked_for,
    partitions_of,
)
from talkqa.model.check import RowClass
from talkqa.model.transform import Call, Expression, Literal, Transform, Value
from tests.fakes.flows import make_row


def transformed(expression: Expression, source: str = "a", target: str = "b") -> tuple[str, ...]:
    row = make_row(source, target, "N/A")
    transform = Transform(text="[...]", expression=expression)
    return partitions_of(
        type(row)(source=row.source, target=row.target, data_type="[...]", location=row.location, transform=transform),
        RowClass.TRANSFORM,
    )


def test_every_kind_is_named_once_and_suites_are_no_single_kinds() -> None:
    """A step names exactly one."""
    assert len(set(PARTITIONS)) == len(PARTITIONS)
    assert not set(SUITES) & set(PARTITIONS)


@pytest.mark.parametrize(
    ("data_type", "kinds"),
    [('"string"', TEXTS), ('"integer"', INTEGERS), ('"decimal"', INTEGERS + FRACTIONS), ('"boolean"', TRUTHS)],
)
def test_the_declared_type_decides_what_is_worth_trying(data_type: str, kinds: tuple[str, ...]) -> None:
    """Names of properties do not matter then."""
    assert partitions_of(make_row("a", "b", data_type), RowClass.PLAIN) == kinds


def test_two_dates_are_tried_with_the_edges_of_calendars() -> None:
    """Both names must say so; one alone may be a text."""
    assert partitions_of(make_row("born", "dateOfBirth"), RowClass.PLAIN) == TEXTS
    assert partitions_of(make_row("orderDate", "invoice_date"), RowClass.PLAIN) == DATES


def test_prose_may_have_several_lines() -> None:
    """Nothing else is tried with them: most fields are one line."""
    assert partitions_of(make_row("internalNotes", "Remarks"), RowClass.PLAIN) == TEXTS + LINES


@pytest.mark.parametrize("row_class", [RowClass.SHARED, RowClass.LOOKUP, RowClass.IDENTITY, RowClass.HIDDEN_TRANSFORM])
def test_what_cannot_be_compared_is_not_tried(row_class: RowClass) -> None:
    """Nothing would be known of what arrives."""
    assert partitions_of(make_row("a", "b"), row_class) == ()


def test_a_transform_is_tried_with_and_without_what_it_looks_for() -> None:
    """And one of dates or numbers with what is odd among those."""
    assert transformed(Call("replace", (Literal("-"), Literal(""), Value()))) == TRANSFORMED + TEXTS
    assert transformed(Call("datetime-format", (Literal("%Y"), Value()))) == DATES
    assert transformed(Call("integer", (Value(),))) == INTEGERS
    assert transformed(Call("string", (Value(),))) == TEXTS


def test_what_an_expression_looks_for_is_its_literals_without_wildcards() -> None:
    """Each once, in the order in which it is printed."""
    inner = Call("join", (Literal(" "), Call("slice", (Literal(1), Call("split", (Literal(" "), Value()))))))
    expression = Call("if", (Call("matches", (Literal("+* *"), Value())), inner, Value()))
    assert looked_for(expression) == ("+ ", " ")
    assert looked_for(Call("replace", (Literal("*"), Literal(""), Value()))) == ()
