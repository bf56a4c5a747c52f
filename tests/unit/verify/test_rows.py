"""Tests of `talkqa.verify.rows`."""

from collections.abc import Sequence

import pytest

from talkqa.model.check import RowClass
from talkqa.model.flow import EntityRef, Flow, PropertyRow, Side
from talkqa.model.location import Location
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType
from talkqa.model.transform import Call, Transform, Value
from talkqa.verify.rows import RowJudgement, comparable, judge_class

PLACE = Location(path="shop-to-till.rst", line=7)
UPPER = Transform(text='["string","_."]', expression=Call("string", (Value(),)))


def row(source: str, target: str, data_type: str = '"string"', transform: Transform | None = None) -> PropertyRow:
    return PropertyRow(source=source, target=target, data_type=data_type, location=PLACE, transform=transform)


def flow(*rows: PropertyRow) -> Flow:
    return Flow(
        id="shop.customer--till.client",
        source=EntityRef(system="Shop", entity="Customer"),
        target=EntityRef(system="Till", entity="Client"),
        rules=(),
        merge=(),
        properties=tuple(sorted(rows, key=lambda r: (r.source, r.target))),
    )


def entity(name: str, *fields: FieldSchema | str, **options: bool) -> EntitySchema:
    known = [FieldSchema(path=f, type=FieldType.STRING) if isinstance(f, str) else f for f in fields]
    return EntitySchema(name=name, fields=tuple(known), updateable=options.get("updateable", True))


def judge(
    one: PropertyRow, source: FieldSchema | str, target: FieldSchema | str, *, among: Sequence[PropertyRow] = ()
) -> RowJudgement:
    return judge_class(flow(one, *among), one, entity("Customer", source), entity("Client", target))


def typed(path: str, type_: FieldType, **options: bool | str | tuple[str, ...]) -> FieldSchema:
    return FieldSchema(path=path, type=type_, **options)  # type: ignore[arg-type]


def test_a_row_between_like_texts_is_plain() -> None:
    """Judged by equality, editable on both sides."""
    found = judge(row("name", "title"), "name", "title")
    assert found.row_class is RowClass.PLAIN
    assert found.source_writable and found.target_writable  # noqa: PT018 - one statement
    assert (found.source_reason, found.target_reason) == ("", "")
    assert found.field(Side.SOURCE) == found.source_field
    assert found.field(Side.TARGET) == found.target_field


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        (FieldType.REFERENCE, FieldType.REFERENCE, RowClass.IDENTITY),
        (FieldType.ID, FieldType.REFERENCE, RowClass.IDENTITY),
        (FieldType.STRING, FieldType.REFERENCE, RowClass.LOOKUP),
        (FieldType.ID, FieldType.STRING, RowClass.LOOKUP),
        (FieldType.STRING, FieldType.BOOLEAN, RowClass.HIDDEN_TRANSFORM),
        (FieldType.DATE, FieldType.DECIMAL, RowClass.HIDDEN_TRANSFORM),
        (FieldType.OPAQUE, FieldType.STRING, RowClass.HIDDEN_TRANSFORM),
        (FieldType.STRING, FieldType.DECIMAL, RowClass.PLAIN),
        (FieldType.DATE, FieldType.DATETIME, RowClass.PLAIN),
    ],
)
def test_types_of_both_ends_refine_the_class(source: FieldType, target: FieldType, expected: RowClass) -> None:
    """Ids of two systems are never equal, and values of strange types cannot be compared."""
    assert judge(row("owner", "keeper"), typed("owner", source), typed("keeper", target)).row_class is expected


def test_a_printed_transform_of_a_reference_is_no_oracle() -> None:
    """It gives an id of the source system, and the target holds one of its own."""
    one = row("owner", "keeper", '["string","_."]', UPPER)
    assert judge(one, typed("owner", FieldType.REFERENCE), typed("keeper", FieldType.REFERENCE)).row_class is (
        RowClass.IDENTITY
    )
    assert judge(one, "owner", "keeper").row_class is RowClass.TRANSFORM


def test_a_reference_of_a_lookup_stays_a_lookup_where_the_other_end_is_unknown() -> None:
    """The document said code to id; the schema adds that it is a reference."""
    lookup = judge(row("currency.id", "currencyCode"), typed("currency.id", FieldType.REFERENCE), "other")
    assert lookup.row_class is RowClass.LOOKUP
    identity = judge(row("owner", "keeper"), typed("owner", FieldType.REFERENCE), "other")
    assert identity.row_class is RowClass.IDENTITY


def test_a_list_path_is_judged_by_containment() -> None:
    """Whatever the path is called."""
    listed = typed("mail.value", FieldType.STRING, list_at="mail")
    assert judge(row("mail.value", "email"), listed, "email").row_class is RowClass.LIST


