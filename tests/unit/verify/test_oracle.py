"""Tests of `talkqa.verify.oracle`: each operator as the language's function reference has it, and what is unknown."""

from datetime import UTC, datetime
from typing import Any

import pytest

from talkqa.model.record import FieldValue
from talkqa.model.transform import OPERATORS, Call, Expression, Literal, Transform, Value
from talkqa.verify import oracle
from talkqa.verify.oracle import OracleUnknown, evaluate

V = Value()
NOW = datetime(2030, 5, 1, 12, tzinfo=UTC)


def call(operator: str, *arguments: Any) -> Call:
    """A call; plain values become literals, a list the operator `list`."""
    return Call(operator, tuple(_expression(argument) for argument in arguments))


def _expression(argument: Any) -> Expression:
    if isinstance(argument, Call | Value | Literal):
        return argument
    return call("list", *argument) if isinstance(argument, list) else Literal(argument)


def result(expression: Expression, value: FieldValue = "x", **options: Any) -> FieldValue:
    return evaluate(Transform(text="", expression=expression), value, now=NOW, **options)


def test_every_operator_of_the_documents_is_evaluated() -> None:
    """None is left to a wrong guess."""
    assert set(oracle._OPERATORS) == OPERATORS


DOCUMENTED = [
    # conditions
    (call("if", call("gt", 43, 42), 1, 2), 1),
    (call("if", call("gt", 42, 42), 1, 2), 2),
    (call("if-null", None, 2), 2),
    (call("if-null", 1, 2), 1),
    (call("if-null", [None], 2), 2),
    (call("if-null", [None, 123], 2), 2),
    (call("if-null", [1, "12345"], 2), (1, "12345")),
    (call("is-null", None), True),
    (call("is-null", 1), False),
    (call("is-null", [None, 123]), True),
    (call("is-empty", [None]), False),
    (call("is-empty", None), True),
    (call("is-empty", ""), False),
    (call("or", call("eq", 1, 2), call("eq", 1, 1)), True),
    (call("or", call("eq", 1, 2), call("eq", 3, 1)), False),
    # comparisons
    (call("eq", 42, 42), True),
    (call("eq", 42, 42.0), True),
    (call("eq", "42", 42), False),
    (call("eq", ["soccer", "tennis"], ["soccer", "tennis"]), True),
    (call("eq", ["soccer"], "soccer"), True),
    (call("eq", ["soccer", "tennis"], ["tennis", "soccer"]), False),
    (call("neq", 41, 42), True),
    (call("gt", [5, 1], 4), True),
    (call("gt", "2024-02-01", "2024-01-31"), True),
    # casts
    (call("integer", "1"), 1),
    (call("integer", ["1", 124.4, 12345]), (1, 124, 12345)),
    (call("integer", call("integer", 0), ["1", "10^2", 12345]), (1, 0, 12345)),
    (call("integer", call("string", V), ["1", "10^2", 12345]), (1, "10^2", 12345)),
    (call("decimal", "1.5"), 1.5),
    (call("decimal", ["1.0", 2.2, "one"]), (1, 2.2)),
    (call("float", ["1.0", 2.2, "one", "1e3"]), (1.0, 2.2, 1000.0)),
    (call("float", call("boolean", False), ["1.0", "FALSE"]), (1.0, False)),
    (call("string", 1), "1"),
    (call("string", "hello"), "hello"),
    (call("string", ["abc", 124.4, 12345]), ("abc", "124.4", "12345")),
    (call("string", call("decimal", "1.25")), "1.25"),
    (call("boolean", "false"), False),
    (call("boolean", ["true", "True", False, 1234]), (True, True, False)),
    (call("boolean", call("string", "n/a"), ["true", "124.4"]), (True, "n/a")),
    (call("is-boolean", False), True),
    (call("is-boolean", "True"), False),
    (call("is-boolean", [True, "12345"]), True),
    (call("is-decimal", call("decimal", "1.23")), True),
    (call("is-decimal", 1), False),
    (call("is-decimal", "1.23"), False),
    # texts and lists
    (call("matches", "a*p*a", ["alpha", "alpaca"]), True),
    (call("matches", "*", None), False),
    (call("matches", "*", call("slice", 5, ["a"])), False),
    (call("matches", "a?c", "abc"), True),
    (call("matches", "a?c", "abbc"), False),
    (call("matches", "*", [1]), False),
    (call("matches", "+*", "+47 1"), True),
    (call("matches", "+*", "47"), False),
    (call("matches", "+* *", "+47"), False),
    (call("replace", "http://", "https://", "http://www.example.org/"), "https://www.example.org/"),
    (call("replace", "a", "b", ["a", 1, "ca"]), ("b", "cb")),
    (call("join", "-", ["a", "b", 123, "c"]), "a-b-c"),
    (call("split", "-", "a-b-c"), ("a", "b", "c")),
    (call("split", "", ["ab", "cd", "e"]), ("a", "b", "c", "d", "e")),
    (call("split", "-", ["a-b", "c-d", "e"]), ("a", "b", "c", "d", "e")),
    (call("split", "a b"), ("a", "b")),
    (call("slice", 2, -2, 2, [0, 1, 2, 3, 4, 5, 6]), (2, 4)),
    (call("slice", 2, [0, 1, 2, 3, 4, 5, 6]), (2, 3, 4, 5, 6)),
    (call("slice", 1, 2, ["a", "b", "c"]), ("b",)),
    (call("first", ["a", "b"]), "a"),
    (call("first", "a"), "a"),
    (call("list", 1, "a"), (1, "a")),
    (call("abs", [-2, 4, -6]), (2, 4, 6)),
    (call("abs", -2.23), 2.23),
    (call("abs", call("decimal", "-2.23")), 2.23),
    # dates
    (call("now"), "2030-05-01T12:00:00Z"),
    (
        call("datetime-format", "%Y-%m-%dT%H:%M:%SZ", call("datetime-parse", "%Y-%m-%d", "2015-07-28")),
        "2015-07-28T00:00:00Z",
    ),
    (call("datetime-format", "Europe/Oslo", "%Y-%m-%d %H:%M:%S", "2018-08-18T12:39:01Z"), "2018-08-18 14:39:01"),
    (call("datetime-parse", "Europe/Oslo", "%Y-%m-%dT%H:%M:%S", "2018-08-18T12:39:01"), "2018-08-18T10:39:01Z"),
    (call("datetime-parse", "%Y-%m-%dT%H:%M:%S%z", "2015-07-28T09:46:00+0200"), "2015-07-28T07:46:00Z"),
    (
        call("datetime-parse", "%d.%m.%Y", ["28.07.2015", "01.01.1970"]),
        ("2015-07-28T00:00:00Z", "1970-01-01T00:00:00Z"),
    ),
    (call("datetime-diff", "day", "2015-07-28", "2015-07-29"), -1),
    (call("datetime-diff", "day", "2015-07-29", "2015-07-28"), 1),
    (call("datetime-diff", "year", "2015-03-02", "2016-07-29"), -1),
    (call("datetime-diff", "month", "2015-03-02", "2016-07-29"), -16),
]


