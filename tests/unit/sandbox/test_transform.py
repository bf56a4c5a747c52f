"""The engine's evaluator gives what Sesam's reference says, for every operator that documents print."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkqa.model.transform import OPERATORS, Call, Expression, Literal, Value
from talkqa.sandbox.transform import TransformError, check_expression, evaluate
from tests.unit.sandbox.kit import V, call

NOW = datetime(2030, 5, 6, 7, 8, 9, tzinfo=UTC)
WEEKDAY = call("datetime-parse", "%Y-%m-%d", V)


def parsed(text: str) -> Call:
    return call("datetime-parse", "%Y-%m-%d", text)


@pytest.mark.parametrize(
    ("expression", "value", "expected"),
    [
        (V, "a", "a"),
        (Literal(5), "a", 5),
        (Value(("a", "b")), {"a": {"b": 1}}, 1),
        (Value(("a",)), "text", None),
        (call("datetime-format", "%Y-%m-%d", V), "2024-05-06T23:30:00-05:00", "2024-05-07"),
        (call("datetime-format", "%d.%m.%Y", V), "2024-05-06", "06.05.2024"),
        (call("datetime-format", "%Y", V), "0044-03-15", "0044"),
        (call("datetime-format", "%Y", V), "soon", None),
        (call("datetime-format", "%Y", V), 20240506, None),
        (call("datetime-format", "%Y", V), ("2024-05-06", "x", "2025-05-06"), ("2024", "2025")),
        (call("datetime-parse", "%d.%m.%Y", V), "06.05.2024", "2024-05-06T00:00:00Z"),
        (call("datetime-parse", "%d.%m.%Y", V), "2024-05-06", None),
        (call("datetime-parse", "%d.%m.%Y", V), 5, None),
        (call("datetime-parse", "%H:%M:%S.%f", V), "01:02:03.456", "1900-01-01T01:02:03.456Z"),
        (call("datetime-diff", "day", parsed("2015-07-29"), parsed("2015-07-28")), None, 1),
        (call("datetime-diff", "day", parsed("2015-07-28"), parsed("2015-07-29")), None, -1),
        (call("datetime-diff", "year", parsed("2015-03-02"), parsed("2016-07-29")), None, -1),
        (call("datetime-diff", "month", parsed("2015-03-02"), parsed("2016-07-29")), None, -16),
        (call("datetime-diff", "month", parsed("2016-07-01"), parsed("2016-06-02")), None, 0),
        (call("datetime-diff", "week", parsed("2015-07-08"), parsed("2015-07-16")), None, -1),
        (call("datetime-diff", "millisecond", parsed("2015-07-09"), parsed("2015-07-08")), None, 86_400_000),
        (call("datetime-diff", "fortnight", parsed("2015-07-09"), parsed("2015-07-08")), None, None),
        (call("datetime-diff", "day", "x", parsed("2015-07-08")), None, None),
        (call("datetime-diff", "day", V), "2015-07-08", None),
        (call("now"), None, "2030-05-06T07:08:09Z"),
        (call("if", call("eq", V, "a"), "yes", "no"), "a", "yes"),
        (call("if", call("eq", V, "a"), "yes", "no"), "b", "no"),
        (call("if", call("eq", V, "a"), "yes"), "b", None),
        (call("if", V, "yes", "no"), "true", "no"),
        (call("if"), "a", None),
        (call("if", call("neq", V, "X"), call("integer"), call("string")), "12", 12),
        (call("if-null", V, "none"), None, "none"),
        (call("if-null", V, "none"), (), "none"),
        (call("if-null", V, "none"), False, False),
        (call("if-null", V, None), None, None),
        (call("neq", V, "X"), None, True),
        (call("eq", V, ""), "", True),
        (call("eq", 1), 1, True),
        (call("eq"), 1, True),
        (call("eq", V, 1), True, False),
        (call("eq", V, 1), 1.0, True),
        (call("eq", V, "a"), ("a",), True),
        (call("eq", V, "a"), ("a", "b"), False),
        (call("gt", V, 2), 3, True),
        (call("gt", V, 2), 2, False),
        (call("gt", V, "a"), "b", True),
        (call("gt", V, 2), "3", False),
        (call("gt", V, 2), None, False),
        (call("gt", V), 1, False),
        (call("gt", call("now"), parsed("2015-07-08")), None, True),
        (call("or", call("is-empty", V), call("eq", V, "")), "", True),
        (call("or", V, "true"), "x", False),
        (call("abs", V), -3.5, 3.5),
        (call("abs", V), "-3", None),
        (call("abs", V), True, None),
        (call("abs", V), (-1, "x", 2), (1, 2)),
        (call("matches", "+* *", V), "+47 22 33", True),
        (call("matches", "+* *", V), "22 33", False),
        (call("matches", "a?c", V), "abc", True),
        (call("matches", "a.c", V), "abc", False),
        (call("matches", "*", V), "two\nlines", True),
        (call("matches", "*", V), None, False),
        (call("matches", "*", V), (), False),
        (call("matches", "a*", V), ("ab", "ac"), True),
        (call("matches", "a*", V), ("ab", 1), False),
        (call("matches", "a*"), "ab", True),
        (call("matches", 5, V), "5", False),
        (call("matches"), "5", False),
        (call("is-empty", V), (), True),
        (call("is-empty", V), None, True),
        (call("is-empty", V), "", False),
        (call("is-null", V), None, True),
        (call("is-null", V), (None, 1), True),
        (call("is-null", V), "", False),
        (call("is-decimal"), 1.5, True),
        (call("is-decimal"), 1, False),
        (call("is-decimal"), "1.5", False),
        (call("is-boolean"), False, True),
        (call("is-boolean"), 0, False),
        (call("decimal", V), "12.50", 12.5),
        (call("decimal", V), "1e3", 1000.0),
        (call("decimal", V), "12,5", None),
        (call("decimal", V), True, None),
        (call("decimal", call("string", 0), V), "n/a", "0"),
        (call("decimal", call("string", V), V), "n/a", "n/a"),
        (call("float", V), 3, 3),
        (call("integer", V), "007", 7),
        (call("integer", V), "12.5", None),
        (call("integer", V), 124.4, 124),
        (call("integer", V), -124.6, -124),
        (call("integer", V), False, None),
        (call("integer", V), ("1", "x", 2.5), (1, 2)),
        (call("integer", V), None, None),
        (call("string", V), True, "true"),
        (call("string", V), False, "false"),
        (call("string", V), 12.0, "12"),
        (call("string", V), 12.5, "12.5"),
        (call("string", V), 0.00001, "0.00001"),
        (call("string", call("now")), None, "2030-05-06T07:08:09Z"),
        (call("string", V), {"a": 1}, None),
        (call("string", call("integer", call("decimal", V))), "12.9", "12"),
        (call("boolean", V), "TRUE", True),
        (call("boolean", V), "yes", None),
        (call("boolean", V), False, False),
        (call("boolean", V), 1, None),
        (call("list", "a", V), "b", ("a", "b")),
        (call("list"), "b", ("b",)),
        (call("list"), ("b", "c"), ("b", "c")),
        (call("first", V), ("b", "c"), "b"),
        (call("first"), (), None),
        (call("first"), "b", "b"),
        (call("replace", " ", "", V), "1 2 3", "123"),
        (call("replace", " ", "", call("string")), 5, "5"),
        (call("replace", " ", "", V), 5, None),
        (call("replace", "", "x", V), "ab", "ab"),
        (call("replace", " ", "", V), ("a b", 1), ("ab",)),
        (call("join", "-", V), ("a", 1, "b"), "a-b"),
        (call("join", "-", V), "a", "a"),
        (call("join", "-", V), (), None),
        (call("slice", 1, V), ("a", "b", "c"), ("b", "c")),
        (call("slice", 0, -1, V), ("a", "b", "c"), ("a", "b")),
        (call("slice", 2, -2, 2, V), (0, 1, 2, 3, 4, 5, 6), (2, 4)),
        (call("slice", 1, V), "a", ()),
        (call("split", "-", V), "a-b-c", ("a", "b", "c")),
        (call("split", "", V), "abc", ("a", "b", "c")),
        (call("split", V), "a b", ("a", "b")),
        (call("split", "-", V), ("a-b", 1, "c"), ("a", "b", "c")),
        (call("join", " ", call("slice", 1, call("split", " ", V))), "+47 22 33", "22 33"),
    ],
    ids=str,
)
def test_an_expression_gives_what_the_reference_says(expression: Expression, value: Any, expected: Any) -> None:
    found = evaluate(expression, value, NOW)
    assert found == expected
    assert type(found) is type(expected)


def test_every_operator_is_in_the_table_above() -> None:
    (mark,) = [m for m in test_an_expression_gives_what_the_reference_says.pytestmark if m.name == "parametrize"]
    tried = {row[0].operator for row in mark.args[1] if isinstance(row[0], Call)}
    inner = {"list", "first", "now", "neq", "float"}
    assert tried | inner >= OPERATORS


def test_an_unknown_operator_is_an_error_that_names_it() -> None:
    wrong = call("if", True, call("shout", V))
    with pytest.raises(TransformError, match="'shout'"):
        check_expression(wrong)
    with pytest.raises(TransformError, match="'shout'"):
        evaluate(wrong, "a", NOW)
    check_expression(call("if", True, call("string", V)))


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**9), 10**9), st.floats(allow_nan=False), st.text(max_size=12)
)
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=4).map(tuple), st.dictionaries(st.text(max_size=3), SCALARS))
EXPRESSIONS: st.SearchStrategy[Expression] = st.recursive(
    st.one_of(st.builds(Literal, SCALARS), st.just(V), st.just(Value(("a",)))),
    lambda inner: st.builds(Call, st.sampled_from(sorted(OPERATORS)), st.lists(inner, max_size=4).map(tuple)),
    max_leaves=8,
)


@given(expression=EXPRESSIONS, value=VALUES)
def test_no_expression_of_known_operators_breaks_the_engine(expression: Expression, value: Any) -> None:
    check_expression(expression)
    found = evaluate(expression, value, NOW)
    assert not isinstance(found, list | datetime)


@given(st.text(max_size=20), st.text(min_size=1, max_size=2))
def test_joining_what_was_split_gives_the_text_back(text: str, separator: str) -> None:
    again = evaluate(call("join", separator, call("split", separator, V)), text, NOW)
    assert again == text


@given(st.dates())
def test_a_date_formatted_as_iso_is_itself(day: Any) -> None:
    assert evaluate(call("datetime-format", "%Y-%m-%d", V), day.isoformat(), NOW) == day.isoformat()
