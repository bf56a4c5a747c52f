"""Tests of `talkqa.verify.discovery.assignment`."""

from hypothesis import given
from hypothesis import strategies as st

from talkqa.model.schema import FieldSchema, FieldType
from talkqa.systems.sentinels import Sentinels
from talkqa.verify.discovery.assignment import WORDS, Assigner

TYPES = [kind for kind in FieldType if kind not in {FieldType.BOOLEAN, FieldType.PICKLIST}]


@st.composite
def entities(draw: st.DrawFn) -> list[FieldSchema]:
    kinds = draw(st.lists(st.sampled_from(TYPES), min_size=1, max_size=60))
    return [
        FieldSchema(
            path=f"f{at}",
            type=kind,
            max_length=draw(st.sampled_from([None, 9, 12, 30])),
            scale=draw(st.sampled_from([None, 2, 4])) if kind is FieldType.DECIMAL else None,
        )
        for at, kind in enumerate(kinds)
    ]


@given(fields=entities(), seed=st.integers(0, 1000))
def test_no_value_is_given_twice(fields: list[FieldSchema], seed: int) -> None:
    """Not to two properties, not to one in two writes; days count as equal, whatever the hour."""
    assigner = Assigner(Sentinels(seed, "world"), "key")
    given_out = [value for write in range(3) for value in assigner.assign(fields, write).values()]
    marks = [str(value)[:10] if isinstance(value, str) and value[4:5] == "-" else str(value) for value in given_out]
    assert len(marks) == len(set(marks))


@given(fields=entities(), seed=st.integers(0, 1000))
def test_equal_explorations_write_equal_values(fields: list[FieldSchema], seed: int) -> None:
    """A replayed exploration writes what it wrote."""
    one, other = (Assigner(Sentinels(seed, "world"), "key") for _ in range(2))
    assert [one.assign(fields, write) for write in range(3)] == [other.assign(fields, write) for write in range(3)]


@given(fields=entities())
def test_values_fit_their_fields(fields: list[FieldSchema]) -> None:
    """Texts have room, whole numbers have no point, and nothing is made up for ids and references."""
    values = Assigner(Sentinels(0, "world"), "key").assign(fields, 0)
    for field in fields:
        value = values.get(field.path)
        if field.type in {FieldType.ID, FieldType.REFERENCE, FieldType.OPAQUE}:
            assert value is None
        elif field.type is FieldType.INTEGER:
            assert isinstance(value, int)
        elif (
            isinstance(value, str) and field.max_length is not None and field.type in {FieldType.STRING, FieldType.TEXT}
        ):
            assert len(value) <= field.max_length


def test_truth_values_follow_code_words() -> None:
    """Six of them differ in one of three writes; the first four turn when a probe is changed."""
    fields = [FieldSchema(path=f"b{at}", type=FieldType.BOOLEAN) for at in range(6)]
    assigner = Assigner(Sentinels(0, "world"), "key")
    writes = [assigner.assign(fields, write) for write in range(3)]
    words = [tuple(write[field.path] for write in writes) for field in fields]
    assert len(set(words)) == 6
    assert words == list(WORDS)
    assert all(first != last for first, _, last in words[:4])


def test_picklists_change_at_each_write() -> None:
    """And the next picklist has other values at the same time."""
    fields = [FieldSchema(path=p, type=FieldType.PICKLIST, picklist=("a", "b", "c"), restricted=True) for p in "xy"]
    assigner = Assigner(Sentinels(0, "world"), "key")
    writes = [assigner.assign(fields, write) for write in range(3)]
    assert [write["x"] for write in writes] == ["a", "b", "c"]
    assert all(write["x"] != write["y"] for write in writes)