@pytest.mark.parametrize(("expression", "expected"), DOCUMENTED)
def test_an_operator_gives_what_its_reference_shows(expression: Expression, expected: FieldValue) -> None:
    """The examples of the reference, and those that follow from its words."""
    found = result(expression)
    assert found == expected
    assert isinstance(found, bool) == isinstance(expected, bool)


UNKNOWN = [
    (call("integer", 12.5), "made an integer"),
    (call("integer", -0.4), "made an integer"),
    (call("integer", "abc"), "ignores"),
    (call("integer", "12.4"), "counts as a number"),
    (call("integer", " 12"), "counts as a number"),
    (call("integer", "0xff"), "hexadecimal"),
    (call("integer", ["1", None]), "null inside a list"),
    (call("integer", True), "as a number"),
    (call("integer", call("list", 1), "abc"), "default of a cast"),
    (call("integer", 1, 2, 3), "takes 1 to 2 arguments has 3"),
    (call("decimal", "1e3"), "counts as a number"),
    (call("decimal", "0.12345678901234567890"), "more digits"),
    (call("decimal", 1e17), "more digits"),
    (call("boolean", " true"), "counts as a boolean"),
    (call("boolean", 1), "ignores"),
    (call("string", True), "text form"),
    (call("string", 100.0), "text form"),
    (call("string", call("now")), "text form"),
    (call("is-decimal", V), "JSON number"),
    (call("eq", True, 1), "whether True equals 1"),
    (call("eq", call("now"), "2030-05-01T12:00:00Z"), "whether"),
    (call("eq", None, [None]), "null equals an empty list"),
    (call("gt", "b", "a"), "ordered"),
    (call("gt", "2024-01-01T00:00:00Z", "2024-01-01"), "ordered"),
    (call("gt", None, 1), "ordered"),
    (call("if", "yes", 1, 2), "condition is expected"),
    (call("if", 1), "takes 2 to 3"),
    (call("or", call("eq", 1, 2), "maybe"), "condition is expected"),
    (call("matches", "[ab]*", "a"), "more than the wildcards"),
    (call("matches", "a*b", "a\nb"), "line break"),
    (call("replace", "", "b", "c"), "replace without"),
    (call("replace", "a", "b", 1), "ignores"),
    (call("join", 1, "a"), "separator"),
    (call("join", ",", [1]), "joining no texts"),
    (call("split", 1, "a"), "separator"),
    (call("split", "a  b"), "which blanks"),
    (call("slice", 1, "abc"), "slice of a single value"),
    (call("slice", "a", ["b"]), "bounds of slice"),
    (call("slice", 0, 1, 0, ["b"]), "bounds of slice"),
    (call("slice", True, ["b"]), "bounds of slice"),
    (call("list", ["a"], "b"), "a list inside a list"),
    (call("abs", "a"), "ignores"),
    (call("abs", True), "ignores"),
    (call("datetime-format", "%Y-%m-%d", "01.02.2024"), "no ISO 8601"),
    (call("datetime-format", "%Y", 5), "no ISO 8601"),
    (call("datetime-format", 5, "2024-01-01"), "no text"),
    (call("datetime-format", "%A", "2024-01-01"), "format '%A'"),
    (call("datetime-format", "%", "2024-01-01"), "format '%'"),
    (call("datetime-format", "No/Where", "%Y", "2024-01-01"), "format '%Y'"),
    (call("datetime-parse", "%d.%m.%Y", "31.02.2024"), "does not fit"),
    (call("datetime-parse", "%d.%m", "01.02"), "does not fit"),
    (call("datetime-parse", "%A", "Monday"), "does not fit"),
    (call("datetime-parse", "%Y", 2024), "ignores"),
    (call("datetime-diff", "month", "2024-01-31", "2024-02-28"), "two readings"),
    (call("datetime-diff", "fortnight", "2024-01-31", "2024-02-28"), "two readings"),
    (call("datetime-diff", "day", ["2024-01-31"], "2024-02-28"), "lists of dates"),
    (call("now", 1), "takes 0"),
    (call("upper", "a"), "'upper' is not known"),
    (call("first", call("slice", 5, ["a"])), "leaves nothing"),
    (call("slice", 5, ["a"]), "leaves nothing"),
    (call("datetime-diff", "day", None, "2024-02-28"), "leaves nothing"),
    (Literal(""), "leaves nothing"),
]