def test_a_path_that_only_sounds_like_a_list_is_plain() -> None:
    """The schema knows better than the plural."""
    assert judge(row("Emails.Value", "email"), "Emails.Value", "email").row_class is RowClass.PLAIN
    assert judge(row("Emails.Value", "email", '"list"'), "Emails.Value", "email").row_class is RowClass.LIST
    assert judge(row("Emails.Value", "email"), "other", "email").row_class is RowClass.LIST


def test_several_sources_of_one_target_are_shared() -> None:
    """The target takes one of the values."""
    one, other = row("name", "title"), row("alias", "title")
    found = judge_class(flow(one, other), one, entity("Customer", "name", "alias"), entity("Client", "title"))
    assert found.row_class is RowClass.SHARED


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        (typed("name", FieldType.STRING, updateable=False), "name of Customer is read-only"),
        (
            typed("name", FieldType.STRING, updateable=False, unconfirmed=True),
            "name of Customer is read-only (as far as is known; not confirmed)",
        ),
        (typed("name", FieldType.ID), "name of Customer is given by the system"),
        (typed("name", FieldType.OPAQUE), "name of Customer is of a kind that a test does not write"),
        (typed("other", FieldType.STRING), "Customer has no property name"),
    ],
)
def test_a_property_that_cannot_be_edited_says_why(field: FieldSchema, reason: str) -> None:
    """The check is then not runnable in that direction, with this reason."""
    found = judge(row("name", "title"), field, "title")
    assert not found.source_writable
    assert found.reason(Side.SOURCE) == reason
    assert not found.writable(Side.SOURCE)
    assert found.writable(Side.TARGET)
    assert found.reason(Side.TARGET) == ""


def test_records_that_never_change_have_no_editable_property() -> None:
    """Whatever their fields claim."""
    found = judge_class(
        flow(row("name", "title")),
        row("name", "title"),
        entity("Customer", "name"),
        entity("Client", "title", updateable=False),
    )
    assert found.target_reason == "records of Client cannot be changed once they exist"


def test_a_property_that_can_be_edited_but_not_set_on_creation_is_editable() -> None:
    """An edit needs a record that exists."""
    assert judge(row("name", "title"), typed("name", FieldType.STRING, createable=False), "title").source_writable


# What moves along


def _along(one: PropertyRow, *others: PropertyRow) -> tuple[tuple[str, ...], tuple[str, ...]]:
    every = (one, *others)
    found = judge_class(
        flow(*every),
        one,
        entity("Customer", *sorted({r.source for r in every})),
        entity("Client", *sorted({r.target for r in every})),
    )
    assert found.moves_along(Side.SOURCE) == found.moves_along_source
    assert found.moves_along(Side.TARGET) == found.moves_along_target
    return found.moves_along_source, found.moves_along_target


def test_a_row_of_its_own_moves_nothing_else() -> None:
    """Every other property of the pair must stay."""
    assert _along(row("a", "x"), row("b", "y")) == ((), ())


def test_rows_that_share_an_end_move_along_transitively() -> None:
    """Where a feeds x and y, and b feeds y and z, an edit of a may reach them all."""
    assert _along(row("a", "x"), row("a", "y"), row("b", "y"), row("b", "z"), row("c", "q")) == (("b",), ("y", "z"))


def test_an_object_and_its_parts_move_together() -> None:
    """`address` and `address.city` are one value seen twice; `addressee` is not part of it."""
    assert _along(row("address", "x"), row("address.city", "y"), row("addressee", "z")) == (("address.city",), ("y",))


def test_letter_case_of_a_path_is_the_schemas() -> None:
    """Documents write ID and Id for one property."""
    one, other = row("Email", "x"), row("EMAIL", "y")
    found = judge_class(flow(one, other), one, entity("Customer", "email"), entity("Client", "x", "Y"))
    assert found.moves_along_source == ()
    assert found.moves_along_target == ("Y",)


# Comparable


def test_unknown_properties_are_left_to_their_values() -> None:
    """A schema that is silent forbids nothing."""
    assert comparable(None, typed("x", FieldType.OPAQUE))
    assert comparable(typed("x", FieldType.STRING), None)


def test_comparable_is_symmetric() -> None:
    """It is about two types, not about a direction."""
    for one in FieldType:
        for other in FieldType:
            assert comparable(typed("x", one), typed("y", other)) == comparable(typed("y", other), typed("x", one))


def test_closed_choices_without_a_common_word_are_not_comparable() -> None:
    """Each system has its own words: a lookup that nobody documented."""
    red, blue = (typed("c", FieldType.PICKLIST, picklist=(w, "Grey"), restricted=True) for w in ("Red", "Blue"))
    green = typed("c", FieldType.PICKLIST, picklist=("Green",))
    assert comparable(red, blue)
    assert not comparable(red, green)
    assert comparable(green, typed("c", FieldType.PICKLIST, picklist=("Lime",)))
