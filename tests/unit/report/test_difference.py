"""Expected against observed: by property for records, by words for texts."""

from hypothesis import given
from hypothesis import strategies as st

from talkqa.report.difference import compare_properties, compare_texts


def test_records_are_compared_property_by_property_differences_first() -> None:
    found = compare_properties(
        '{"a": 1, "b": {"c": "x", "d": 2}, "e": true, "z": 0}', '{"a": "1", "b": {"c": "y", "d": 2}, "f": null, "z": 0}'
    )
    assert [(row.path, row.kind) for row in found] == [
        ("a", "wrong type"),
        ("b.c", "different"),
        ("e", "missing"),
        ("f", "extra"),
        ("b.d", "same"),
        ("z", "same"),
    ]


def test_what_is_no_record_is_no_property_comparison() -> None:
    assert compare_properties("'a'", "{}") == ()
    assert compare_properties("[1]", "[2]") == ()
    assert compare_properties("[" * 100_000, "{}") == ()


def test_whole_words_are_marked() -> None:
    change = compare_texts("'amber otter 12'", "'amber ocean 12'")
    assert (change.before, change.expected, change.observed, change.after) == ("'amber ", "otter", "ocean", " 12'")


@given(st.text("ab 1", max_size=12), st.text("ab 1", max_size=12))
def test_the_parts_of_a_change_make_up_both_texts(expected: str, observed: str) -> None:
    change = compare_texts(expected, observed)
    assert change.before + change.expected + change.after == expected
    assert change.before + change.observed + change.after == observed