@pytest.mark.parametrize(("expression", "reason"), UNKNOWN)
def test_what_the_reference_leaves_open_is_unknown(expression: Expression, reason: str) -> None:
    """A guess could accuse a correct engine, or acquit a wrong one."""
    with pytest.raises(OracleUnknown) as unknown:
        result(expression, 12.25)
    assert reason in unknown.value.reason


def test_the_time_of_evaluation_must_be_given() -> None:
    """The oracle never asks a clock."""
    with pytest.raises(OracleUnknown, match="time of evaluation"):
        evaluate(Transform(text="", expression=call("now")), "x", now=None)


PHONE = call("if", call("matches", "+* *", V), call("join", " ", call("slice", 1, call("split", " ", V))), V)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("+47 22 33", "22 33"), ("+4722", "+4722"), ("22 33", "22 33"), ("", ""), (None, None)],
)
def test_a_dialling_code_is_cut_where_the_pattern_matches(value: FieldValue, expected: FieldValue) -> None:
    """`+* *` is a text that begins with a plus sign and holds a blank."""
    assert result(PHONE, value) == expected


@pytest.mark.parametrize(("value", "expected"), [(None, "-"), ("", "-"), ("a", "a"), (("a", "b"), ("a", "b"))])
def test_a_default_stands_for_missing_and_empty(value: FieldValue, expected: FieldValue) -> None:
    """As documents print it: empty or equal to the empty text."""
    expression = call("if", call("or", call("is-empty", V), call("eq", "", V)), "-", V)
    assert result(expression, value) == expected


