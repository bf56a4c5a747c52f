"""Data type cells are read as expressions, lost brackets restored where only one reading allows it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkqa.documents.transforms import _SHAPES, _TEXT, looks_like_expression, read_transform
from talkqa.model.transform import OPERATORS, Call, Expression, Literal, Value, operators_of

PRINTED = {
    '["datetime-format","%Y-%m-%d","_."]': '["datetime-format","%Y-%m-%d","_."]',
    '"datetime-format","%Y-%m-%d","_."]': '["datetime-format","%Y-%m-%d","_."]',
    '"if", "neq", "_.", "X"], "integer", "string"]': '["if",["neq","_.","X"],["integer","_."],["string","_."]]',
    '["if", ["neq", "_.", "X"], "integer", "string"]': '["if",["neq","_.","X"],["integer","_."],["string","_."]]',
    '"if","or","is-empty","_."],"eq","","_."]],"-","_."]': '["if",["or",["is-empty","_."],["eq","","_."]],"-","_."]',
    '"if","matches","+* *","_."],"join"," ","slice", 1,"split", " ","_."]]],"_."]': (
        '["if",["matches","+* *","_."],["join"," ",["slice",1,["split"," ","_."]]],"_."]'
    ),
    '"replace"," ","", "string"]': '["replace"," ","",["string","_."]]',
    '"integer", "decimal"]': '["integer",["decimal","_."]]',
    '"if", "is-decimal", "decimal", "integer"]': '["if",["is-decimal","_."],["decimal","_."],["integer","_."]]',
    '"if", "is-decimal", "decimal", "float", "decimal"]]': (
        '["if",["is-decimal","_."],["decimal","_."],["float",["decimal","_."]]]'
    ),
    '"if", "is-null", "_.DefaultValue"], "integer"]': '["if",["is-null","_.DefaultValue"],["integer","_."]]',
    '["datetime-diff", "day", ["now"], ["datetime-parse", "%Y", "_."]]': (
        '["datetime-diff","day",["now"],["datetime-parse","%Y","_."]]'
    ),
    '"datetime-diff", "day", "now"], "_."]': '["datetime-diff","day",["now"],"_."]',
    '["if-null", ["abs", "_."], ["if", ["gt", "_.", 0.5], ["first", "_."], ["list", "_."]]]': (
        '["if-null",["abs","_."],["if",["gt","_.",0.5],["first","_."],["list","_."]]]'
    ),
    '["if", ["is-boolean", "_."], ["boolean", "_."], null]': '["if",["is-boolean","_."],["boolean","_."],null]',
}


def spelled(expression: Expression) -> object:
    """The JSON form of an expression with every operator in brackets."""
    match expression:
        case Call(operator, arguments):
            return [operator, *map(spelled, arguments)]
        case Value(path):
            return "_." + ".".join(path)
        case Literal(value):
            return value


@pytest.mark.parametrize(("cell", "full"), PRINTED.items())
def test_every_printed_form_has_its_one_reading(cell: str, full: str) -> None:
    """Cells as published, and all other operators, mean what their full form says."""
    transform = read_transform(cell)
    assert transform is not None
    assert spelled(transform.expression) == json.loads(full)
    assert transform.text == cell
    assert transform.repaired == (cell.count("[") != cell.count("]"))


def test_every_operator_has_a_shape() -> None:
    """No operator of the model is unknown to the reader, and none is known that the model lacks."""
    assert set(_SHAPES) == OPERATORS


def test_the_printed_forms_use_every_operator() -> None:
    """The list above leaves no operator untried."""
    used = {op for cell in PRINTED for op in operators_of(read_transform(cell).expression)}  # type: ignore[union-attr]
    assert used == OPERATORS


@pytest.mark.parametrize(
    "cell",
    [
        '""if", "eq"]]"',
        '["if"]',
        '["upper", "_."]',
        "[1, 2]",
        '["eq", "_.", ',
        '["eq", "_."] extra]',
        '["eq", "_.", 1e999]',
        '["eq", "_.", "\\x"]',
        "_.",
        "[" * 5000,
        '"or",' * 300 + '"_."]',
        '"if",' * 40 + '"_."' + "]" * 40,
        '["decimal","_.","_."]',
    ],
)
def test_what_has_no_reading_is_left_alone(cell: str) -> None:
    """Damaged, unknown, too deep or too long expressions give None, quickly and without an exception."""
    assert looks_like_expression(cell)
    assert read_transform(cell) is None


def test_a_cell_with_two_readings_is_not_guessed() -> None:
    """The bracket that the first `]` closes may stand before `is-null` or before `now`: nothing is restored."""
    assert read_transform('"or","is-null","now"],"now"]]') is None
    assert read_transform('["or",["is-null",["now"]],["now"]]') is not None


@pytest.mark.parametrize("cell", ['"string"', "N/A", "", "text"])
def test_plain_data_types_are_no_expressions(cell: str) -> None:
    """A type name, N/A or nothing needs no expression."""
    assert not looks_like_expression(cell)
    assert read_transform(cell) is None


_LITERALS = st.one_of(
    st.sampled_from(["X", "", "-", "%Y-%m-%d", "+* *"]), st.integers(-9, 9), st.booleans(), st.none()
).map(Literal)
_VALUES = st.one_of(st.just(Value()), st.just(Value(("DefaultValue",))), st.just(Value(("a", "b"))))


@st.composite
def expressions(draw: st.DrawFn, depth: int = 3) -> Expression:
    """A well-formed expression; text positions hold text that is no operator."""
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(st.one_of(_LITERALS, _VALUES))
    return draw(calls(depth))


@st.composite
def calls(draw: st.DrawFn, depth: int = 3) -> Call:
    """A well-formed call."""
    operator = draw(st.sampled_from(sorted(OPERATORS)))
    kinds, least = _SHAPES[operator]
    count = draw(st.integers(least, min(len(kinds), 4)))
    arguments = tuple(
        Literal(draw(st.sampled_from([" ", "%Y", "X"]))) if kind == _TEXT else draw(expressions(depth - 1))
        for kind in kinds[:count]
    )
    return Call(operator, arguments)


@given(calls())
def test_what_is_printed_whole_is_read_whole(call: Call) -> None:
    """Every well-formed expression reads back as itself, without repair."""
    transform = read_transform(json.dumps(spelled(call)))
    assert transform is not None
    assert transform.expression == call
    assert not transform.repaired


@given(calls(depth=2))
def test_losing_all_brackets_never_gives_another_meaning(call: Call) -> None:
    """Where every opening bracket is lost, the reading is the original one or there is none."""
    transform = read_transform(json.dumps(spelled(call)).replace("[", ""))
    if transform is not None:
        assert transform.expression == call
        assert transform.repaired


@given(st.text(alphabet='[]", _.ifeqor1x\\', max_size=60))
def test_any_text_gives_a_transform_or_none(text: str) -> None:
    """No cell raises."""
    transform = read_transform(text)
    assert transform is None or isinstance(transform.expression, Call)
