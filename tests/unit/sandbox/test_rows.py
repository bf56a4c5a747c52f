"""Property rows become groups that know both directions; what cannot be carried is left out."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkqa.model.flow import Flow, Side
from talkqa.model.schema import FieldSchema, FieldType
from talkqa.sandbox.conversion import UNFIT, convert, is_empty, is_same, to_text
from talkqa.sandbox.mapping import PrivatePair
from talkqa.sandbox.rows import Group, Member, build_groups
from tests.fakes.flows import make_flow, make_merge, make_row
from tests.unit.sandbox.kit import ACCOUNT, BAKERY, CUSTOMER, SHOP, V, call, flow, text, transformed, typed

NOW = datetime(2030, 1, 1, tzinfo=UTC)
NA = "N/A"


def groups(*flows: tuple[Flow, Side], private: tuple[PrivatePair, ...] = ()) -> tuple[Group, ...]:
    systems = {Side.SOURCE: BAKERY, Side.TARGET: SHOP}
    return build_groups(flows, systems, {side: systems[side].entities[0] for side in Side}, private)


def one(*rows: Any) -> tuple[Group, ...]:
    return groups((flow(*rows), Side.SOURCE))


def test_rows_onto_one_target_are_one_group_in_order_of_their_sources() -> None:
    found = one(make_row("nick", "title"), make_row("name", "title"), make_row("name", "alias"))
    assert [(g.target.path, [m.source.path for m in g.members]) for g in found] == [
        ("alias", ["name"]),
        ("title", ["name", "nick"]),
    ]
    assert [g.plain for g in found] == [True, False]


@pytest.mark.parametrize(
    "row",
    [make_row("id", "id"), make_row("name", "id"), make_row("ghost", "title"), make_row("name", "ghost")],
    ids=["ids", "into an id", "unknown source", "unknown target"],
)
def test_rows_that_cannot_be_carried_are_left_out(row: Any) -> None:
    assert [g.target.path for g in one(row, make_row("nick", "alias"))] == ["alias"]


def test_the_private_mapping_counts_only_where_no_row_can_be_carried() -> None:
    private = (PrivatePair(source="nick", target="alias"), PrivatePair(source="ghost", target="title"))
    documented = groups((flow(make_row("name", "title")), Side.SOURCE), private=private)
    undocumented = groups((flow(make_row("id", "id")), Side.SOURCE), private=private)
    assert [(g.target.path, g.documented) for g in documented] == [("title", True)]
    assert [(g.target.path, g.documented) for g in undocumented] == [("alias", False)]


def test_a_pair_documented_in_both_directions_is_one_row_with_both_transforms() -> None:
    there = flow(transformed("rating", "grade", call("string", V)))
    back = make_flow(
        source=ACCOUNT, target=CUSTOMER, rows=[transformed("grade", "rating", call("abs", call("integer", V)))]
    )
    (group,) = groups((there, Side.SOURCE), (back, Side.TARGET))
    (member,) = group.members
    assert member.forward(4, NOW) == "4"
    assert member.backward("-5", NOW) == 5


def test_what_one_direction_documents_with_a_type_is_not_changed_in_secret_by_the_other() -> None:
    """Half of such rows hide a change; where the other direction has a type, none does."""
    hidden = set()
    for index in range(40):
        source = CUSTOMER if index % 2 else replace(CUSTOMER, facet=f"facet {index}")
        there = make_flow(source=source, target=ACCOUNT, rows=[make_row("name", "title", NA)])
        typed_back = make_flow(source=ACCOUNT, target=source, rows=[make_row("title", "name")])
        untyped_back = make_flow(source=ACCOUNT, target=source, rows=[make_row("title", "name", NA)])
        (with_type,) = groups((there, Side.SOURCE), (typed_back, Side.TARGET))
        (without,) = groups((there, Side.SOURCE), (untyped_back, Side.TARGET))
        assert with_type.members[0].hidden is None
        hidden.add(without.members[0].hidden)
    assert hidden == {None, "swap-case"}


def test_paths_are_matched_without_letter_case() -> None:
    (group,) = one(make_row("NAME", "Title"))
    assert (group.members[0].source.path, group.target.path) == ("name", "title")


@pytest.mark.parametrize(
    ("expression", "source", "target", "value", "there"),
    [
        (call("datetime-format", "%Y-%m-%d", V), "born", "birthday", "2024-05-06", "2024-05-06"),
        (call("datetime-format", "%d.%m.%Y", V), "born", "visit", "2024-05-06", "06.05.2024"),
        (call("datetime-parse", "%d.%m.%Y", V), "status", "birthday", "06.05.2024", "2024-05-06"),
        (call("replace", " ", "", V), "nick", "alias", "ab", "ab"),
        (call("integer", call("decimal", V)), "status", "score", "12", 12),
        (call("if", call("neq", V, "X"), call("integer"), call("string")), "status", "grade", "12", "12"),
        (call("string"), "rating", "grade", 7, "7"),
    ],
    ids=["iso date", "date", "parsed date", "replace", "casts", "if", "string"],
)
def test_a_transform_is_undone_where_it_gives_the_value_back(
    expression: Any, source: str, target: str, value: Any, there: Any
) -> None:
    (group,) = one(transformed(source, target, expression))
    (member,) = group.members
    assert member.forward(value, NOW) == there
    assert member.backward(there, NOW) == value


@pytest.mark.parametrize(
    ("expression", "there"),
    [
        (call("replace", " ", "", V), "a b"),
        (call("first", call("split", ",", V)), "a,b"),
        (call("join", "-", call("list", V, V)), "ab"),
        (call("if", call("eq", V, ""), "-", "x"), "y"),
    ],
    ids=["replace", "split", "join", "constant"],
)
def test_a_transform_that_gives_something_else_back_is_not_undone(expression: Any, there: str) -> None:
    (group,) = one(transformed("nick", "alias", expression))
    assert group.members[0].backward(there, NOW) is UNFIT


@pytest.mark.parametrize(
    ("data_type", "value", "there"),
    [('"integer"', "12", "12"), ('"integer"', "word", "word"), ('"first"', "a", "a"), ('"boolean"', "TRUE", "true")],
)
def test_a_declared_type_casts_what_it_can_and_leaves_the_rest(data_type: str, value: str, there: str) -> None:
    (group,) = one(make_row("nick", "alias", data_type))
    assert group.members[0].forward(value, NOW) == there


def test_a_row_of_no_data_type_may_hide_a_change_that_can_be_undone() -> None:
    hidden = set()
    for path in ("name", "nick", "status", "address.city", "address.street"):
        for target in ("title", "alias", "street", "town", "grade"):
            (group,) = one(make_row(path, target, NA))
            (member,) = group.members
            hidden.add(member.hidden)
            assert member.backward(member.forward("Ab c", NOW), NOW) == "Ab c"  # type: ignore[arg-type]
    assert hidden == {None, "swap-case"}


@pytest.mark.parametrize(
    ("rows", "merge"),
    [
        ([make_row("name", target, NA) for target in ("title", "alias", "street", "town", "grade")], []),
        ([make_row("rating", "score", NA), make_row("vip", "gold", NA)], []),
        ([make_row("name", "title", NA), make_row("nick", "alias", NA)], [("name", "x"), ("x", "alias")]),
        (
            [make_row("name", "title", NA), make_row("nick", "alias", "N/A", (Side.SOURCE, "x", "name"))],
            [("nick", "x")],
        ),
    ],
    ids=["shared", "no texts", "merge criteria", "qualifiers"],
)
def test_what_others_rely_on_is_never_changed_in_secret(rows: Any, merge: Any) -> None:
    found = groups((flow(*rows, merge=[make_merge(*pair) for pair in merge]), Side.SOURCE))
    assert {member.hidden for group in found for member in group.members} == {None}


def test_an_id_held_as_text_does_not_lead_back_and_a_code_is_no_reference() -> None:
    as_text, looked_up = one(make_row("patronId", "alias"), make_row("nick", "parent.id"))
    assert as_text.members[0].forward("c1", NOW) == "c1"
    assert as_text.members[0].backward("c2", NOW) is UNFIT
    assert looked_up.members[0].refers
    assert not looked_up.plain


@pytest.mark.parametrize(
    ("value", "path", "held", "applies"),
    [
        ("NO", "status", "NO", True),
        ("NO", "STATUS", "NO", True),
        ("NO", "status", "SE", False),
        ("NO", "status", None, False),
        ("", "status", None, True),
        ("", "status", "NO", False),
        ("true", "status", True, True),
        ("b", "status", ("a", "b"), True),
        ("wd:Q1", "status", "wd:Q1", False),
        ("NO", " ", "NO", False),
    ],
)
def test_a_qualifier_holds_where_its_value_stands_in_its_path(value: str, path: str, held: Any, applies: bool) -> None:
    (group,) = one(make_row("name", "title", '"string"', (Side.SOURCE, value, path)))
    assert group.members[0].applies({"status": held}, {}) is applies


def field(kind: FieldType, **more: Any) -> FieldSchema:
    return typed("f", kind, **more)


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (None, FieldType.INTEGER, None),
        ("", FieldType.STRING, None),
        ((None, ""), FieldType.STRING, None),
        (5, FieldType.STRING, "5"),
        (5.0, FieldType.STRING, "5"),
        (5.5, FieldType.TEXT, "5.5"),
        (True, FieldType.STRING, "true"),
        (False, FieldType.PICKLIST, "false"),
        (("a", "b"), FieldType.STRING, "a"),
        ("12", FieldType.INTEGER, 12),
        (" 12.0 ", FieldType.INTEGER, 12),
        ("12.5", FieldType.INTEGER, UNFIT),
        ("1_000", FieldType.INTEGER, UNFIT),
        ("x", FieldType.INTEGER, UNFIT),
        ("inf", FieldType.DECIMAL, UNFIT),
        ("12.5", FieldType.DECIMAL, 12.5),
        (True, FieldType.DECIMAL, UNFIT),
        ("Yes", FieldType.BOOLEAN, True),
        (0, FieldType.BOOLEAN, False),
        ("perhaps", FieldType.BOOLEAN, UNFIT),
        (True, FieldType.BOOLEAN, True),
        ("2024-05-06T07:08:09Z", FieldType.DATE, "2024-05-06"),
        ("2024-05-06", FieldType.DATE, "2024-05-06"),
        ("2024-05-06", FieldType.DATETIME, "2024-05-06T00:00:00Z"),
        ("2024-05-06T07:08:09Z", FieldType.DATETIME, "2024-05-06T07:08:09Z"),
        ("yesterday evening", FieldType.DATE, UNFIT),
        ("soon", FieldType.DATE, UNFIT),
        (20240506, FieldType.DATE, UNFIT),
        ("c1", FieldType.REFERENCE, "c1"),
        ("x", FieldType.OPAQUE, UNFIT),
    ],
)
def test_a_value_is_converted_or_not_carried(value: Any, kind: FieldType, expected: Any) -> None:
    found = convert(value, field(kind))
    assert found == expected
    assert type(found) is type(expected)


def test_lists_are_converted_item_by_item_or_not_at_all() -> None:
    listed = field(FieldType.INTEGER, list_at="f")
    assert convert(("1", "2"), listed) == (1, 2)
    assert convert("1", listed) == (1,)
    assert convert(("1", "x"), listed) is UNFIT


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (None, "", True),
        (None, (), True),
        ((None,), (), True),
        (0, None, False),
        (False, 0, False),
        (1, 1.0, True),
        (("a",), ("a",), True),
        (("a",), ("a", "b"), False),
        (("a", None), ("a", ""), True),
        ("a", ("a",), False),
    ],
)
def test_values_are_the_same_when_stored_alike_and_all_emptiness_is_one(left: Any, right: Any, same: bool) -> None:
    assert is_same(left, right) is same
    assert is_same(right, left) is same


@given(st.one_of(st.integers(-(10**12), 10**12), st.booleans(), st.decimals(-(10**6), 10**6, places=3).map(float)))
def test_what_is_written_as_text_comes_back_as_it_was(value: Any) -> None:
    kind = FieldType.BOOLEAN if isinstance(value, bool) else FieldType.DECIMAL
    assert is_same(convert(to_text(value), field(kind)), value)  # type: ignore[arg-type]
    assert not is_empty(value)


def test_a_member_without_anything_special_copies() -> None:
    member = Member(source=text("a"), target=text("b"))
    assert (member.forward("x", NOW), member.backward("y", NOW)) == ("x", "y")
    assert (member.forward(None, NOW), member.backward("", NOW)) == (None, None)