@pytest.mark.parametrize(("value", "expected"), [("X", "X"), ("12", 12), (12, 12)])
def test_an_operator_printed_bare_applies_to_the_value(value: FieldValue, expected: FieldValue) -> None:
    """`integer` beside `string` are casts of `_.`."""
    assert result(call("if", call("neq", V, "X"), Call("integer", ()), Call("string", ())), value) == expected
    assert result(Call("list", ()), value) == (value,)


def test_a_doubtful_condition_does_not_matter_where_both_branches_agree() -> None:
    """12.0 is 12 as decimal and as integer; 12.25 is not."""
    expression = call("if", Call("is-decimal", ()), Call("decimal", ()), Call("integer", ()))
    assert result(expression, 12.0) == 12
    with pytest.raises(OracleUnknown):
        result(expression, 12.25)


def test_a_true_condition_settles_an_or_with_a_doubtful_one() -> None:
    """One is enough, whatever the other says."""
    assert result(call("or", call("is-decimal", V), call("eq", 1, 1)), 12.25) is True


def test_a_missing_value_stays_missing_through_casts_and_functions() -> None:
    """Nothing in, nothing out: that is known."""
    for expression in (
        call("integer", V),
        call("string", V),
        call("replace", "a", "b", V),
        call("join", "", V),
        call("datetime-format", "%Y", V),
        call("abs", V),
        call("first", V),
    ):
        assert result(expression, None) is None


def test_a_property_of_the_value_is_read_from_the_record() -> None:
    """A nested object has no value of its own; its properties stand under longer paths."""
    path = Value(("DefaultValue",))
    assert result(path, None, record={"department.DefaultValue": 7, "name": "Alder"}) == 7
    assert result(call("is-null", path), None, record={"name": "Alder"}) is True
    assert result(call("is-null", path), 5, record={"department.DefaultValue": 7}) is True
    with pytest.raises(OracleUnknown, match="may be any of"):
        result(path, None, record={"a.DefaultValue": 7, "b.DefaultValue": 8})
    with pytest.raises(OracleUnknown, match="not given"):
        result(path, None)


def test_a_list_is_judged_where_item_by_item_and_at_once_agree() -> None:
    """Engines differ in how they walk a list path; the documents do not say."""
    assert result(call("datetime-format", "%Y", V), ("2024-05-06", "2025-05-06")) == ("2024", "2025")
    with pytest.raises(OracleUnknown, match="for its items"):
        result(call("if", call("matches", "a*", V), "A", "B"), ("ab", "b"))
    assert result(call("join", ",", V), ("a", "b")) == "a,b"


def test_a_number_that_is_none_is_unknown() -> None:
    """No system holds infinity."""
    with pytest.raises(OracleUnknown, match="no number"):
        result(V, float("inf"))


def test_fractions_survive_unchanged() -> None:
    """What is passed on is what was read."""
    assert result(call("if", call("is-null", V), 0, V), 12.5) == 12.5
    assert type(result(V, 12.5)) is float
    assert result(call("abs", V), -12.5) == 12.5
