"""Tests of `talkqa.verify.discovery.confidence`."""

import pytest

from talkqa.model.schema import FieldSchema, FieldType
from talkqa.verify.discovery.confidence import LEAST, confidence_of, weigh


def field(kind: FieldType, **more: tuple[str, ...]) -> FieldSchema:
    return FieldSchema(path="x", type=kind, **more)  # type: ignore[arg-type]


def test_a_telling_text_says_more_than_a_date_and_that_more_than_a_truth_value() -> None:
    """In this order they are met by chance."""
    text = weigh("Zuvesuli z7hb6j28", field(FieldType.STRING), moved=False)
    date = weigh("2024-12-14", field(FieldType.DATE), moved=False)
    truth = weigh(True, field(FieldType.BOOLEAN), moved=False)
    assert text > date > truth == 1.0
    assert weigh(True, field(FieldType.BOOLEAN), moved=True) > truth


def test_an_open_choice_counts_for_what_could_have_been_chosen() -> None:
    """One of four values says two bits."""
    assert weigh("a", field(FieldType.PICKLIST, picklist=("a", "b", "c", "d")), moved=False) == 2.0
    assert weigh(None, field(FieldType.STRING), moved=False) == 0.0


@pytest.mark.parametrize(("bits", "rivals", "sure"), [(80, 1000, True), (12, 30, True), (2, 1, False), (6, 60, False)])
def test_more_rivals_need_more_bits(bits: float, rivals: int, sure: bool) -> None:
    """What one pair shows is little where many could have shown it."""
    assert (confidence_of(bits, rivals) >= LEAST) is sure


def test_nothing_is_certain() -> None:
    """And nothing is less than impossible."""
    assert confidence_of(1000, 1) < 1.0
    assert confidence_of(0, 100) == 0.0
