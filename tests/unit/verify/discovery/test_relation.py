"""Tests of `talkqa.verify.discovery.relation`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkqa.documents.transforms import read_transform
from talkqa.model.record import Scalar
from talkqa.model.schema import FieldSchema, FieldType
from talkqa.verify.discovery.relation import RELATIONS, Ends, Relation, find_relation
from talkqa.verify.oracle import evaluate

EXPRESSED = [relation for relation in RELATIONS if relation.transform is not None]


def ends(source: FieldType = FieldType.STRING, target: FieldType = FieldType.STRING) -> Ends:
    return Ends(source=FieldSchema(path="a", type=source), target=FieldSchema(path="b", type=target))


def cell(joined: Ends, *values: tuple[Scalar, Scalar]) -> str | None:
    found = find_relation(joined, values)
    return None if found is None else found.cell(joined)


@pytest.mark.parametrize("relation", EXPRESSED, ids=lambda relation: relation.words)
def test_each_expression_reads_back_as_what_it_says(relation: Relation) -> None:
    """What is printed into a document's cell is the expression that was confirmed."""
    assert relation.transform is not None
    read = read_transform(relation.transform.text)
    assert read is not None
    assert read.expression == relation.transform.expression
    assert not read.repaired


@pytest.mark.parametrize(
    ("source", "target", "values", "expected"),
    [
        (FieldType.STRING, FieldType.STRING, [("Zuvesuli z7hb6j28", "Zuvesuli z7hb6j28")], '"string"'),
        (FieldType.DECIMAL, FieldType.DECIMAL, [(12.34, 12.34)], '"decimal"'),
        (FieldType.INTEGER, FieldType.INTEGER, [(12345, 12345)], '"integer"'),
        (FieldType.BOOLEAN, FieldType.BOOLEAN, [(True, True), (False, False)], '"boolean"'),
        (FieldType.DATE, FieldType.DATE, [("2024-12-14", "2024-12-14")], '"string"'),
        (FieldType.DATE, FieldType.STRING, [("2024-12-14", "14-12-2024")], '["datetime-format","%d-%m-%Y","_."]'),
        (
            FieldType.DATETIME,
            FieldType.STRING,
            [("2024-12-14T10:20:30Z", "14.12.2024 10:20")],
            '["datetime-format","%d.%m.%Y %H:%M","_."]',
        ),
        (FieldType.PHONE, FieldType.PHONE, [("+31 97079560421", "+3197079560421")], '["replace"," ","","_."]'),
        (FieldType.STRING, FieldType.STRING, [("AB-1234-XY", "AB1234XY")], '["replace","-","","_."]'),
        (
            FieldType.PHONE,
            FieldType.PHONE,
            [("+31 97079560421", "97079560421")],
            '["if",["matches","+* *","_."],["join"," ",["slice",1,["split"," ","_."]]],"_."]',
        ),
        (
            FieldType.STRING,
            FieldType.STRING,
            [("Zuvesuli z7hb6j28", "z7hb6j28")],
            '["if",["matches","* *","_."],["join"," ",["slice",1,["split"," ","_."]]],"_."]',
        ),
        (FieldType.STRING, FieldType.STRING, [("0012345678", "12345678")], '["string",["integer","_."]]'),
        (FieldType.STRING, FieldType.STRING, [("Zuvesuli z7hb6j28", "zUVESULI Z7HB6J28")], "N/A"),
        (FieldType.STRING, FieldType.STRING, [("Zuvesuli z7hb6j28", "82j6bh7z ilusevuZ")], "N/A"),
        (FieldType.STRING, FieldType.STRING, [("Zuvesuli z7hb6j28", "Zuvesuli z7h")], "N/A"),
        (FieldType.STRING, FieldType.STRING, [("Zuvesuli z7hb6j28", "Order Zuvesuli z7hb6j28")], "N/A"),
        (FieldType.DECIMAL, FieldType.INTEGER, [(12.34, 1234)], "N/A"),
        (FieldType.BOOLEAN, FieldType.BOOLEAN, [(True, False), (False, True)], "N/A"),
        (FieldType.STRING, FieldType.STRING, [("Zuvesuli z7hb6j28", "Fusarogo h6934qt8")], None),
        (FieldType.STRING, FieldType.STRING, [("Zuvesuli z7hb6j28", "Zu")], None),
    ],
)
def test_the_plainest_relation_that_holds_is_meant(
    source: FieldType, target: FieldType, values: list[tuple[Scalar, Scalar]], expected: str | None
) -> None:
    """What a document prints says no more than was seen, and nothing where nothing holds."""
    assert cell(ends(source, target), *values) == expected


def test_a_date_that_two_formats_explain_is_of_neither() -> None:
    """Day and month cannot be told apart until one of them is above 12."""
    joined = ends(FieldType.DATE, FieldType.STRING)
    assert cell(joined, ("2024-05-05", "05-05-2024")) == "N/A"
    assert cell(joined, ("2024-05-05", "05-05-2024"), ("2024-05-25", "25-05-2024")) == (
        '["datetime-format","%d-%m-%Y","_."]'
    )


def test_a_relation_holds_for_all_values_or_not_at_all() -> None:
    """One pair of values that differs is enough."""
    joined = ends()
    assert cell(joined, ("Zuvesuli z7hb6j28", "Zuvesuli z7hb6j28"), ("Fusarogo h6934qt8", "fUSAROGO H6934QT8")) == "N/A"
    assert cell(joined, ("Zuvesuli z7hb6j28", "Zuvesuli z7hb6j28"), ("Fusarogo h6934qt8", "Nanifado v8zf29wv")) is None


@given(
    moments=st.lists(st.dates(), min_size=3, max_size=3, unique=True),
    relation=st.sampled_from([relation for relation in EXPRESSED if "date" in relation.words]),
)
def test_a_format_is_found_again_or_left_open(moments: list, relation: Relation) -> None:
    """Whatever date was written in whatever format: never another format than the one that was used."""
    assert relation.transform is not None
    joined = ends(FieldType.DATE, FieldType.STRING)
    days = [moment.isoformat() for moment in moments]
    values = [(day, evaluate(relation.transform, day, None, now=None)) for day in days]
    found = cell(joined, *[(own, other) for own, other in values if isinstance(other, str)])
    assert found in {relation.transform.text, "N/A", '"string"'}
    if found == '"string"':
        assert all(isinstance(other, str) and other.startswith(own) for own, other in values)
